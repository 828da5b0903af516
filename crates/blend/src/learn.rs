use crossfade_index::{Hit, TopK};
use rayon::prelude::*;

use crate::{
    Answer, ContentWeight, Discovery, Engine, Error, Listener, Parameters, Query, Ranking,
};

mod by_history;

/// Content weights that are tried.
const WEIGHTS: [f64; 13] = [
    0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0,
];
/// Popularity weights that are tried.
const PRIORS: [f64; 5] = [0.0, 0.1, 0.25, 0.5, 1.0];
/// Listeners whose lists are looked for together.
const TOGETHER: usize = 64;
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
/// `quality(list, hidden)` over lists of `limit` tracks. Of equal pairs the one with the smaller weights wins. Then, where
/// that is clearly better, another content weight for listeners with shorter or longer histories. Without cases the weights
/// stay what they were.
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
    let table = mean_quality(engine, cases, limit, &quality)?;
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
    parameters.by_history.clear();
    engine.replace_parameters(&parameters);
    parameters.by_history = by_history::by_history(engine, cases, (limit, &quality))?;
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
        .filter_map(|case| engine.weigh(&case.listener, ranking, Discovery::default()))
        .map(|weighted| {
            let mut scores = vec![f32::NEG_INFINITY; engine.model().tracks.len()];
            for joint in weighted.joints() {
                for (best, score) in scores.iter_mut().zip(engine.scores(&joint)?) {
                    *best = best.max(score);
                }
            }
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

/// Mean quality for each pair of weights, content weight by content weight. Leaves the popularity weight changed.
fn mean_quality(
    engine: &mut Engine,
    cases: &[Case],
    limit: usize,
    quality: &(impl Fn(&[u32], &[u32]) -> f64 + Sync),
) -> Result<Vec<f64>, Error> {
    let mut means = Vec::with_capacity(WEIGHTS.len() * PRIORS.len());
    let mut parameters = engine.model().parameters.clone();
    for weight in WEIGHTS {
        let query = Query::new(Ranking::Blend(ContentWeight::new(weight)), limit);
        for prior in PRIORS {
            parameters.popularity_weight = prior;
            engine.replace_parameters(&parameters);
            let values = cases
                .par_chunks(TOGETHER)
                .map(|cases| values(engine, cases, &query, quality))
                .collect::<Result<Vec<Vec<f64>>, Error>>()?;
            means.push(values.iter().flatten().sum::<f64>() / cases.len().max(1) as f64);
        }
    }
    Ok(means)
}

/// The quality of each case's list.
fn values(
    engine: &Engine,
    cases: &[Case],
    query: &Query,
    quality: impl Fn(&[u32], &[u32]) -> f64,
) -> Result<Vec<f64>, Error> {
    let listeners: Vec<&Listener> = cases.iter().map(|case| &case.listener).collect();
    let answers = engine.recommend_all(&listeners, query)?;
    let value = |(answer, case): (Answer, &Case)| {
        let list: Vec<u32> = answer.tracks.iter().map(|ranked| ranked.track).collect();
        quality(&list, &case.hidden)
    };
    Ok(answers.into_iter().zip(cases).map(value).collect())
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
