use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::network::{Adam, Layer, Network, Outputs};
use crate::sample::sample;
use crate::{Error, Points};

/// Rows per step.
const BATCH: usize = 256;
/// Rows that one thread learns from at a time, whatever the number of threads.
const CHUNK: usize = 64;
/// Layers up to the code.
const ENCODER: usize = 3;
/// All layers.
const LAYERS: usize = 6;
/// One in so many rows is not learned from and tells when to stop.
const WATCHED: usize = 10;

/// Settings of [`Autoencoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoencoderConfig {
    /// Numbers in a code, at least 1.
    pub dim: usize,
    /// Numbers in each hidden layer, two before the code and two behind it; at least 1.
    pub hidden: usize,
    /// Share of the numbers that are left out of what the network sees and has to tell all the same, 0 or more and below 1.
    pub corruption: f64,
    /// Length of the steps; above 0.
    pub learning_rate: f64,
    /// How often all rows are gone through at most, at least 1.
    pub epochs: usize,
    /// After how many epochs without a gain on rows that are not learned from training stops, at least 1.
    pub patience: usize,
    /// Rows to learn from at most, a seeded sample of all; at least 1.
    pub rows: usize,
    /// Length (root mean square over tracks) of the code before the whole embedding is normalised; the lengths of the other
    /// parts are the weights of the schema's categories. At least 0.
    pub numeric_weight: f32,
    /// Seed of weights, corruption and order.
    pub seed: u64,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        Self {
            dim: 8,
            hidden: 64,
            corruption: 0.1,
            learning_rate: 0.002,
            epochs: 200,
            patience: 10,
            rows: 50_000,
            numeric_weight: 0.5,
            seed: 1,
        }
    }
}

impl AutoencoderConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let counts = [
            ("dim", self.dim),
            ("hidden", self.hidden),
            ("epochs", self.epochs),
            ("patience", self.patience),
            ("rows", self.rows),
        ];
        if let Some((name, _)) = counts.into_iter().find(|&(_, count)| count == 0) {
            return Err(Error::ZeroDimension { name: name.into() });
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::NotPositive {
                name: "learning_rate".into(),
            });
        }
        if !(0.0..1.0).contains(&self.corruption) {
            return Err(Error::Share {
                name: "corruption",
                value: self.corruption.to_string(),
            });
        }
        crate::schema::check_weight("numeric_weight", self.numeric_weight)
    }
}

/// A deep denoising autoencoder (Vincent et al. 2008): two hidden layers to a code and two back, trained to tell whole rows
/// from rows of which some numbers are missing. In f64; the bits do not depend on the number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Autoencoder {
    network: Network,
    dim: usize,
}

/// Rows with what is known of them.
struct Known<'a, K> {
    points: &'a Points,
    /// Whether the number at a row and column is known, rather than 0 because it is missing.
    is_known: &'a K,
}

impl Autoencoder {
    /// Learns codes of the rows. A number of which `is_known(row, column)` does not hold stands for nothing, and nothing is
    /// asked of it.
    ///
    /// # Errors
    ///
    /// If the configuration is invalid, or there are no rows.
    pub fn fit(
        points: &Points,
        is_known: impl Fn(usize, usize) -> bool + Sync,
        config: &AutoencoderConfig,
    ) -> Result<Self, Error> {
        config.validate()?;
        if points.is_empty() {
            return Err(Error::NothingKnown);
        }
        let data = Known {
            points,
            is_known: &is_known,
        };
        let rows = sample(points.len(), config.rows, config.seed);
        let parted = |watched: bool| {
            let rows = rows.iter().copied().enumerate();
            let parted = rows.filter(move |(place, _)| (place % WATCHED == WATCHED - 1) == watched);
            parted.map(|(_, row)| row).collect::<Vec<u32>>()
        };
        let (mut learned, watched) = (parted(false), parted(true));
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let mut fitted = Self {
            network: Network::new(layers(points.dim(), config), &mut rng),
            dim: config.dim,
        };
        let mut adam = Adam::new(fitted.network.parameters().len(), config.learning_rate);
        let mut best = (fitted.clone(), f64::INFINITY, 0);
        for epoch in 0..config.epochs {
            learned.shuffle(&mut rng);
            for batch in learned.chunks(BATCH) {
                let seed = rng.random();
                let gradient = fitted.gradient(&data, batch, (config.corruption, seed));
                adam.step(fitted.network.parameters_mut(), &gradient);
            }
            // With too few rows to watch any, all epochs are run.
            let error = match watched.is_empty() {
                true => -(epoch as f64),
                false => fitted.error(&data, &watched),
            };
            if error < best.1 {
                best = (fitted.clone(), error, epoch);
            } else if epoch - best.2 >= config.patience {
                break;
            }
        }
        Ok(best.0)
    }

