//! Lists that are part of experiments: which ranking makes them, what is tried in them, and what is kept of them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crossfade_blend::{Answer, Basis, ContentWeight, Engine, Listener, Query, Ranking};
use crossfade_events::ExposureLog;
use crossfade_experiments::{
    Attribution, Candidate, Coins, Exposure, INTERLEAVED, Pick, Sealer, Team, Trial, chance,
    interleave,
};
use tokio::sync::oneshot;

use crate::{
    experiments::{Defined, Treatment, ranking},
    grpc::{
        convert::{Enrolment, Order, now_ms},
        status::Refusal,
    },
    pb,
    serving::Serving,
};

/// A user who takes part in an experiment, by one list.
#[derive(Debug)]
pub(in crate::grpc) struct Enrolled {
    defined: Arc<Defined>,
    treatment: Treatment,
    user_id: String,
    request_id: String,
    shown_at_ms: i64,
}

impl Enrolled {
    /// `None` for a user who takes no part.
    pub(in crate::grpc) fn of(
        serving: &Serving,
        enrolment: Enrolment,
        user_id: String,
    ) -> Result<Option<Self>, Refusal> {
        let experiments = serving.experiments();
        let Some(defined) = experiments.find(&enrolment.experiment) else {
            return Err(Refusal::UnknownExperiment(enrolment.experiment));
        };
        if experiments.log().is_none() {
            return Err(Refusal::ExposuresOff);
        }
        let shown_at_ms = now_ms();
        let treatment = defined.treatment(&user_id, shown_at_ms);
        Ok(treatment.map(|treatment| Self {
            defined: Arc::clone(defined),
            treatment,
            user_id,
            request_id: enrolment.request_id.unwrap_or_else(|| experiments.new_id()),
            shown_at_ms,
        }))
    }

    /// The rankings that make the list: that of an arm, or both.
    pub(super) fn orders(&self, asked: Order) -> Vec<Order> {
        let arms = self.defined.shown(self.treatment).iter();
        arms.map(|arm| asked.with_ranking(ranking(arm))).collect()
    }

    /// How many tracks beyond a list are needed, for there to be something to try in it.
    pub(super) fn further(&self, limit: usize) -> usize {
        let exploration = self.defined.experiment.exploration;
        let explored = exploration.filter(|exploration| exploration.place <= limit);
        explored.map_or(0, |exploration| exploration.candidates - 1)
    }

    /// Puts what is to be tried in its place of a list. Popular tracks for somebody of whom nothing is known are left as they
    /// are, because no ranking knows any better.
    pub(super) fn explore(
        &self,
        (engine, listener): (&Engine, &Listener),
        query: &Query,
        answer: &mut Answer,
    ) -> Result<Option<Trial>, Refusal> {
        let Some(exploration) = self.defined.experiment.exploration else {
            return Ok(None);
        };
        let place = exploration.place - 1;
        let from = answer
            .tracks
            .iter()
            .skip(place)
            .take(exploration.candidates);
        let tracks: Vec<u32> = from.map(|ranked| ranked.track).collect();
        let asked_for_popular = query.ranking == Ranking::Popular;
        if tracks.len() < 2 || (answer.basis == Basis::Popular && !asked_for_popular) {
            return Ok(None);
        }
        let salt = self.defined.experiment.salt(&self.defined.name);
        let chance = chance(salt, &self.user_id, &self.request_id);
        let drawn = exploration.draw(tracks.len(), chance);
        let mut candidates = candidates(engine, listener, query, &tracks)?;
        for (at, candidate) in candidates.iter_mut().enumerate() {
            candidate.probability = exploration.probability(at, tracks.len());
        }
        answer.tracks[place..=place + drawn].rotate_right(1);
        Ok(Some(Trial {
            place,
            drawn,
            candidates,
        }))
    }

