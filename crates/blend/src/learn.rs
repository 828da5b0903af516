use crossfade_index::{Hit, TopK};
use rayon::prelude::*;

use crate::{Engine, Error, Listener, Parameters, Ranking};

/// Content weights that are tried.
const WEIGHTS: [f64; 13] = [
    0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0,
];
/// Popularity weights that are tried.
const PRIORS: [f64; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
/// The place whose score is brought to 1.
const REACH: usize = 100;
/// How many listeners the reaches are averaged over at most.
const REACH_SAMPLE: usize = 256;

/// A listener whose later plays are known.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the engine may know.
    pub listener: Listener,
    /// What it is to find.
    pub hidden: Vec<u32>,
}

/// Parameters that did best, and how all did.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The best.
    pub parameters: Parameters,
    /// Quality by content weight, with the popularity weight that was best over all.
    pub curve: Vec<(f64, f64)>,
}

/// Learns the blend on listeners whose later plays are known to the caller and not to the engine.
///
/// First the reach of both kinds of score, then the pair of content and popularity weight with the highest mean of
/// `quality(list, hidden)` over lists of `limit` tracks. Of equal pairs the one with the smaller weights wins. Without
/// cases the weights stay what they were.
pub fn learn_weights(
    engine: &mut Engine,
    cases: &[Case],
    limit: usize,
    quality: impl Fn(&[u32], &[u32]) -> f64 + Sync,
) -> Result<Learned, Error> {
    let mut parameters = Parameters {
        collaborative_reach: reach(engine, cases, Ranking::Collaborative)?,
        content_reach: reach(engine, cases, Ranking::Content)?,
        ..engine.model().parameters.clone()
    };
    engine.replace_parameters(&parameters);
    let table = mean_quality(engine, cases, limit, quality)?;
    let mut best = f64::NEG_INFINITY;
    let mut best_prior = 0;
    if !cases.is_empty() {
        for (place, &value) in table.iter().enumerate() {
            if value > best {
                best = value;
                best_prior = place % PRIORS.len();
                parameters.content_weight = WEIGHTS[place / PRIORS.len()];
                parameters.popularity_weight = PRIORS[best_prior];
            }
        }
    }
    engine.replace_parameters(&parameters);
    let curve = WEIGHTS
        .iter()
        .zip(table.chunks_exact(PRIORS.len()))
        .map(|(&weight, row)| (weight, row[best_prior]))
        .collect();
    Ok(Learned { parameters, curve })
}

/// How far the `REACH`th best score lies above the root mean square, on average over listeners.
fn reach(engine: &Engine, cases: &[Case], ranking: Ranking) -> Result<f64, Error> {
    let step = cases.len().div_ceil(REACH_SAMPLE).max(1);
    let sample: Vec<&Case> = cases.iter().step_by(step).collect();
    let reaches = sample
        .par_iter()
        .filter_map(|case| engine.weigh(&case.listener, ranking))
        .map(|weighted| {
            let scores = engine.scores(&weighted.joint())?;
            let mut top = TopK::new(REACH.min(scores.len()));
            for (row, score) in (0..).zip(scores) {
                top.push(Hit { row, score });
            }
            let last = top.into_ranked().last().map_or(0.0, |hit| hit.score);
            Ok(f64::from(last))
        })
        .collect::<Result<Vec<f64>, Error>>()?;
    let reaches: Vec<f64> = reaches.into_iter().filter(|&reach| reach > 0.0).collect();
    Ok(match reaches.is_empty() {
        true => 1.0,
        false => reaches.iter().sum::<f64>() / reaches.len() as f64,
    })
}

/// Mean quality for each pair of weights, content weight by content weight.
fn mean_quality(
    engine: &Engine,
    cases: &[Case],
    limit: usize,
    quality: impl Fn(&[u32], &[u32]) -> f64 + Sync,
) -> Result<Vec<f64>, Error> {
    let pairs = WEIGHTS.len() * PRIORS.len();
    let rows = cases
        .par_iter()
        .map(|case| {
            let candidates = Candidates::of(engine, &case.listener)?;
            let pairs = WEIGHTS
                .iter()
                .flat_map(|&weight| PRIORS.map(|prior| (weight, prior)));
            let values = pairs.map(|(weight, prior)| {
                let list = candidates.best(limit, weight as f32, prior as f32);
                quality(&list, &case.hidden)
            });
            Ok(values.collect())
        })
        .collect::<Result<Vec<Vec<f64>>, Error>>()?;
    let mut means = vec![0.0; pairs];
    for row in &rows {
        for (mean, value) in means.iter_mut().zip(row) {
            *mean += value / rows.len() as f64;
        }
    }
    Ok(means)
}

/// What each track that may be returned scores under either kind of evidence alone, so that every pair of weights costs
/// one addition per track instead of one product of vectors.
struct Candidates {
    tracks: Vec<u32>,
    collaborative: Vec<f32>,
    content: Vec<f32>,
    prior: Vec<f32>,
    /// Whether a list of only one kind may have the track.
    eligible: Vec<[bool; 2]>,
}

impl Candidates {
    fn of(engine: &Engine, listener: &Listener) -> Result<Self, Error> {
        let tracks: Vec<u32> = (0..engine.model().tracks.len() as u32)
            .filter(|track| listener.played.binary_search(track).is_err())
            .collect();
        let scores = |ranking| -> Result<Vec<f32>, Error> {
            let Some(weighted) = engine.weigh(listener, ranking) else {
                return Ok(vec![0.0; tracks.len()]);
            };
            let mut query = weighted.joint();
            // The prior is added for each weight that is tried.
            if let Some(last) = query.last_mut() {
                *last = 0.0;
            }
            let scores = engine.scores(&query)?;
            Ok(tracks.iter().map(|&track| scores[track as usize]).collect())
        };
        Ok(Self {
            collaborative: scores(Ranking::Collaborative)?,
            content: scores(Ranking::Content)?,
            prior: tracks
                .iter()
                .map(|&track| engine.popularity.prior().row(track as usize)[0])
                .collect(),
            eligible: tracks
                .iter()
                .map(|&track| {
                    let eligible = &engine.eligible;
                    [
                        eligible.warm.rows().contains(track),
                        eligible.heard.rows().contains(track),
                    ]
                })
                .collect(),
            tracks,
        })
    }

    fn best(&self, limit: usize, weight: f32, prior: f32) -> Vec<u32> {
        let mut top = TopK::new(limit);
        for (place, &row) in self.tracks.iter().enumerate() {
            let [warm, heard] = self.eligible[place];
            if (weight == 0.0 && !warm) || (weight == 1.0 && !heard) {
                continue;
            }
            let content = self.content[place] + prior * self.prior[place];
            let score = (1.0 - weight) * self.collaborative[place] + weight * content;
            top.push(Hit { row, score });
        }
        top.into_ranked().into_iter().map(|hit| hit.row).collect()
    }
}

impl Engine {
    /// The score of every track under a joint query.
    fn scores(&self, joint: &[f32]) -> Result<Vec<f32>, Error> {
        let rows = self.index().rows();
        let query = rows.query(joint)?;
        let tracks = 0..rows.len() as u32;
        Ok(tracks.map(|track| rows.dot(&query, track)).collect())
    }
}