    /// Numbers in a code.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Whether it reads rows of that length.
    pub(crate) fn reads(&self, inputs: usize) -> bool {
        self.network.is_sound(inputs)
    }

    /// Writes the code of a row to `out`.
    ///
    /// # Panics
    ///
    /// If `out` is not [`dim`](Self::dim) long.
    pub fn encode(&self, row: &[f64], out: &mut [f64]) {
        let mut outputs = Outputs::default();
        self.network.run(row, &mut outputs, ENCODER);
        out.copy_from_slice(outputs.of(ENCODER - 1));
    }

    /// The row that its code stands for.
    pub fn reconstruct(&self, row: &[f64]) -> Vec<f64> {
        let mut outputs = Outputs::default();
        self.network.run(row, &mut outputs, LAYERS);
        outputs.of(LAYERS - 1).to_vec()
    }

    /// The mean over rows of the gradient of the squared error.
    fn gradient<K: Fn(usize, usize) -> bool + Sync>(
        &self,
        data: &Known<'_, K>,
        rows: &[u32],
        (corruption, seed): (f64, u64),
    ) -> Vec<f64> {
        let of_chunk = |(place, rows): (usize, &[u32])| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(place as u64);
            let mut gradient = vec![0.0; self.network.parameters().len()];
            let mut outputs = Outputs::default();
            for &row in rows {
                let whole = data.points.row(row as usize);
                let seen: Vec<f64> = whole
                    .iter()
                    .map(|&x| {
                        if rng.random::<f64>() < corruption {
                            0.0
                        } else {
                            x
                        }
                    })
                    .collect();
                self.network.run(&seen, &mut outputs, LAYERS);
                let told = outputs.of(LAYERS - 1).iter().zip(whole).enumerate();
                let slope =
                    told.map(
                        |(column, (told, x))| match (data.is_known)(row as usize, column) {
                            true => 2.0 * (told - x),
                            false => 0.0,
                        },
                    );
                self.network
                    .learn(&seen, &outputs, slope.collect(), &mut gradient);
            }
            gradient
        };
        let parts: Vec<Vec<f64>> = rows.par_chunks(CHUNK).enumerate().map(of_chunk).collect();
        let mut gradient = vec![0.0; self.network.parameters().len()];
        for part in parts {
            let sums = gradient.iter_mut().zip(part);
            sums.for_each(|(sum, part)| *sum += part / rows.len() as f64);
        }
        gradient
    }

    /// The mean squared error of whole rows.
    fn error<K: Fn(usize, usize) -> bool + Sync>(&self, data: &Known<'_, K>, rows: &[u32]) -> f64 {
        let of_chunk = |rows: &[u32]| -> f64 {
            let of_row = |&row: &u32| -> f64 {
                let whole = data.points.row(row as usize);
                let told = self.reconstruct(whole);
                let columns = whole.iter().zip(&told).enumerate();
                let known = columns.filter(|&(column, _)| (data.is_known)(row as usize, column));
                known.map(|(_, (x, told))| (x - told).powi(2)).sum()
            };
            rows.iter().map(of_row).sum()
        };
        let parts: Vec<f64> = rows.par_chunks(CHUNK).map(of_chunk).collect();
        parts.iter().sum::<f64>() / rows.len() as f64
    }
}

