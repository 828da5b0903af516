use anyhow::Context;
use crossfade_content::{Coefficient, Regression};
use crossfade_ingest::PlayLog;
use serde::Serialize;

use super::{World, columns::Raw};

/// What goes with popularity: the logarithm of a track's plays as a sum of its columns.
#[derive(Debug, Clone, Serialize)]
pub struct Popularity {
    /// How many described tracks it was learned from.
    pub tracks: usize,
    /// Of these, tracks that nobody played.
    pub unplayed: usize,
    /// The share of the variance of ln(1 + plays) that the columns explain.
    pub r2: f64,
    /// The same, less what as many columns of noise would explain.
    pub adjusted_r2: f64,
    /// ln(1 + plays) of a track that is average in everything.
    pub intercept: f64,
    /// Standard deviation of what is left.
    pub residual_std: f64,
    /// What each column does, the others held fixed; the strongest first.
    pub effects: Vec<Effect>,
    /// How plays go with the strongest columns alone.
    pub curves: Vec<Curve>,
}

/// What a column does.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// The column; `(sin)` and `(cos)` are the two parts of a cyclic one.
    pub column: String,
    /// The coefficient of the standardised column.
    #[serde(flatten)]
    pub coefficient: Coefficient,
}

/// Mean popularity over the range of a column, in steps of equally many tracks.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// The column.
    pub column: String,
    /// The steps, rising.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    /// The mean of the column.
    pub value: f64,
    /// The mean of ln(1 + plays).
    pub mean: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How many tracks it has.
    pub tracks: usize,
}

/// Curves that are drawn.
const CURVES: usize = 4;
/// Steps of a curve.
const STEPS: usize = 10;
/// Standard errors to either side that make a 95 % interval.
const WIDTH: f64 = 1.96;

/// The strength of all plays of each track.
pub(super) fn of_tracks(log: &PlayLog, tracks: usize) -> Vec<f64> {
    let mut sums = vec![0.0; tracks];
    let plays = log.strengths.indices().iter().zip(log.strengths.values());
    for (&track, &strength) in plays {
        sums[track as usize] += f64::from(strength);
    }
    sums
}

/// Explains the plays of the described tracks.
pub(super) fn explain(world: &World<'_>, raw: &[Raw], plays: &[f64]) -> anyhow::Result<Popularity> {
    let told = &world.told;
    let target: Vec<f64> = told
        .tracks
        .iter()
        .map(|&track| plays[track as usize].ln_1p())
        .collect();
    let found = Regression::fit(&told.points, &target).context(
        "popularity cannot be explained; give more tracks, or fewer columns in [content.schema]",
    )?;
    let mut effects: Vec<Effect> = told
        .labels
        .iter()
        .zip(&found.coefficients)
        .map(|(column, &coefficient)| Effect {
            column: column.clone(),
            coefficient,
        })
        .collect();
    effects.sort_by(|a, b| {
        b.coefficient
            .per_std
            .abs()
            .total_cmp(&a.coefficient.per_std.abs())
    });
    let strongest = effects.iter().filter_map(|effect| {
        let raw = raw.iter().find(|raw| raw.name == effect.column)?;
        curve(raw, plays)
    });
    Ok(Popularity {
        tracks: target.len(),
        unplayed: target.iter().filter(|&&logarithm| logarithm == 0.0).count(),
        r2: found.r2,
        adjusted_r2: found.adjusted_r2,
        intercept: found.intercept,
        residual_std: found.residual_std,
        curves: strongest.take(CURVES).collect(),
        effects,
    })
}

/// `None` for a column whose few values make no steps of equal size.
fn curve(raw: &Raw, plays: &[f64]) -> Option<Curve> {
    let known = raw
        .values
        .iter()
        .zip(plays)
        .filter(|(value, _)| value.is_finite());
    let mut pairs: Vec<(f64, f64)> = known
        .map(|(&value, plays)| (f64::from(value), plays.ln_1p()))
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let steps = pairs.chunks(pairs.len().div_ceil(STEPS).max(1)).map(step);
    let steps: Vec<Step> = steps.filter(|step| step.tracks > 1).collect();
    let rises = steps.windows(2).all(|pair| pair[0].value < pair[1].value);
    (rises && steps.len() > 2).then(|| Curve {
        column: raw.name.clone(),
        steps,
    })
}

fn step(pairs: &[(f64, f64)]) -> Step {
    let count = pairs.len() as f64;
    let value = pairs.iter().map(|pair| pair.0).sum::<f64>() / count;
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let squares: f64 = pairs.iter().map(|pair| (pair.1 - mean).powi(2)).sum();
    let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
    Step {
        value,
        mean,
        low: mean - WIDTH * error,
        high: mean + WIDTH * error,
        tracks: pairs.len(),
    }
}