    /// One list of both arms' lists, and whose pick each track is.
    pub(super) fn draft(
        &self,
        lists: [Vec<pb::RankedTrack>; 2],
        limit: usize,
    ) -> (Vec<pb::RankedTrack>, Vec<Option<Team>>) {
        let ids = lists.each_ref().map(|list| {
            let tracks = list.iter().map(|track| track.track_id.as_str());
            tracks.collect::<Vec<_>>()
        });
        let coins = self.coins();
        let picks = interleave(&ids[0], &ids[1], limit, coins);
        let by_id = lists.each_ref().map(|list| {
            let tracks = list.iter().map(|track| (track.track_id.as_str(), track));
            tracks.collect::<HashMap<_, _>>()
        });
        let tracks = (1..).zip(&picks).filter_map(|(rank, pick)| {
            let [first, second] = by_id.each_ref().map(|list| list.get(pick.track));
            let track = match pick.team {
                Some(Team::Second) => second,
                Some(Team::First) | None => first.or(second),
            };
            track.map(|&track| pb::RankedTrack {
                rank,
                ..track.clone()
            })
        });
        (
            tracks.collect(),
            picks.iter().map(|pick| pick.team).collect(),
        )
    }

    /// One list of two that a caller brought.
    pub(in crate::grpc) fn draft_ids<'a>(
        &self,
        [first, second]: [&[&'a str]; 2],
        limit: usize,
    ) -> Vec<Pick<&'a str>> {
        interleave(first, second, limit, self.coins())
    }

    fn coins(&self) -> Coins {
        let salt = self.defined.experiment.salt(&self.defined.name);
        Coins::new(salt, &self.user_id, &self.request_id)
    }

    /// What is kept of a list that was made for somebody who had played so many tracks, in such a time.
    pub(super) fn exposure(
        self,
        response: &pb::RecommendResponse,
        (teams, trial): (Vec<Option<Team>>, Option<Trial>),
        (played, took): (usize, Duration),
    ) -> Exposure {
        let tracks = response.tracks.iter();
        Exposure {
            bundle_version: response.bundle_version.clone(),
            latency_ms: took.as_secs_f64() * 1e3,
            top_artist_share: top_artist_share(&response.tracks),
            trial,
            ..self.plain(
                (tracks.map(|track| track.track_id.clone()).collect(), teams),
                played,
            )
        }
    }

    /// What is kept of a list of which only its tracks are known.
    pub(in crate::grpc) fn plain(
        self,
        (tracks, teams): (Vec<String>, Vec<Option<Team>>),
        played: usize,
    ) -> Exposure {
        let (arm, propensity) = match self.treatment {
            Treatment::Draft => (INTERLEAVED.to_owned(), 1.0),
            Treatment::Arm(place) => {
                let arm = &self.defined.experiment.arms[place];
                (arm.name.clone(), arm.share)
            }
        };
        Exposure {
            experiment: self.defined.name.clone(),
            definition: self.defined.fingerprint.clone(),
            arm,
            propensity,
            user_id: self.user_id,
            request_id: self.request_id,
            shown_at_ms: self.shown_at_ms,
            bundle_version: String::new(),
            activity: (played as f64).ln_1p(),
            latency_ms: 0.0,
            top_artist_share: 0.0,
            tracks,
            teams,
            trial: None,
        }
    }
}

/// What every ranking makes of tracks, in their order. A blend's parts are in proportion to its weights, so that one blend tells
/// all of them: at an even one they are halves, which doubling gives back to the bit.
fn candidates(
    engine: &Engine,
    listener: &Listener,
    query: &Query,
    tracks: &[u32],
) -> Result<Vec<Candidate>, Refusal> {
    let even = ContentWeight::new(0.5).expect("invariant: a half is from 0 to 1");
    let rank = |ranking| {
        let query = Query {
            ranking,
            ..query.clone()
        };
        engine.rank(listener, &query, tracks)
    };
    let blend = rank(Ranking::Blend(Some(even)))?.answer.tracks;
    let popular = rank(Ranking::Popular)?.answer.tracks;
    let cold = rank(Ranking::Collaborative)?.without_evidence;
    let undescribed = rank(Ranking::Content)?.without_evidence;
    let of = |list: &[crossfade_blend::RankedTrack], track| {
        let found = list.iter().find(|ranked| ranked.track == track);
        found.map(|ranked| ranked.components).unwrap_or_default()
    };
    let ids = &engine.model().tracks.ids;
    let candidate = |&track: &u32| {
        let parts = of(&blend, track);
        Candidate {
            track_id: ids.id(track).to_owned(),
            probability: 0.0,
            collaborative: 2.0 * parts.collaborative + parts.discovery,
            content: 2.0 * (parts.content + parts.popularity) + parts.discovery,
            popularity: of(&popular, track).sum(),
            is_warm: !cold.contains(&track),
            is_described: !undescribed.contains(&track),
        }
    };
    Ok(tracks.iter().map(candidate).collect())
}

