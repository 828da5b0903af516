use crossfade_matrix::Dense;
use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::design::Design;
use crate::features::Values;
use crate::kernel_ridge::KernelRidge;
use crate::{Error, Features, Schema};

/// Settings of [`predict_factors`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FactorMapConfig {
    /// Tracks that the kernel compares with; time grows with its square, at least 1.
    pub landmarks: usize,
    /// Two tracks whose scaled numbers lie `d` apart are alike by `exp(-gamma d^2)`; above 0.
    pub gamma: f64,
    /// How strongly the numbers' part is held at the mean; above 0.
    pub ridge: f64,
    /// So many tracks of an artist (a genre, a tag) weigh as much as the prediction without it; above 0.
    pub shrinkage: f64,
    /// Tracks with fewer listeners are not learned from, at least 1.
    pub min_listeners: u32,
}

impl Default for FactorMapConfig {
    fn default() -> Self {
        Self {
            landmarks: 1_000,
            gamma: 0.15,
            ridge: 3.0,
            shrinkage: 1.0,
            min_listeners: 1,
        }
    }
}

impl FactorMapConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let positive = [
            ("gamma", self.gamma),
            ("ridge", self.ridge),
            ("shrinkage", self.shrinkage),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::NotPositive {
                    name: name.to_owned(),
                });
            }
        }
        match self.landmarks {
            0 => Err(Error::ZeroDimension {
                name: "landmarks".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Factors that training found, and how far to trust them.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Tracks x dim.
    pub factors: &'a Dense,
    /// Listeners of each track in training.
    pub listeners: &'a [u32],
}

/// A factor for every track by what is known of it: kernel ridge regression on the numeric columns, to which each
/// categorical column in turn, the schema's last first, adds the shrunken mean of what is left to explain of its names'
/// tracks. Columns whose name the data does not have, and tracks of which nothing is known, fall back to the mean.
///
/// The bits do not depend on the number of threads.
///
/// # Errors
///
/// If the schema or the configuration is invalid.
///
/// # Panics
///
/// If there are not as many factors and listeners as rows of features.
pub fn predict_factors(
    schema: &Schema,
    config: &FactorMapConfig,
    features: &Features<'_>,
    known: Known<'_>,
) -> Result<Dense, Error> {
    schema.validate()?;
    config.validate()?;
    let Known { factors, listeners } = known;
    assert_eq!(factors.rows(), features.rows(), "a factor for each track");
    assert_eq!(listeners.len(), features.rows(), "listeners of each track");
    let warm: Vec<bool> = listeners
        .iter()
        .map(|&count| count >= config.min_listeners.max(1))
        .collect();
    let mut predicted = numeric(schema, config, features, (factors, &warm))?;
    let groups = schema.categories.iter().rev().filter(|f| f.weight > 0.0);
    for group in groups {
        if let Some(values) = features.get(&group.column) {
            add_group(values, config.shrinkage, (factors, &warm), &mut predicted);
        }
    }
    Ok(Dense::new(factors.rows(), factors.columns(), predicted))
}

/// Whether each track has most of the schema's numeric columns that tell tracks apart; no track does where there are none.
pub fn mostly_measured(schema: &Schema, features: &Features<'_>) -> Vec<bool> {
    let design = Design::fit(schema, features);
    (0..features.rows())
        .map(|row| design.tells_most(features, row))
        .collect()
}

/// What the numbers say: means apart for tracks that have them and those that do not, and the regression on top.
fn numeric(
    schema: &Schema,
    config: &FactorMapConfig,
    features: &Features<'_>,
    (factors, warm): (&Dense, &[bool]),
) -> Result<Vec<f32>, Error> {
    let dim = factors.columns();
    let design = Design::fit(schema, features);
    let (measured, unmeasured): (Vec<usize>, Vec<usize>) =
        (0..features.rows()).partition(|&row| design.tells_most(features, row));
    let mut predicted = vec![0.0; features.rows() * dim];
    for rows in [&measured, &unmeasured] {
        let mean = mean(factors, rows.iter().copied().filter(|&row| warm[row]));
        for &row in rows {
            predicted[row * dim..(row + 1) * dim].copy_from_slice(&mean);
        }
    }
    let learned: Vec<usize> = measured.iter().copied().filter(|&row| warm[row]).collect();
    if learned.is_empty() || design.dim() == 0 {
        return Ok(predicted);
    }
    let reader = design.read(features);
    let rows = |rows: &[usize]| {
        let mut x = vec![0.0; rows.len() * design.dim()];
        for (&row, out) in rows.iter().zip(x.chunks_exact_mut(design.dim())) {
            reader.write(row, out);
        }
        x
    };
    let y = Mat::from_fn(learned.len(), dim, |i, j| {
        f64::from(factors.row(learned[i])[j]) - f64::from(predicted[learned[i] * dim + j])
    });
    let x = rows(&learned);
    let fitted = KernelRidge::fit(
        (&x, design.dim()),
        &y,
        (config.gamma, config.ridge),
        config.landmarks,
    )?;
    let found = fitted.predict(&rows(&measured));
    for (i, &row) in measured.iter().enumerate() {
        for j in 0..dim {
            predicted[row * dim + j] += found[(i, j)] as f32;
        }
    }
    Ok(predicted)
}

fn mean(factors: &Dense, rows: impl Iterator<Item = usize>) -> Vec<f32> {
    let mut sum = vec![0.0_f64; factors.columns()];
    let mut count = 0.0_f64;
    for row in rows {
        add(&mut sum, factors.row(row));
        count += 1.0;
    }
    sum.iter().map(|x| (x / count.max(1.0)) as f32).collect()
}

fn add(sum: &mut [f64], row: &[f32]) {
    for (sum, &x) in sum.iter_mut().zip(row) {
        *sum += f64::from(x);
    }
}

/// Adds to each track the mean over its names of what the names' warm tracks have left to explain.
fn add_group(
    values: &Values<'_>,
    shrinkage: f64,
    (factors, warm): (&Dense, &[bool]),
    predicted: &mut [f32],
) {
    let dim = factors.columns();
    let names = match values {
        Values::Category(categories) => categories.names.len(),
        Values::Tags(tags) => tags.names.len(),
        Values::Numeric(_) | Values::Vectors(_) => return,
    };
    let codes = |row: usize| -> &[u32] {
        let codes = match values {
            Values::Category(categories) => categories.codes.get(row..=row).unwrap_or_default(),
            Values::Tags(tags) => tags.lists.get(row).copied().unwrap_or_default(),
            Values::Numeric(_) | Values::Vectors(_) => &[],
        };
        match codes {
            [Features::MISSING] => &[],
            codes => codes,
        }
    };
    let mut sums = vec![0.0_f64; names * dim];
    let mut counts = vec![shrinkage; names];
    for row in (0..factors.rows()).filter(|&row| warm[row]) {
        for &code in codes(row) {
            let code = code as usize;
            let left = factors.row(row).iter().zip(&predicted[row * dim..]);
            for (sum, (y, p)) in sums[code * dim..(code + 1) * dim].iter_mut().zip(left) {
                *sum += f64::from(y - p);
            }
            counts[code] += 1.0;
        }
    }
    for (row, out) in predicted.chunks_exact_mut(dim.max(1)).enumerate() {
        let codes = codes(row);
        for &code in codes {
            let code = code as usize;
            let scale = 1.0 / (counts[code] * codes.len() as f64);
            for (out, sum) in out.iter_mut().zip(&sums[code * dim..(code + 1) * dim]) {
                *out += (sum * scale) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CategoryFeature, NumericFeature, Transform};

    fn schema() -> Schema {
        Schema {
            numeric: vec![NumericFeature::new("energy", Transform::Standard)],
            categories: vec![CategoryFeature::new("artist", 1.0, 8)],
        }
    }

    fn config() -> FactorMapConfig {
        FactorMapConfig {
            ridge: 1e-3,
            ..FactorMapConfig::default()
        }
    }

    #[test]
    fn numbers_alone_lead_a_cold_track_to_those_that_measure_alike() {
        let energy = vec![0.0, 0.1, 0.9, 1.0, 0.95];
        let features = Features::new(5).numeric("energy", energy);
        let factors = Dense::new(5, 1, vec![-1.0, -1.0, 1.0, 1.0, 0.0]);
        let known = Known {
            factors: &factors,
            listeners: &[3, 3, 3, 3, 0],
        };
        let predicted = predict_factors(&schema(), &config(), &features, known).unwrap();
        assert!((predicted.row(4)[0] - 1.0).abs() < 0.1, "{predicted:?}");
    }

    #[test]
    fn an_artists_mean_is_shrunk_by_the_count_of_its_tracks() {
        let names = ["a", "b"];
        let features = Features::new(6).category("artist", vec![0, 0, 0, 1, 0, 1], names);
        // The mean of the four warm ones is 0.
        let factors = Dense::new(6, 1, vec![1.0, 1.0, 1.0, -3.0, 9.0, 9.0]);
        let known = Known {
            factors: &factors,
            listeners: &[1, 1, 1, 1, 0, 0],
        };
        let predicted = predict_factors(&schema(), &config(), &features, known).unwrap();
        assert_eq!(predicted.row(4), [3.0 / 4.0]);
        assert_eq!(predicted.row(5), [-3.0 / 2.0]);
    }

    #[test]
    fn where_nothing_is_known_the_mean_is_what_remains() {
        let factors = Dense::new(3, 2, vec![1.0, 2.0, 3.0, 6.0, 0.0, 0.0]);
        let listeners = [1, 1, 0];
        let known = Known {
            factors: &factors,
            listeners: &listeners,
        };
        let equal = Features::new(3).numeric("energy", vec![f32::NAN, 0.5, 0.5]);
        for features in [Features::new(3), equal] {
            let predicted = predict_factors(&schema(), &config(), &features, known).unwrap();
            assert_eq!(predicted.row(2), [2.0, 4.0]);
        }
        let cold = Known {
            listeners: &[0; 3],
            ..known
        };
        let nothing = predict_factors(&schema(), &config(), &Features::new(3), cold).unwrap();
        assert_eq!(nothing.as_slice(), [0.0; 6]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let bad = FactorMapConfig {
            gamma: f64::NAN,
            ..FactorMapConfig::default()
        };
        let named = Error::NotPositive {
            name: "gamma".to_owned(),
        };
        assert_eq!(bad.validate(), Err(named));
    }
}
