use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::scale::quantile;

/// Standard normal quantile of a 95 % interval.
const NORMAL: f64 = 1.959_963_984_540_054;
/// Resamples of a bootstrap interval.
const RESAMPLES: usize = 1_000;
/// Steps of confidence that calibration is judged by.
const STEPS: usize = 10;

/// A figure with its 95 % interval over tracks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Predictions of about the same confidence, and how many of them were right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Mean of the largest probabilities.
    pub confidence: f64,
    /// Share of the predictions that were right, with Wilson's interval.
    pub accuracy: Estimate,
    /// How many predictions there are.
    pub tracks: usize,
}

/// How well names are predicted of tracks whose name was hidden.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenreQuality {
    /// Share of the tracks whose most probable name is theirs, with Wilson's interval.
    pub accuracy: Estimate,
    /// The same of least squares on the same columns.
    pub linear_accuracy: Estimate,
    /// The same of always saying the most frequent name.
    pub largest_share: f64,
    /// Mean of `-ln` of the probability of the true name.
    pub log_loss: f64,
    /// Mean over the tracks of `|confidence - accuracy|` of their step: the expected calibration error in ten steps of equal
    /// width (Naeini et al. 2015).
    pub calibration_error: f64,
    /// Predictions by their confidence, rising; steps without any are left out.
    pub steps: Vec<Step>,
    /// Tracks by true name (rows) and predicted name (columns), in the order of the names.
    pub confusion: Vec<Vec<usize>>,
}

/// How well numbers are predicted of tracks whose number was hidden.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NumberQuality {
    /// Share of the variance that is explained, with a bootstrap interval.
    pub r2: Estimate,
    /// The same of least squares on the same columns.
    pub linear_r2: Estimate,
    /// By how much the share is larger than that of least squares, with a bootstrap interval over the same resamples.
    pub gain: Estimate,
    /// Root of the mean square error.
    pub expected_error: f64,
}

impl Estimate {
    /// A share with Wilson's interval (1927), which stays within 0 and 1.
    pub fn share(hits: usize, of: usize) -> Self {
        let (n, share) = (of.max(1) as f64, hits as f64 / of.max(1) as f64);
        let square = NORMAL * NORMAL / n;
        let middle = (share + square / 2.0) / (1.0 + square);
        let half =
            NORMAL * (share * (1.0 - share) / n + square / (4.0 * n)).sqrt() / (1.0 + square);
        Self {
            value: share,
            low: (middle - half).max(0.0),
            high: (middle + half).min(1.0),
        }
    }

    fn of_resamples(value: f64, mut resampled: Vec<f64>) -> Self {
        resampled.sort_unstable_by(f64::total_cmp);
        Self {
            value,
            low: quantile(&resampled, 0.025),
            high: quantile(&resampled, 0.975),
        }
    }
}

impl GenreQuality {
    /// Judges `probabilities`, and the scores of least squares, of tracks that are of these classes.
    pub(super) fn of(probabilities: &Mat<f64>, linear: &Mat<f64>, classes: &[u32]) -> Self {
        let (rows, count) = (classes.len(), probabilities.ncols());
        let mut confusion = vec![vec![0; count]; count];
        let mut steps = vec![(0.0, 0, 0); STEPS];
        let (mut hits, mut linear_hits, mut loss) = (0, 0, 0.0);
        for (row, &class) in classes.iter().enumerate() {
            let class = class as usize;
            let said = best(probabilities, row);
            let confidence = probabilities[(row, said)];
            let step = ((confidence * STEPS as f64) as usize).min(STEPS - 1);
            let right = usize::from(said == class);
            let (sum, right_in_step, tracks) = &mut steps[step];
            *sum += confidence;
            *right_in_step += right;
            *tracks += 1;
            confusion[class][said] += 1;
            hits += right;
            linear_hits += usize::from(best(linear, row) == class);
            loss -= probabilities[(row, class)].max(f64::MIN_POSITIVE).ln();
        }
        let steps: Vec<Step> = steps
            .into_iter()
            .filter(|&(_, _, tracks)| tracks > 0)
            .map(|(sum, right, tracks)| Step {
                confidence: sum / tracks as f64,
                accuracy: Estimate::share(right, tracks),
                tracks,
            })
            .collect();
        let off = |step: &Step| step.tracks as f64 * (step.confidence - step.accuracy.value).abs();
        let largest = confusion.iter().map(|row| row.iter().sum::<usize>()).max();
        Self {
            accuracy: Estimate::share(hits, rows),
            linear_accuracy: Estimate::share(linear_hits, rows),
            largest_share: largest.unwrap_or(0) as f64 / rows as f64,
            log_loss: loss / rows as f64,
            calibration_error: steps.iter().map(off).sum::<f64>() / rows as f64,
            steps,
            confusion,
        }
    }
}

