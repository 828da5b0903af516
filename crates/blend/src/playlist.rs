//! Playlists: good tracks in an order that flows.

use std::{num::NonZeroUsize, sync::Arc};

use crossfade_index::{Allowed, Bitmap};

use crate::{
    Answer, Arrangement, Basis, Components, Engine, Error, Listener, Query, Ranking, Retrieval,
    Smoothness,
};

mod order;
mod sound;

pub use sound::{Camelot, Transition};

use order::Sequence;
use sound::Sounds;

/// Tracks that a playlist may be made of, for each of its places, within limits. More are seldom better and cost time.
const CANDIDATES: (usize, usize, usize) = (4, 100, 500);
/// Tracks nearest to a mood that are considered, for each candidate.
const NEAREST: usize = 10;
/// Features that a mood is a point in.
const MOOD: [&str; 2] = ["valence", "energy"];

/// A point in the plane of mood (Russell 1980), energy standing for arousal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mood {
    /// From 0 (sad, angry) to 1 (glad).
    pub valence: f64,
    /// From 0 (calm) to 1 (excited).
    pub energy: f64,
}

/// What playlist to make. Whom it is for, or which seeds it starts from, the listener says.
#[derive(Debug, Clone)]
pub struct PlaylistQuery {
    /// By which evidence tracks are relevant, how many are wanted, and of which.
    pub query: Query,
    /// Only tracks of this cluster.
    pub cluster: Option<u32>,
    /// The mood its tracks come close to.
    pub mood: Option<Mood>,
    /// How many tracks of an artist it may have.
    pub max_per_artist: NonZeroUsize,
    /// How much transitions count.
    pub smoothness: Smoothness,
}

/// A track of a playlist.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaylistTrack {
    /// Which.
    pub track: u32,
    /// Its score, as in a list for the same listener.
    pub components: Components,
    /// From 0 for the worst of the candidates to 1 for the best one. With a mood, half of it is how close the track comes.
    pub relevance: f64,
    /// How it follows the track before it; none for the first.
    pub transition: Option<Transition>,
}

/// A playlist, and what its order is worth.
#[derive(Debug, Clone)]
pub struct Playlist {
    /// The tracks in the order to play them.
    pub tracks: Vec<PlaylistTrack>,
    /// Mean cost of its transitions, from 0 (seamless) to 1; 0 without any.
    pub transition_cost: f64,
    /// The same of its tracks in order of relevance.
    pub transition_cost_by_relevance: f64,
    /// Mean relevance of its tracks.
    pub relevance: f64,
    /// The same of as many of the most relevant tracks.
    pub relevance_of_best: f64,
    /// The content weight that was used.
    pub content_weight: f64,
    /// What relevance rests on.
    pub basis: Basis,
    /// How candidates were found.
    pub retrieval: Retrieval,
}

/// A track that a playlist may have.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    track: u32,
    components: Components,
    relevance: f64,
}

impl Engine {
    /// Makes a playlist of `n` tracks that is as good as can be found by
    ///
    /// ```text
    /// (1 - s) mean relevance  -  s mean cost of transitions
    /// ```
    ///
    /// with `s` the smoothness, and in the smoothest order that can be found for its tracks, also where `s` is 0. Candidates are the best tracks for the listener, for the seeds, or for both, by the score of
    /// [`recommend`](Self::recommend), no artist having more than its share; where nothing is known of either, the most
    /// popular ones. With a mood, only the tracks nearest to it are candidates. The same question has the same answer.
    ///
    /// # Errors
    ///
    /// [`Error::NoMood`] if a mood is wanted of tracks of which none is known, or if retrieval fails.
    pub fn playlist(&self, listener: &Listener, wanted: &PlaylistQuery) -> Result<Playlist, Error> {
        let (times, least, most) = CANDIDATES;
        let limit = wanted.query.limit;
        let count = limit + (times * limit).clamp(least, most);
        let query = Query {
            limit: count,
            candidates: self.eligible_for(wanted, count)?,
            arrangement: Arrangement {
                max_per_artist: Some(wanted.max_per_artist),
                ..Arrangement::default()
            },
            ..wanted.query.clone()
        };
        let found = self.recommend(listener, &query)?;
        let candidates = self.relevance(&found, wanted.mood);
        let sounds = Sounds::of(&self.model().tracks, candidates.iter().map(|one| one.track));
        let relevance: Vec<f64> = candidates.iter().map(|one| one.relevance).collect();
        let order = Sequence::find(&relevance, &sounds, limit, wanted.smoothness.get());
        Ok(told(&candidates, &sounds, &order, &found))
    }

