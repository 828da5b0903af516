use std::{sync::Arc, time::Duration};

use crossfade_index::{Allowed, Path};

/// A number from 0 (collaborative only) to 1 (content only).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct ContentWeight(f64);

impl ContentWeight {
    /// Collaborative only.
    pub const COLLABORATIVE: Self = Self(0.0);
    /// Content only.
    pub const CONTENT: Self = Self(1.0);

    /// The weight, unless it is NaN or outside 0 to 1.
    pub fn new(weight: f64) -> Option<Self> {
        (0.0..=1.0).contains(&weight).then_some(Self(weight))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
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
    /// Whether the listener's own tracks may be returned.
    pub include_played: bool,
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
}

impl Components {
    /// The score. Adding the parts in any other order may differ in the last bit.
    pub fn sum(&self) -> f64 {
        self.collaborative + self.content + self.popularity
    }
}

/// A track of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedTrack {
    /// Which.
    pub track: u32,
    /// Why; the list is ordered by the sum.
    pub components: Components,
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

/// Orders by falling score, then by track.
pub(crate) fn sort(tracks: &mut [RankedTrack]) {
    tracks.sort_unstable_by(|a, b| {
        let (first, second) = (a.components.sum(), b.components.sum());
        second.total_cmp(&first).then(a.track.cmp(&b.track))
    });
}
