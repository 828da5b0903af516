use crossfade_matrix::Dense;
use faer::Mat;

use crate::design::Design;
use crate::features::Values;
use crate::kernel::Kernel;
use crate::kernel_ridge::KernelRidge;
use crate::{Error, Features, Schema};

mod config;

pub use config::FactorMapConfig;

/// Tracks that the regression learns from at most, evenly spread: more change little of what it predicts.
const MOST_LEARNED: usize = 50_000;
/// Tracks that it predicts at a time.
const PREDICTED: usize = 1 << 14;

/// Factors that training found, and how far to trust them.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Tracks x dim.
    pub factors: &'a Dense,
    /// Listeners of each track in training.
    pub listeners: &'a [u32],
}

/// Factors by what is known of tracks.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// Tracks x dim.
    pub factors: Dense,
    /// Whether anything known of the track has a part in its factor; otherwise it is the mean.
    pub is_told: Vec<bool>,
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
) -> Result<Prediction, Error> {
    predict(schema, config, features, (known, For::New))
}

/// What factors are to be pulled towards in training: what names alone tell of each track, of which it has no part itself,
/// times [`FactorMapConfig::prior`]. Numbers tell little beside names, and regressing on them before each epoch would take
/// longer than the epoch. Rows of tracks without listeners, and of those whose names have no other tracks, are zero.
///
/// # Errors
///
/// If the schema or the configuration is invalid.
///
/// # Panics
///
/// As [`predict_factors`].
pub fn prior_factors(
    schema: &Schema,
    config: &FactorMapConfig,
    features: &Features<'_>,
    known: Known<'_>,
) -> Result<Dense, Error> {
    let Prediction { factors, is_told } = predict(schema, config, features, (known, For::Prior))?;
    let dim = factors.columns();
    let rows = factors.rows();
    let mut prior = factors.into_vec();
    for (row, values) in prior.chunks_exact_mut(dim.max(1)).enumerate() {
        let scale = match is_told[row] && known.listeners[row] > 0 {
            true => config.prior as f32,
            false => 0.0,
        };
        values.iter_mut().for_each(|value| *value *= scale);
    }
    Ok(Dense::new(rows, dim, prior))
}

/// What a prediction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Tracks without listeners, of numbers and names.
    New,
    /// Tracks with listeners, of names, by their other tracks.
    Prior,
}

fn predict(
    schema: &Schema,
    config: &FactorMapConfig,
    features: &Features<'_>,
    (known, wanted): (Known<'_>, For),
) -> Result<Prediction, Error> {
    schema.validate()?;
    config.validate()?;
    let Known { factors, listeners } = known;
    assert_eq!(factors.rows(), features.rows(), "a factor for each track");
    assert_eq!(listeners.len(), features.rows(), "listeners of each track");
    let warm: Vec<bool> = listeners
        .iter()
        .map(|&count| count >= config.min_listeners.max(1))
        .collect();
    let design = Design::fit(schema, features);
    let measured = design.mostly_known(features);
    let mut predicted = means(&measured, (factors, &warm));
    let mut is_told = vec![false; features.rows()];
    if wanted == For::New {
        let numbers = Numbers {
            design,
            features,
            measured,
        };
        let out = (&mut *predicted, &mut *is_told);
        numbers.add(config, (factors, &warm), out)?;
    }
    let groups = schema.categories.iter().rev().filter(|f| f.weight > 0.0);
    for group in groups {
        if let Some(values) = features.get(&group.column) {
            let out = (&mut *predicted, &mut *is_told);
            add_group(values, (config.shrinkage, wanted), (factors, &warm), out);
        }
    }
    Ok(Prediction {
        factors: Dense::new(factors.rows(), factors.columns(), predicted),
        is_told,
    })
}

/// Whether each track has most of the schema's numeric columns that tell tracks apart; no track does where there are none.
pub fn mostly_measured(schema: &Schema, features: &Features<'_>) -> Vec<bool> {
    Design::fit(schema, features).mostly_known(features)
}

/// The mean factor, apart for tracks of which most numbers are known and for others.
fn means(measured: &[bool], (factors, warm): (&Dense, &[bool])) -> Vec<f32> {
    let of = |kind: bool| {
        let rows = (0..measured.len()).filter(|&row| warm[row] && measured[row] == kind);
        mean(factors, rows)
    };
    let (with, without) = (of(true), of(false));
    let rows = measured.iter();
    rows.flat_map(|&measured| if measured { &with } else { &without })
        .copied()
        .collect()
}

/// The numbers of tracks, and of which tracks most are known.
struct Numbers<'a> {
    design: Design,
    features: &'a Features<'a>,
    measured: Vec<bool>,
}

