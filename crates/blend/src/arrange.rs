use std::{collections::HashMap, num::NonZeroUsize};

use crossfade_catalog::CategoryColumn;

use crate::{
    Answer, Arrangement, Engine, Error, Moved, Query, RankedTrack, kinship::Kinship,
    recommend::Asked,
};

/// Candidates that diversity chooses among besides as many as are wanted: three times these, within limits. Further ones
/// would hardly be chosen, and what choosing costs grows with them.
const CANDIDATES: (usize, usize, usize) = (3, 100, 400);

impl Query {
    /// How many tracks are arranged.
    fn candidates(&self) -> usize {
        let (times, least, most) = CANDIDATES;
        match self.arrangement.diversity.get() > 0.0 {
            true => self.limit + (times * self.limit).clamp(least, most),
            false => self.limit,
        }
    }

    /// How many of the best tracks are looked for first.
    pub(crate) fn pool(&self) -> usize {
        if self.arrangement == Arrangement::default() {
            return self.limit;
        }
        let wanted = match self.arrangement.max_per_artist {
            // About half are expected to be too many of their artist.
            Some(_) => 2 * self.candidates(),
            None => self.candidates(),
        };
        wanted.max(self.depth)
    }
}

impl Engine {
    /// Makes of the best tracks by score, [as many as were looked for first](Query::pool), the list that was asked for.
    ///
    /// No artist has more than its share among the candidates, so none has in the list, whatever diversity chooses.
    pub(crate) fn arrange(&self, mut asked: Asked<'_>, found: Answer) -> Result<Answer, Error> {
        let query = asked.query;
        if query.arrangement == Arrangement::default() {
            return Ok(found);
        }
        let mut answer = self.within_cap(&mut asked, found)?;
        let diversity = query.arrangement.diversity.get();
        match diversity > 0.0 {
            true => self.diversify(&mut answer.tracks, query.limit, diversity),
            false => answer.tracks.truncate(query.limit),
        }
        Ok(answer)
    }

    /// The best candidates by score of which no artist has more than its share.
    ///
    /// While there are too few, it looks for more, without the tracks of the artists whose share is full: going through
    /// them in order of score would pass over these. Twice as many are looked for each time, so the rounds are few. It ends
    /// with fewer than were wanted only when no further track qualifies.
    fn within_cap(&self, asked: &mut Asked<'_>, found: Answer) -> Result<Answer, Error> {
        let query = asked.query;
        let mut shares = Shares::new(&self.model().tracks.artist, query.arrangement);
        let mut answer = Answer {
            tracks: Vec::new(),
            ..found
        };
        let mut round = found.tracks;
        let (mut looked, mut is_first) = (query.pool(), true);
        loop {
            let is_last = round.len() < looked;
            for ranked in round {
                if answer.tracks.len() == query.candidates() {
                    break;
                }
                if shares.admit(ranked.track) {
                    let within_cap = answer.tracks.len() as u32 + 1;
                    let by_score = ranked.moved.by_score.filter(|_| is_first);
                    answer.tracks.push(RankedTrack {
                        moved: Moved {
                            by_score,
                            within_cap,
                        },
                        ..ranked
                    });
                }
            }
            if is_last || answer.tracks.len() == query.candidates() {
                return Ok(answer);
            }
            let full = shares
                .full()
                .flat_map(|artist| self.facets.of_artist(artist));
            let kept = answer.tracks.iter().map(|ranked| ranked.track);
            asked.deny(kept.chain(full.copied()));
            looked *= 2;
            is_first = false;
            let next = self.look_up(asked, looked)?;
            answer.retrieval.scored += next.retrieval.scored;
            answer.retrieval.took += next.retrieval.took;
            round = next.tracks;
        }
    }

    /// Chooses tracks one after another by maximal marginal relevance (Carbonell and Goldstein 1998): each time the one with
    /// the largest
    ///
    /// ```text
    /// (1 - diversity) relevance  -  diversity (largest similarity to a track chosen before)
    /// ```
    ///
    /// where the relevance of the candidates runs from 0 for the worst score to 1 for the best one, whatever a listener's
    /// scores are like, and similarities are those of [`Kinship`]. The best track comes first; among equals, the better.
    fn diversify(&self, tracks: &mut Vec<RankedTrack>, limit: usize, diversity: f64) {
        let mut left: Vec<Candidate> = relevance(tracks).collect();
        let kin = Kinship::of(self, tracks.iter().map(|ranked| ranked.track));
        let mut chosen: Vec<RankedTrack> = Vec::with_capacity(limit.min(tracks.len()));
        while chosen.len() < limit && !left.is_empty() {
            let worth = |candidate: &Candidate| {
                (1.0 - diversity) * candidate.relevance - diversity * candidate.nearest
            };
            let mut best = 0;
            for place in 1..left.len() {
                if worth(&left[place]) > worth(&left[best]) {
                    best = place;
                }
            }
            let next = left.remove(best);
            chosen.push(tracks[next.place]);
            let is_first = chosen.len() == 1;
            for candidate in &mut left {
                let similarity = kin.between(next.place, candidate.place);
                candidate.nearest = match is_first {
                    true => similarity,
                    false => candidate.nearest.max(similarity),
                };
            }
        }
        *tracks = chosen;
    }
}

/// A track that may be chosen.
struct Candidate {
    /// Where it stands among the candidates.
    place: usize,
    relevance: f64,
    /// The largest similarity to a chosen one; 0 before there is any.
    nearest: f64,
}

fn relevance(tracks: &[RankedTrack]) -> impl Iterator<Item = Candidate> {
    let score = |ranked: &RankedTrack| ranked.components.sum();
    let worst = tracks.iter().map(score).fold(f64::INFINITY, f64::min);
    let best = tracks.iter().map(score).fold(f64::NEG_INFINITY, f64::max);
    let relevance = move |ranked: &RankedTrack| match best > worst {
        true => (score(ranked) - worst) / (best - worst),
        false => 1.0,
    };
    let tracks = tracks.iter().enumerate();
    tracks.map(move |(place, ranked)| Candidate {
        place,
        relevance: relevance(ranked),
        nearest: 0.0,
    })
}

/// How many tracks each artist has been given.
struct Shares<'a> {
    artists: &'a CategoryColumn,
    most: usize,
    given: HashMap<u32, usize>,
}

impl<'a> Shares<'a> {
    fn new(artists: &'a CategoryColumn, arrangement: Arrangement) -> Self {
        Self {
            artists,
            most: arrangement
                .max_per_artist
                .map_or(usize::MAX, NonZeroUsize::get),
            given: HashMap::new(),
        }
    }

    /// Whether the track's artist may have another one; counts it if so.
    fn admit(&mut self, track: u32) -> bool {
        let Some(artist) = self.artists.code(track) else {
            return true;
        };
        let given = self.given.entry(artist).or_default();
        let admitted = *given < self.most;
        *given += usize::from(admitted);
        admitted
    }

    /// The artists that may have no further track.
    fn full(&self) -> impl Iterator<Item = u32> {
        let full = self.given.iter().filter(|&(_, &given)| given >= self.most);
        full.map(|(&artist, _)| artist)
    }
}