    /// The tracks that candidates may come from; `None` for all.
    fn eligible_for(
        &self,
        wanted: &PlaylistQuery,
        count: usize,
    ) -> Result<Option<Arc<Allowed>>, Error> {
        let mut rows = wanted
            .query
            .candidates
            .as_deref()
            .map(|allowed| allowed.rows().clone());
        let tracks = 0..self.model().tracks.len() as u32;
        if let Some(cluster) = wanted.cluster {
            let within = tracks.clone().filter(|&track| {
                self.cluster(track)
                    .is_some_and(|(number, _)| number == cluster)
            });
            keep(&mut rows, within.collect());
        }
        if let Some(mood) = wanted.mood {
            if !MOOD.iter().all(|name| self.tells(name)) {
                return Err(Error::NoMood);
            }
            let is_eligible = |track: &u32| rows.as_ref().is_none_or(|rows| rows.contains(*track));
            let mut near: Vec<(f64, u32)> = tracks
                .filter(is_eligible)
                .filter_map(|track| Some((self.distance(mood, track)?, track)))
                .collect();
            let most = NEAREST * count;
            if near.len() > most {
                near.select_nth_unstable_by(most, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                near.truncate(most);
            }
            keep(&mut rows, near.iter().map(|&(_, track)| track).collect());
        }
        Ok(match rows {
            Some(rows) if wanted.cluster.is_some() || wanted.mood.is_some() => {
                Some(Arc::new(self.index().allow(rows)))
            }
            _ => wanted.query.candidates.clone(),
        })
    }

    /// Whether a number is known of tracks, or predicted.
    fn tells(&self, name: &str) -> bool {
        let model = self.model();
        let mut predicted = model.labels.numbers.iter();
        model.tracks.feature(name).is_some() || predicted.any(|number| number.report.column == name)
    }

    /// How far a track is from a mood, from 0 to 1 for features from 0 to 1, where a feature that is not known is what is
    /// predicted of it; `None` where that is unknown.
    fn distance(&self, mood: Mood, track: u32) -> Option<f64> {
        let model = self.model();
        let [valence, energy] = MOOD.map(|name| {
            let column = model.tracks.feature(name);
            let known = column.and_then(|column| column.values.get(track as usize).copied());
            let known = known.filter(|value| value.is_finite());
            known
                .or_else(|| model.labels.number(name, track))
                .map(f64::from)
        });
        let square = (valence? - mood.valence).powi(2) + (energy? - mood.energy).powi(2);
        Some((square / 2.0).sqrt())
    }

    /// Candidates by falling relevance.
    fn relevance(&self, found: &Answer, mood: Option<Mood>) -> Vec<Candidate> {
        let scores: Vec<f64> = found
            .tracks
            .iter()
            .map(|ranked| ranked.components.sum())
            .collect();
        let scores = stretched(&scores);
        let nearness: Option<Vec<f64>> = mood.map(|mood| {
            let nearness = found
                .tracks
                .iter()
                .map(|ranked| -self.distance(mood, ranked.track).unwrap_or(1.0));
            stretched(&nearness.collect::<Vec<f64>>())
        });
        let tracks = found.tracks.iter().zip(scores).enumerate();
        let mut candidates: Vec<Candidate> = tracks
            .map(|(place, (ranked, score))| Candidate {
                track: ranked.track,
                components: ranked.components,
                relevance: match &nearness {
                    None => score,
                    Some(nearness) => (score + nearness[place]) / 2.0,
                },
            })
            .collect();
        // Stable: equals stay in the order of the list.
        candidates.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        candidates
    }
}

/// Joins a condition with those before.
fn keep(rows: &mut Option<Bitmap>, within: Bitmap) {
    match rows {
        Some(rows) => rows.intersect(&within),
        None => *rows = Some(within),
    }
}

/// Values moved and stretched to run from 0 to 1; all 1 where they are equal.
fn stretched(values: &[f64]) -> Vec<f64> {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let stretch = |&value: &f64| match most > least {
        true => (value - least) / (most - least),
        false => 1.0,
    };
    values.iter().map(stretch).collect()
}

/// The playlist in an order of candidates, who are in order of relevance themselves.
fn told(candidates: &[Candidate], sounds: &Sounds, order: &[usize], found: &Answer) -> Playlist {
    let track = |(place, &at): (usize, &usize)| {
        let before = place.checked_sub(1).map(|before| order[before]);
        let Candidate {
            track,
            components,
            relevance,
        } = candidates[at];
        PlaylistTrack {
            track,
            components,
            relevance,
            transition: before.map(|before| sounds.transition(before, at)),
        }
    };
    let cost = |order: &[usize]| {
        let costs = order
            .windows(2)
            .map(|pair| sounds.transition(pair[0], pair[1]).cost());
        costs.sum::<f64>() / order.len().saturating_sub(1).max(1) as f64
    };
    let mean = |count: usize, relevance: f64| relevance / count.max(1) as f64;
    let mut by_relevance = order.to_vec();
    by_relevance.sort_unstable();
    Playlist {
        tracks: order.iter().enumerate().map(track).collect(),
        transition_cost: cost(order),
        transition_cost_by_relevance: cost(&by_relevance),
        relevance: mean(
            order.len(),
            order.iter().map(|&at| candidates[at].relevance).sum(),
        ),
        relevance_of_best: mean(
            order.len(),
            candidates
                .iter()
                .take(order.len())
                .map(|one| one.relevance)
                .sum(),
        ),
        content_weight: found.content_weight,
        basis: found.basis,
        retrieval: found.retrieval,
    }
}

impl PlaylistQuery {
    /// Asks for `limit` tracks, at most two of an artist.
    pub fn new(ranking: Ranking, limit: usize) -> Self {
        Self {
            query: Query::new(ranking, limit),
            cluster: None,
            mood: None,
            max_per_artist: NonZeroUsize::MIN.saturating_add(1),
            smoothness: Smoothness::default(),
        }
    }
}