/// Share of a list that its most frequent artist has. Tracks of unknown artist are not counted together.
fn top_artist_share(tracks: &[pb::RankedTrack]) -> f64 {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for track in tracks.iter().filter(|track| !track.artist.is_empty()) {
        *counts.entry(&track.artist).or_default() += 1;
    }
    let least = usize::from(!tracks.is_empty());
    let most = counts.into_values().max().unwrap_or(0).max(least);
    most as f64 / tracks.len().max(1) as f64
}

/// A response, and what has to be kept of it before it goes out.
#[derive(Debug)]
pub(in crate::grpc) struct Answered {
    response: pb::RecommendResponse,
    exposure: Option<Exposure>,
}

impl Answered {
    pub(super) fn exposed(response: pb::RecommendResponse, exposure: Exposure) -> Self {
        Self {
            response,
            exposure: Some(exposure),
        }
    }
}

impl From<pb::RecommendResponse> for Answered {
    fn from(response: pb::RecommendResponse) -> Self {
        Self {
            response,
            exposure: None,
        }
    }
}

/// Writes down what is part of experiments, and says so in the responses, once it is on disk.
pub(super) async fn keep(serving: &Serving, answered: Vec<Answered>) -> Vec<pb::RecommendResponse> {
    let (mut responses, mut exposures, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for one in answered {
        if let Some(exposure) = one.exposure {
            exposures.push(exposure);
            places.push(responses.len());
        }
        responses.push(one.response);
    }
    let attributions = expose(serving, exposures).await;
    for (place, attribution) in places.into_iter().zip(attributions) {
        responses[place].attribution = Some(attribution);
    }
    responses
}

/// Writes lists down, and says what they are part of once they are on disk. If they cannot be written, nothing is said: a
/// listener gets their list all the same, and it counts for nothing.
pub(in crate::grpc) async fn expose(
    serving: &Serving,
    exposures: Vec<Exposure>,
) -> Vec<pb::Attribution> {
    let experiments = serving.experiments();
    let (Some(log), Some(sealer)) = (experiments.log(), experiments.sealer()) else {
        return Vec::new();
    };
    if exposures.is_empty() {
        return Vec::new();
    }
    let attributions: Vec<pb::Attribution> = exposures
        .iter()
        .map(|exposure| attribution(exposure, sealer))
        .collect();
    match record(log, exposures).await {
        Ok(()) => attributions,
        Err(error) => {
            let lost = experiments.lose(attributions.len() as u64);
            // Often at first, then ever more seldom.
            if lost.is_power_of_two() || attributions.len() > 1 {
                tracing::error!(error, lost, "lists of experiments are not written down");
            }
            Vec::new()
        }
    }
}

async fn record(log: &ExposureLog, exposures: Vec<Exposure>) -> Result<(), String> {
    let (reply, answer) = oneshot::channel();
    log.submit(exposures, |result| {
        // A caller that went away is not told; the list is written down all the same.
        let _ = reply.send(result);
    });
    match answer.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the log ended".to_owned()),
    }
}

fn attribution(exposure: &Exposure, sealer: &Sealer) -> pb::Attribution {
    let list = Attribution {
        experiment: exposure.experiment.clone(),
        arm: exposure.arm.clone(),
        shown_at_ms: exposure.shown_at_ms,
        request_id: exposure.request_id.clone(),
    };
    pb::Attribution {
        token: sealer.seal(&list, &exposure.user_id),
        experiment: list.experiment,
        arm: list.arm,
    }
}
