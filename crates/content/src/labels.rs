//! Labels that only some tracks have, predicted for the others by how they sound: a genre with calibrated probabilities,
//! and numbers such as the valence and arousal of mood.
//!
//! All rests on kernel ridge regression on the scaled numeric columns. What is said of a track that has the label is
//! said without having seen it, so that the quality found on these tracks is what to expect of the others.

use crossfade_matrix::Dense;
use serde::{Deserialize, Serialize};

use crate::design::Design;
use crate::scale::mean_std;
use crate::standardised::equal;
use crate::{Error, Features, Points, Schema, Transform};

mod config;
mod folds;
mod genre;
mod learner;
mod linear;
mod metric;
mod model;
mod number;
mod quality;
mod temperature;

pub use config::LabelConfig;
pub use quality::{Estimate, GenreQuality, NumberQuality, Step};

/// Standard deviations beyond which a column's value says nothing more.
const CLIP: f64 = 3.0;

/// Skewness beyond which a column that the schema scales linearly is scaled by its logarithm: nearly all tracks would look
/// alike beside a few.
const SKEWED: f64 = 1.0;

/// What is predicted of all tracks.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Their genre; `None` where fewer than two genres are known of enough tracks.
    pub genre: Option<PredictedGenre>,
    /// Numbers, in the order of the settings; those known of too few tracks are left out.
    pub numbers: Vec<PredictedNumber>,
}

/// The genre of each track as it is predicted.
#[derive(Debug, Clone)]
pub struct PredictedGenre {
    /// Of what, and how well.
    pub report: GenreReport,
    /// Tracks x genres: the probabilities of the genres, which add up to 1; a zero row for a track of which too little is
    /// known.
    pub probabilities: Dense,
}

/// Which genres are predicted, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenreReport {
    /// The genres, the most frequent first.
    pub classes: Vec<String>,
    /// How many labelled tracks were learned from and judged by.
    pub tracks: usize,
    /// Width of the kernel, as set.
    pub gamma: f64,
    /// Share of the likeness that went by directions alone, as set; earlier bundles, which lack it, had none.
    #[serde(default)]
    pub directions: f64,
    /// Pull towards the mean that was chosen.
    pub ridge: f64,
    /// What scores are divided by before they become probabilities.
    pub temperature: f64,
    /// How well tracks are predicted whose genre was hidden.
    pub quality: GenreQuality,
}

/// What [`Labels`] are of, and how well they are predicted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelReports {
    /// Of the genre; absent where it is not predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genre: Option<GenreReport>,
    /// Of numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<NumberReport>,
}

impl LabelReports {
    /// Whether nothing is predicted.
    pub fn is_empty(&self) -> bool {
        self.genre.is_none() && self.numbers.is_empty()
    }
}

/// A number of each track as it is predicted.
#[derive(Debug, Clone)]
pub struct PredictedNumber {
    /// Of what, and how well.
    pub report: NumberReport,
    /// The number of each track, NaN where too little is known.
    pub values: Vec<f32>,
}

/// Which number is predicted, and how well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NumberReport {
    /// The column.
    pub column: String,
    /// How many labelled tracks were learned from and judged by.
    pub tracks: usize,
    /// Width of the kernel that was chosen.
    pub gamma: f64,
    /// Pull towards the mean that was chosen.
    pub ridge: f64,
    /// How well tracks are predicted whose number was hidden.
    pub quality: NumberQuality,
}

/// The tracks most of whose numeric columns are known.
#[derive(Debug)]
struct Measured {
    /// Rising.
    tracks: Vec<u32>,
    /// Their scaled columns.
    points: Points,
    /// How many tracks there are in all.
    all: usize,
}

/// The third standardised moment of the finite values; NaN where they do not vary.
fn skewness(values: &[f32]) -> f64 {
    let known = values.iter().filter(|value| value.is_finite());
    let known: Vec<f64> = known.map(|&value| f64::from(value)).collect();
    let (mean, std) = mean_std(&known);
    known
        .iter()
        .map(|x| ((x - mean) / std).powi(3))
        .sum::<f64>()
        / known.len() as f64
}