fn layers(inputs: usize, config: &AutoencoderConfig) -> Vec<Layer> {
    let AutoencoderConfig { dim, hidden, .. } = *config;
    let widths = [inputs, hidden, hidden, dim, hidden, hidden, inputs];
    let layer = |(place, widths): (usize, &[usize])| Layer {
        inputs: widths[0],
        outputs: widths[1],
        curved: place + 1 != ENCODER && place + 1 != LAYERS,
    };
    widths.windows(2).enumerate().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a curve that no line comes near, in three dimensions.
    fn curve(rows: usize) -> Points {
        let at = |row: usize| {
            let t = 3.0 * (row as f64 / rows as f64) * 2.0 - 3.0;
            [t.sin() * 1.4, t.cos() * 1.4, (2.0 * t).sin() * 1.4]
        };
        Points::new(3, (0..rows).flat_map(at).collect())
    }

    fn config() -> AutoencoderConfig {
        AutoencoderConfig {
            dim: 1,
            hidden: 16,
            corruption: 0.0,
            learning_rate: 0.01,
            epochs: 150,
            patience: 150,
            ..AutoencoderConfig::default()
        }
    }

    #[test]
    fn one_number_tells_more_of_a_curve_than_the_first_principal_component() {
        let points = curve(400);
        let fitted = Autoencoder::fit(&points, |_, _| true, &config()).unwrap();
        let error: f64 = points
            .rows()
            .map(|row| crate::points::squared_distance(row, &fitted.reconstruct(row)))
            .sum();
        let pca = crate::Pca::fit(points.len(), 3, 1, |row, out| {
            out.copy_from_slice(points.row(row));
            true
        })
        .unwrap();
        let total: f64 = points.rows().flatten().map(|x| x * x).sum();
        let left = 1.0 - pca.explained_variance_ratio()[0];
        assert!(error / total < left / 2.0, "{} of {left}", error / total);
    }

    #[test]
    fn threads_do_not_change_a_bit_and_seeds_do() {
        let points = curve(300);
        let short = AutoencoderConfig {
            epochs: 3,
            ..config()
        };
        let fit = |threads, config: &AutoencoderConfig| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let fitted = pool
                .unwrap()
                .install(|| Autoencoder::fit(&points, |_, _| true, config));
            fitted.unwrap()
        };
        assert_eq!(fit(1, &short), fit(3, &short));
        let other = AutoencoderConfig { seed: 2, ..short };
        assert_ne!(fit(1, &other), fit(1, &config()));
    }

    #[test]
    fn numbers_that_are_missing_teach_nothing() {
        let points = curve(300);
        let spoiled = points.as_slice().chunks_exact(3);
        let spoiled = spoiled.flat_map(|row| [row[0], row[1], 0.0]).collect();
        let spoiled = Points::new(3, spoiled);
        let known = |_: usize, column: usize| column != 2;
        let short = AutoencoderConfig {
            epochs: 40,
            ..config()
        };
        let fitted = Autoencoder::fit(&spoiled, known, &short).unwrap();
        // Nothing has moved the third output's weights from where chance put them, so it does not learn to say zero.
        let asked = Autoencoder::fit(&spoiled, |_, _| true, &short).unwrap();
        let third = |of: &Autoencoder| -> f64 {
            let told = spoiled.rows().map(|row| of.reconstruct(row)[2]);
            told.map(f64::abs).sum::<f64>() / 300.0
        };
        assert!(third(&asked) < third(&fitted) / 2.0);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let named = |config: AutoencoderConfig| config.validate().unwrap_err().to_string();
        let default = AutoencoderConfig::default;
        default().validate().unwrap();
        assert!(
            named(AutoencoderConfig {
                dim: 0,
                ..default()
            })
            .contains("`dim`")
        );
        let corruption = AutoencoderConfig {
            corruption: 1.0,
            ..default()
        };
        assert!(named(corruption).contains("`corruption`"));
        let learning_rate = AutoencoderConfig {
            learning_rate: f64::NAN,
            ..default()
        };
        assert!(named(learning_rate).contains("`learning_rate`"));
    }
}
