use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use crossfade_index::{Allowed, Cancel, Path};

use crate::{ContentWeight, Discovery, Diversity};

/// What a list is to be like besides having the best scores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Arrangement {
    /// How many tracks of an artist it may have; `None` for any number. Tracks of unknown artist are not counted together.
    pub max_per_artist: Option<NonZeroUsize>,
    /// How far its tracks are to differ from each other.
    pub diversity: Diversity,
}

/// Which evidence orders the tracks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ranking {
    /// What listeners with similar plays play.
    Collaborative,
    /// What sounds like what the listener plays.
    Content,
    /// Both; without a weight, by the one that was learned.
    Blend(Option<ContentWeight>),
    /// What most listeners play.
    Popular,
}

/// What an answer rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Everything the ranking asked for.
    Full,
    /// A blend without known content of the listener's tracks.
    CollaborativeOnly,
    /// A blend without other listeners of the listener's tracks.
    ContentOnly,
    /// Nothing the ranking needs was known: popular tracks instead, at most two of an artist while there are others.
    Popular,
}

/// What to rank for a listener.
#[derive(Debug, Clone)]
pub struct Query {
    /// By which evidence.
    pub ranking: Ranking,
    /// How many tracks to return at most.
    pub limit: usize,
    /// The only tracks that may be returned, as from [`Engine::filter`](crate::Engine::filter); `None` for all.
    pub candidates: Option<Arc<Allowed>>,
    /// Tracks to leave out.
    pub excluded: Vec<u32>,
    /// Whether the listener's own tracks, and the seeds, may be returned.
    pub include_played: bool,
    /// Whether to prefer what everybody plays or what hardly anybody does. Popular tracks are not reordered by it.
    pub discovery: Discovery,
    /// What the list is to be like besides.
    pub arrangement: Arrangement,
    /// How many of the best tracks to look at, at least, where the list is arranged: of these it is known where they stood
    /// by score.
    pub depth: usize,
    /// What says that nobody waits for the answer any more, if anything may.
    pub cancel: Option<Cancel>,
}

impl Query {
    /// Asks for `limit` tracks of the whole catalogue that the listener has not played.
    pub fn new(ranking: Ranking, limit: usize) -> Self {
        Self {
            ranking,
            limit,
            candidates: None,
            excluded: Vec::new(),
            include_played: false,
            discovery: Discovery::default(),
            arrangement: Arrangement::default(),
            depth: 0,
            cancel: None,
        }
    }

    /// The same, given up when nobody waits for the answer any more.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        Self {
            cancel: Some(cancel.clone()),
            ..self
        }
    }
}

/// What to rank by similarity to a track.
#[derive(Debug, Clone)]
pub struct SimilarQuery {
    /// The track to start from.
    pub track: u32,
    /// 0 for the same listeners, 1 for the same sound.
    pub content_weight: ContentWeight,
    /// How many tracks to return at most.
    pub limit: usize,
    /// The only tracks that may be returned, as from [`Engine::filter`](crate::Engine::filter); `None` for all.
    pub candidates: Option<Arc<Allowed>>,
    /// Tracks to leave out besides the track itself.
    pub excluded: Vec<u32>,
    /// What says that nobody waits for the answer any more, if anything may.
    pub cancel: Option<Cancel>,
}

impl SimilarQuery {
    /// The same, given up when nobody waits for the answer any more.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        Self {
            cancel: Some(cancel.clone()),
            ..self
        }
    }
}

/// The parts of a score.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Components {
    /// From listeners with similar plays.
    pub collaborative: f64,
    /// From the sound.
    pub content: f64,
    /// From the number of listeners.
    pub popularity: f64,
    /// From the preference for much or little played tracks.
    pub discovery: f64,
}

impl Components {
    /// The score. Adding the parts in any other order may differ in the last bit.
    pub fn sum(&self) -> f64 {
        self.collaborative + self.content + self.popularity + self.discovery
    }
}

/// A track of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedTrack {
    /// Which.
    pub track: u32,
    /// Why. Unless it was [arranged](Arrangement), a list is ordered by the sum.
    pub components: Components,
    /// How it came to its place.
    pub moved: Moved,
}

/// Where a track stood, from 1, before rules moved it; where none did, both are its rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// By score alone, among all that qualify; `None` where so many were passed over that it was not counted.
    pub by_score: Option<u32>,
    /// Once no artist had more than its share: by score, among those that were left.
    pub within_cap: u32,
}

/// A ranked list.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The tracks, best first; equal scores by track index.
    pub tracks: Vec<RankedTrack>,
    /// The content weight that was used; 0 for popular tracks.
    pub content_weight: f64,
    /// What the list rests on.
    pub basis: Basis,
    /// How the tracks were found.
    pub retrieval: Retrieval,
}

/// How the tracks of an answer were found, and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct Retrieval {
    /// By which search.
    pub path: Path,
    /// How many tracks were looked at.
    pub scored: u64,
    /// How long the search was predicted to take, where ways were compared.
    pub predicted: Option<Duration>,
    /// How long it took.
    pub took: Duration,
}

/// A list in order of falling score, equal ones by track.
pub(crate) fn ranked(mut scored: Vec<(u32, Components)>) -> Vec<RankedTrack> {
    scored.sort_unstable_by(|(a, first), (b, second)| {
        second.sum().total_cmp(&first.sum()).then(a.cmp(b))
    });
    in_order(scored)
}

/// A list in the order given.
pub(crate) fn in_order(scored: Vec<(u32, Components)>) -> Vec<RankedTrack> {
    let place = |(rank, (track, components))| RankedTrack {
        track,
        components,
        moved: Moved {
            by_score: Some(rank),
            within_cap: rank,
        },
    };
    (1..).zip(scored).map(place).collect()
}