/// Predicts the labels that the configuration names. A label that the data does not have, or of too few tracks, is not
/// predicted; nor is anything of tracks that have not most of the schema's numeric columns.
///
/// A track that has the label is predicted from others: in each of `folds` parts, what was learned from the other parts is
/// asked, settings being chosen there anew. The bits do not depend on the number of threads.
///
/// # Errors
///
/// If the schema or the configuration is invalid.
pub fn predict_labels(
    schema: &Schema,
    config: &LabelConfig,
    features: &Features<'_>,
) -> Result<Labels, Error> {
    schema.validate()?;
    config.validate()?;
    let Some(measured) = Measured::of(schema, config, features) else {
        return Ok(Labels::default());
    };
    let numbers = config.numbers.iter();
    let numbers = numbers.map(|column| number::predict(column, &measured, (features, config)));
    Ok(Labels {
        genre: match config.genre {
            true => genre::predict(&measured, (features, config))?,
            false => None,
        },
        numbers: numbers
            .filter_map(Result::transpose)
            .collect::<Result<_, Error>>()?,
    })
}

impl Measured {
    /// `None` where no column tells tracks apart.
    fn of(schema: &Schema, config: &LabelConfig, features: &Features<'_>) -> Option<Self> {
        let mut schema = equal(schema, &config.numbers);
        for column in &mut schema.numeric {
            let is_linear = matches!(column.transform, Transform::Standard | Transform::Robust);
            let values = features.numbers(&column.column).unwrap_or_default();
            if is_linear && skewness(values) > SKEWED {
                column.transform = Transform::Ratio;
            }
        }
        let design = Design::fit(&schema, features);
        if design.dim() == 0 {
            return None;
        }
        let rows = design.read(features);
        let mut row = vec![0.0; design.dim()];
        let (mut tracks, mut values) = (Vec::new(), Vec::new());
        let is_measured = design.mostly_known(features);
        for track in (0..features.rows()).filter(|&track| is_measured[track]) {
            rows.write(track, &mut row);
            tracks.push(track as u32);
            values.extend(row.iter().map(|x| x.clamp(-CLIP, CLIP)));
        }
        (!tracks.is_empty()).then(|| Self {
            points: Points::new(design.dim(), values),
            tracks,
            all: features.rows(),
        })
    }
}

impl Labels {
    /// Whether nothing is predicted.
    pub fn is_empty(&self) -> bool {
        self.genre.is_none() && self.numbers.is_empty()
    }

    /// What is predicted, and how well.
    pub fn reports(&self) -> LabelReports {
        let numbers = self.numbers.iter().map(|number| number.report.clone());
        LabelReports {
            genre: self.genre.as_ref().map(|genre| genre.report.clone()),
            numbers: numbers.collect(),
        }
    }

    /// The number that is predicted of a track by that name; `None` where there is none.
    pub fn number(&self, column: &str, track: u32) -> Option<f32> {
        let number = self
            .numbers
            .iter()
            .find(|number| number.report.column == column)?;
        let value = number.values.get(track as usize).copied()?;
        value.is_finite().then_some(value)
    }
}

impl PredictedGenre {
    /// The genres of a track and their probabilities, the most probable first; empty where too little is known of it.
    pub fn of(&self, track: u32) -> Vec<(&str, f32)> {
        let row = self.probabilities.row(track as usize);
        let names = self.report.classes.iter().map(String::as_str);
        let mut found: Vec<(&str, f32)> = names.zip(row.iter().copied()).collect();
        if row.iter().all(|&probability| probability == 0.0) {
            found.clear();
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericFeature;

    #[test]
    fn skewness_is_that_of_scipy() {
        // scipy.stats.skew([1, 2, 3, 10]) = 1.0182 (biased, as by default).
        let found = skewness(&[1.0, 2.0, f32::NAN, 3.0, 10.0]);
        assert!((found - 1.018_233_764_908_628_4).abs() < 1e-12, "{found}");
        assert!(skewness(&[2.0, 2.0]).is_nan());
    }

    #[test]
    fn skewed_columns_are_scaled_by_their_logarithm() {
        let mut values: Vec<f32> = (1..100).map(|x| x as f32 / 100.0).collect();
        values.push(1e4);
        let features = Features::new(100).numeric("duration", values);
        let schema = Schema {
            numeric: vec![NumericFeature::new("duration", Transform::Standard)],
            categories: Vec::new(),
        };
        let found = Measured::of(&schema, &LabelConfig::default(), &features).unwrap();
        let spread = found.points.row(98)[0] - found.points.row(0)[0];
        assert!(spread > 0.5, "{spread}");
    }
}