impl Numbers<'_> {
    /// Adds what they say beyond the mean.
    fn add(
        &self,
        config: &FactorMapConfig,
        (factors, warm): (&Dense, &[bool]),
        (predicted, is_told): (&mut [f32], &mut [bool]),
    ) -> Result<(), Error> {
        let Self {
            design,
            features,
            measured,
        } = self;
        let dim = factors.columns();
        let measured: Vec<usize> = (0..measured.len()).filter(|&row| measured[row]).collect();
        let learned: Vec<usize> = measured.iter().copied().filter(|&row| warm[row]).collect();
        if learned.is_empty() || design.dim() == 0 {
            return Ok(());
        }
        let step = learned.len().div_ceil(MOST_LEARNED);
        let learned: Vec<usize> = learned.into_iter().step_by(step).collect();
        let reader = design.read(features);
        let rows = |rows: &[usize]| {
            let mut x = vec![0.0; rows.len() * design.dim()];
            for (&row, out) in rows.iter().zip(x.chunks_exact_mut(design.dim())) {
                reader.write(row, out);
            }
            x
        };
        let mut x = rows(&learned);
        let scale = unit_scale(&x, learned.len());
        scale_by(scale, &mut x);
        let y = Mat::from_fn(learned.len(), dim, |i, j| {
            f64::from(factors.row(learned[i])[j]) - f64::from(predicted[learned[i] * dim + j])
        });
        let kernel = Kernel {
            gamma: config.gamma,
            directions: config.directions,
        };
        let fitted = KernelRidge::fit(
            (&x, design.dim()),
            &y,
            (kernel, config.ridge),
            config.landmarks,
        )?;
        for measured in measured.chunks(PREDICTED) {
            let mut x = rows(measured);
            scale_by(scale, &mut x);
            let found = fitted.predict(&x);
            for (i, &row) in measured.iter().enumerate() {
                is_told[row] = true;
                for j in 0..dim {
                    predicted[row * dim + j] += found[(i, j)] as f32;
                }
            }
        }
        Ok(())
    }
}

/// What brings the mean square length of so many rows to 1, so that a kernel's width suits any number of columns.
fn unit_scale(x: &[f64], rows: usize) -> f64 {
    let mean_square = x.iter().map(|x| x * x).sum::<f64>() / rows as f64;
    match mean_square > 0.0 {
        true => mean_square.sqrt().recip(),
        false => 1.0,
    }
}

fn scale_by(scale: f64, x: &mut [f64]) {
    x.iter_mut().for_each(|x| *x *= scale);
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
    (shrinkage, wanted): (f64, For),
    (factors, warm): (&Dense, &[bool]),
    (predicted, is_told): (&mut [f32], &mut [bool]),
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
    let mut left = vec![0.0; dim];
    for (row, out) in predicted.chunks_exact_mut(dim.max(1)).enumerate() {
        let codes = codes(row);
        let is_part = wanted == For::Prior && warm[row];
        if is_part {
            let rest = factors.row(row).iter().zip(&*out).map(|(y, p)| y - p);
            left.iter_mut()
                .zip(rest)
                .for_each(|(left, rest)| *left = f64::from(rest));
        }
        for &code in codes {
            // A name that is listed twice counts twice.
            let parts = match is_part {
                true => codes.iter().filter(|&&other| other == code).count() as f64,
                false => 0.0,
            };
            let code = code as usize;
            let count = counts[code] - parts;
            // Counts are whole numbers beside the shrinkage: without others it is what remains, to within rounding.
            if count - shrinkage < 0.5 {
                continue;
            }
            is_told[row] = true;
            let scale = 1.0 / (count * codes.len() as f64);
            let sums = &sums[code * dim..(code + 1) * dim];
            for ((out, sum), left) in out.iter_mut().zip(sums).zip(&left) {
                *out += ((sum - parts * left) * scale) as f32;
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
        let predicted = predict_factors(&schema(), &config(), &features, known)
            .unwrap()
            .factors;
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
        let predicted = predict_factors(&schema(), &config(), &features, known)
            .unwrap()
            .factors;
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
            let predicted = predict_factors(&schema(), &config(), &features, known)
                .unwrap()
                .factors;
            assert_eq!(predicted.row(2), [2.0, 4.0]);
        }
        let cold = Known {
            listeners: &[0; 3],
            ..known
        };
        let nothing = predict_factors(&schema(), &config(), &Features::new(3), cold).unwrap();
        assert_eq!(nothing.factors.as_slice(), [0.0; 6]);
        assert_eq!(nothing.is_told, [false; 3]);
    }

    #[test]
    fn a_track_is_told_of_by_numbers_or_by_a_name_that_has_listeners() {
        let energy = vec![0.1, 0.9, 0.5, f32::NAN, f32::NAN, f32::NAN];
        let artists = vec![0, 0, Features::MISSING, 0, 1, Features::MISSING];
        let features = Features::new(6).numeric("energy", energy).category(
            "artist",
            artists,
            ["heard", "new"],
        );
        let known = Known {
            factors: &Dense::new(6, 1, vec![1.0, 2.0, 0.0, 0.0, 0.0, 0.0]),
            listeners: &[1, 1, 0, 0, 0, 0],
        };
        let told = predict_factors(&schema(), &config(), &features, known).unwrap();
        assert_eq!(told.is_told, [true, true, true, true, false, false]);
    }

    #[test]
    fn a_track_is_no_evidence_of_its_own_prior() {
        let artists = vec![0, 0, 0, 1, 0];
        let features = Features::new(5).category("artist", artists, ["a", "b"]);
        let factors = Dense::new(5, 1, vec![1.0, 2.0, 6.0, -9.0, 0.0]);
        let known = Known {
            factors: &factors,
            listeners: &[1, 1, 1, 1, 0],
        };
        let config = FactorMapConfig {
            prior: 0.5,
            ..config()
        };
        // The mean of all is 0, so the others' mean, shrunken by one, is what is left; half of it is the prior. The last track
        // of a has no listeners, and b has no other track.
        let prior = prior_factors(&schema(), &config, &features, known).unwrap();
        let expected = [8.0 / 3.0, 7.0 / 3.0, 1.0, 0.0, 0.0].map(|mean: f32| mean / 2.0);
        for (found, expected) in prior.as_slice().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}
