use std::{collections::HashSet, sync::Arc};

use crossfade_blend::{
    Arrangement, Engine, Listener, Play, Query, SeedWeight, TrackFilter, UnknownNames,
};
use crossfade_catalog::Vocab;
use crossfade_index::Allowed;

use super::{
    checks::Checks,
    requests::Order,
    rules::{NoRepeat, Rules},
    times,
};
use crate::{
    grpc::status::Refusal,
    pb,
    recorder::{Heard, seconds},
};

/// Whom a list is for and what it must not have, its ids not yet looked up.
#[derive(Debug, Default)]
pub(in crate::grpc) struct Audience {
    pub(super) user_id: String,
    pub(super) history: Vec<pb::Play>,
    pub(super) seeds: Vec<String>,
    pub(super) seed_weight: SeedWeight,
    pub(super) excluded: Vec<String>,
    pub(super) include_played: bool,
    pub(super) filter: TrackFilter,
    pub(super) rules: Rules,
}

/// What was recorded of a user.
#[derive(Debug, Default)]
pub(in crate::grpc) struct Recorded {
    /// Plays that the bundle may not know of.
    pub(in crate::grpc) fresh: Vec<Play>,
    /// When what was played, if that is [needed](Audience::no_repeat).
    pub(in crate::grpc) heard: Vec<Heard>,
}

/// An audience in the indices of one bundle.
#[derive(Debug)]
pub(in crate::grpc) struct Resolved {
    pub(in crate::grpc) user: Option<u32>,
    pub(in crate::grpc) unknown: UnknownNames,
    plays: Vec<Play>,
    seeds: Vec<u32>,
    seed_weight: SeedWeight,
    excluded: Vec<u32>,
    include_played: bool,
    candidates: Option<Arc<Allowed>>,
    rules: Rules,
}

impl Audience {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.id_length(|| "user_id".into(), &self.user_id);
        checks.history(&self.history);
        checks.excluded(&self.excluded);
    }

    /// The user it names; empty if it names none.
    pub(in crate::grpc) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Which tracks must not come again.
    pub(in crate::grpc) fn no_repeat(&self) -> NoRepeat {
        self.rules.no_repeat
    }

    /// Looks up ids and names in a bundle, and adds what was recorded. Unknown ids are reported, not refused.
    pub(in crate::grpc) fn resolve(self, engine: &Engine, recorded: Recorded) -> Resolved {
        let (users, tracks) = (&engine.model().users, &engine.model().tracks.ids);
        let mut unknown = Unknown::default();
        let mut heard = recorded.heard;
        let mut plays = recorded.fresh;
        plays.extend(self.history.into_iter().filter_map(|play| {
            let times = play.play_count.unwrap_or(1);
            let track = unknown.look_up(tracks, play.track_id)?;
            let at_ms = play.played_at.as_ref().map(times::played_at_ms);
            let at_ms = at_ms.and_then(Result::ok);
            if let Some(at_ms) = at_ms {
                heard.push(Heard {
                    track,
                    times,
                    at_ms,
                });
            }
            Some(Play {
                track,
                strength: times as f32,
                last_played: at_ms.map(seconds),
            })
        }));
        let seeds = unknown.look_up_all(tracks, self.seeds);
        let mut excluded = unknown.look_up_all(tracks, self.excluded);
        excluded.extend(self.rules.no_repeat.tracks(heard, times::now_ms()));
        let (candidates, names) = engine.filter(&self.filter);
        Resolved {
            user: users.index_of(&self.user_id),
            plays,
            seeds,
            seed_weight: self.seed_weight,
            excluded,
            include_played: self.include_played,
            candidates,
            rules: self.rules,
            unknown: unknown.with(names),
        }
    }
}

impl Resolved {
    /// The listener, with the seeds.
    pub(in crate::grpc) fn listener(&self, engine: &Engine) -> Result<Listener, Refusal> {
        let listener = engine.listener(self.user, &self.plays)?;
        Ok(engine.with_seeds(listener, &self.seeds, self.seed_weight)?)
    }

    /// How many tracks it is known to have played, fresh plays counted one by one.
    pub(in crate::grpc) fn played(&self, engine: &Engine) -> usize {
        let known = self
            .user
            .map(|user| engine.model().history.row(user as usize));
        known.map_or(0, |row| row.indices.len()) + self.plays.len()
    }

    /// Looks up further ids; those that are unknown are reported before the others.
    pub(in crate::grpc) fn look_up(&mut self, tracks: &Vocab, ids: Vec<String>) -> Vec<u32> {
        let mut unknown = Unknown::default();
        let found = unknown.look_up_all(tracks, ids);
        self.unknown = unknown.with(std::mem::take(&mut self.unknown));
        found
    }

    /// What to rank for this audience.
    pub(in crate::grpc) fn query(&self, order: Order, limit: usize) -> Query {
        Query {
            candidates: self.candidates.clone(),
            excluded: self.excluded.clone(),
            include_played: self.include_played,
            discovery: order.discovery,
            arrangement: Arrangement {
                max_per_artist: self.rules.max_per_artist,
                diversity: order.diversity,
            },
            ..Query::new(order.ranking, limit)
        }
    }
}

/// Unknown ids in order of appearance, each once.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    ids: Vec<String>,
    seen: HashSet<String>,
}

impl Unknown {
    pub(super) fn look_up(&mut self, vocab: &Vocab, id: String) -> Option<u32> {
        let found = vocab.index_of(&id);
        if found.is_none() && self.seen.insert(id.clone()) {
            self.ids.push(id);
        }
        found
    }

    pub(super) fn look_up_all(&mut self, vocab: &Vocab, ids: Vec<String>) -> Vec<u32> {
        let known = ids.into_iter().filter_map(|id| self.look_up(vocab, id));
        known.collect()
    }

    /// All that is unknown: these ids, and what a filter names.
    pub(super) fn with(mut self, names: UnknownNames) -> UnknownNames {
        for id in names.track_ids {
            if self.seen.insert(id.clone()) {
                self.ids.push(id);
            }
        }
        UnknownNames {
            track_ids: self.ids,
            ..names
        }
    }
}