impl NumberQuality {
    /// Judges predictions, and those of least squares, of `values`.
    pub(super) fn of(values: &[f64], predicted: &[f64], linear: &[f64], seed: u64) -> Self {
        let rows: Vec<[f64; 4]> = values
            .iter()
            .zip(predicted.iter().zip(linear))
            .map(|(y, (p, l))| [*y, y * y, (y - p) * (y - p), (y - l) * (y - l)])
            .collect();
        let explained = |sums: [f64; 4]| {
            let total = sums[1] - sums[0] * sums[0] / rows.len() as f64;
            [1.0 - sums[2] / total, 1.0 - sums[3] / total]
        };
        let add = |mut sums: [f64; 4], row: &[f64; 4]| {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            sums
        };
        let sums = rows.iter().fold([0.0; 4], add);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut resampled = [const { Vec::new() }; 3];
        for _ in 0..RESAMPLES {
            let drawn = (0..rows.len()).map(|_| &rows[rng.random_range(0..rows.len())]);
            let [own, line] = explained(drawn.fold([0.0; 4], add));
            // A resample of one value many times has no variance to explain.
            if own.is_finite() && line.is_finite() {
                resampled[0].push(own);
                resampled[1].push(line);
                resampled[2].push(own - line);
            }
        }
        let [own, line] = explained(sums);
        let [owns, lines, gains] = resampled;
        Self {
            r2: Estimate::of_resamples(own, owns),
            linear_r2: Estimate::of_resamples(line, lines),
            gain: Estimate::of_resamples(own - line, gains),
            expected_error: (sums[2] / rows.len() as f64).sqrt(),
        }
    }
}

/// The class with the largest score, the first among equals.
fn best(scores: &Mat<f64>, row: usize) -> usize {
    (1..scores.ncols()).fold(0, |best, class| {
        if scores[(row, class)] > scores[(row, best)] {
            class
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_wilsons_interval() {
        // statsmodels 0.15: proportion_confint(790, 1000, method="wilson") and (0, 10).
        let found = Estimate::share(790, 1_000);
        assert!((found.low - 0.763_669_4).abs() < 1e-6, "{found:?}");
        assert!((found.high - 0.814_111_1).abs() < 1e-6, "{found:?}");
        let none = Estimate::share(0, 10);
        assert_eq!(none.low, 0.0);
        assert!((none.high - 0.277_532_8).abs() < 1e-6, "{none:?}");
    }

    #[test]
    fn names_are_judged_as_by_hand() {
        let rows = [[0.95, 0.05], [0.85, 0.15], [0.35, 0.65], [0.92, 0.08]];
        let probabilities = Mat::from_fn(4, 2, |row, class| rows[row][class]);
        let linear = Mat::from_fn(4, 2, |_, class| [0.0, 1.0][class]);
        let found = GenreQuality::of(&probabilities, &linear, &[0, 0, 1, 1]);
        assert_eq!(found.accuracy.value, 0.75);
        assert_eq!(found.linear_accuracy.value, 0.5);
        assert_eq!(found.largest_share, 0.5);
        assert_eq!(found.confusion, [[2, 0], [1, 1]]);
        // Steps from .6, .8 and .9: |.65 - 1|, |.85 - 1| and twice |.935 - .5|.
        assert!((found.calibration_error - (0.35 + 0.15 + 0.87) / 4.0).abs() < 1e-12);
        let loss = -(0.95_f64.ln() + 0.85_f64.ln() + 0.65_f64.ln() + 0.08_f64.ln()) / 4.0;
        assert!((found.log_loss - loss).abs() < 1e-12);
        assert_eq!(found.steps.iter().map(|step| step.tracks).sum::<usize>(), 4);
    }

    #[test]
    fn numbers_are_judged_as_by_hand() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let found = NumberQuality::of(&values, &[1.5, 2.0, 3.0, 3.5], &[2.5; 4], 1);
        // The variance sums to 5, the errors to .5 and 5.
        assert!((found.r2.value - 0.9).abs() < 1e-12);
        assert!(found.linear_r2.value.abs() < 1e-12);
        assert!((found.gain.value - 0.9).abs() < 1e-12);
        assert!((found.expected_error - 0.125_f64.sqrt()).abs() < 1e-12);
        assert!(found.r2.low <= found.r2.value && found.r2.value <= found.r2.high);
    }
}
