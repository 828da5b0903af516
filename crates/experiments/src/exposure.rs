use crate::{Shown, Team, Trial};

/// A list that was shown as part of an experiment, as it is kept: all that a report or an estimate needs of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposure {
    /// The experiment's name.
    pub experiment: String,
    /// The definition's [fingerprint](crate::Experiment::fingerprint) when it was shown.
    pub definition: String,
    /// Name of the arm; [`INTERLEAVED`](crate::INTERLEAVED) where the list has both.
    pub arm: String,
    /// Probability with which the user was dealt the arm: its share. 1 where nobody is dealt out.
    pub propensity: f64,
    /// To whom.
    pub user_id: String,
    /// The request that it answered; for a user and an experiment, the same id is the same list.
    pub request_id: String,
    /// When, in milliseconds since 1970.
    pub shown_at_ms: i64,
    /// The bundle it was made from.
    pub bundle_version: String,
    /// How active the user was before: `ln(1 + tracks known to have been played)`.
    pub activity: f64,
    /// How long it took to make, in milliseconds.
    pub latency_ms: f64,
    /// Share of the list that its most frequent artist has, from 0 to 1.
    pub top_artist_share: f64,
    /// Its tracks, best first.
    pub tracks: Vec<String>,
    /// Whose pick each is, where arms are interleaved: as many as tracks, or none.
    pub teams: Vec<Option<Team>>,
    /// What was tried in it, if anything was.
    pub trial: Option<Trial>,
}

impl Exposure {
    /// As a [ledger](crate::Ledger) takes it.
    pub fn shown(&self) -> Shown<'_> {
        Shown {
            user_id: &self.user_id,
            request_id: &self.request_id,
            definition: &self.definition,
            arm: &self.arm,
            shown_at_ms: self.shown_at_ms,
            activity: self.activity,
            latency_ms: self.latency_ms,
            top_artist_share: self.top_artist_share,
            tracks: &self.tracks,
            teams: &self.teams,
        }
    }

    /// Tells the list from all others: 16 bytes of the BLAKE3 of experiment, user and request.
    pub fn key(&self) -> u128 {
        let fields = [&self.experiment, &self.user_id, &self.request_id];
        let hash = crate::fields::hash(&fields.map(String::as_bytes));
        let first = hash.as_bytes().first_chunk();
        u128::from_le_bytes(*first.expect("invariant: a BLAKE3 has 32 bytes"))
    }
}
