use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::scale::{mean_std, quantile};

/// What the values of a column are like. Values that are not finite are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnSummary {
    /// How many are known.
    pub known: usize,
    /// How many are missing.
    pub missing: usize,
    /// How many different ones there are.
    pub distinct: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (of the population).
    pub std: f64,
    /// The least, the quantiles .01, .05, .25, .5, .75, .95 and .99, interpolated linearly, and the largest.
    pub quantiles: [f64; 9],
    /// The most frequent one, the least of these.
    pub mode: f64,
    /// How often it occurs.
    pub mode_count: usize,
    /// How many lie beyond three interquartile ranges from the quartiles (Tukey's far out).
    pub far_out: usize,
    /// How they are spread between the quantiles .001 and .999.
    pub histogram: Histogram,
}

/// The shares of the least and largest values that histograms leave out.
const TAIL: f64 = 0.001;
/// Bins at most, and at least where there are many different values.
const BINS: (usize, usize) = (12, 48);

impl ColumnSummary {
    /// Describes `values`; `None` if none is known.
    pub fn of(values: &[f32]) -> Option<Self> {
        let known = values.iter().filter(|value| value.is_finite());
        let mut sorted: Vec<f64> = known.map(|&value| f64::from(value)).collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let (mean, std) = mean_std(&sorted);
        let at = |q| quantile(&sorted, q);
        let range = at(0.75) - at(0.25);
        let fences = (at(0.25) - 3.0 * range)..=(at(0.75) + 3.0 * range);
        let (mode, mode_count, distinct) = mode(&sorted);
        Some(Self {
            known: sorted.len(),
            missing: values.len() - sorted.len(),
            distinct,
            mean,
            std,
            quantiles: [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0].map(at),
            mode,
            mode_count,
            far_out: sorted
                .iter()
                .filter(|&value| !fences.contains(value))
                .count(),
            histogram: histogram(&sorted, distinct),
        })
    }

    /// The median.
    pub fn median(&self) -> f64 {
        self.quantiles[4]
    }
}

/// The most frequent of sorted values, how often it occurs, and how many different ones there are.
fn mode(sorted: &[f64]) -> (f64, usize, usize) {
    let runs = sorted.chunk_by(|a, b| a == b);
    let mut best = (sorted[0], 0, 0);
    for run in runs {
        best.2 += 1;
        if run.len() > best.1 {
            (best.0, best.1) = (run[0], run.len());
        }
    }
    best
}

/// How many values lie in each of several equally wide bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Lower end of the first bin.
    pub low: f64,
    /// Upper end of the last bin, which belongs to it.
    pub high: f64,
    /// How many values each bin has.
    pub counts: Vec<usize>,
    /// How many lie below.
    pub below: usize,
    /// How many lie above.
    pub above: usize,
}

impl Histogram {
    /// Counts `values` in `bins` bins from `low` to `high`, as `numpy.histogram` does: a value on an edge belongs to the bin
    /// above it, on the last one to the last bin.
    ///
    /// # Panics
    ///
    /// If `low` is not below `high` or there are no bins.
    pub fn of(values: &[f64], (low, high): (f64, f64), bins: usize) -> Self {
        assert!(low < high && bins > 0, "a histogram from {low} to {high}");
        let mut histogram = Self {
            low,
            high,
            counts: vec![0; bins],
            below: 0,
            above: 0,
        };
        let edge = |bin: usize| low + (high - low) * bin as f64 / bins as f64;
        for &value in values {
            if value < low {
                histogram.below += 1;
            } else if value > high {
                histogram.above += 1;
            } else {
                let share = (value - low) / (high - low);
                let mut bin = ((share * bins as f64) as usize).min(bins - 1);
                // The product may be off by a rounding; the edges decide.
                if value < edge(bin) {
                    bin -= 1;
                } else if bin + 1 < bins && value >= edge(bin + 1) {
                    bin += 1;
                }
                histogram.counts[bin] += 1;
            }
        }
        histogram
    }
}

/// One bin per value for a few whole numbers, else bins of `2 iqr / n^(1/3)` (Freedman and Diaconis 1981) within limits.
fn histogram(sorted: &[f64], distinct: usize) -> Histogram {
    let (least, largest) = (sorted[0], sorted[sorted.len() - 1]);
    let whole = distinct <= 2 * BINS.0 && sorted.iter().all(|value| value.fract() == 0.0);
    if whole && largest - least < BINS.1 as f64 {
        let bins = (largest - least) as usize + 1;
        return Histogram::of(sorted, (least - 0.5, largest + 0.5), bins);
    }
    let (low, high) = (quantile(sorted, TAIL), quantile(sorted, 1.0 - TAIL));
    if low >= high {
        return Histogram::of(sorted, (low - 0.5, low + 0.5), 1);
    }
    let range = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    let width = 2.0 * range / (sorted.len() as f64).cbrt();
    let bins = ((high - low) / width)
        .ceil()
        .clamp(BINS.0 as f64, BINS.1 as f64);
    Histogram::of(sorted, (low, high), bins as usize)
}

/// Pearson's correlation of every pair of columns over the rows where both are known; `None` where one of them does not
/// vary there.
///
/// # Panics
///
/// If columns differ in length.
pub fn correlations(columns: &[&[f32]]) -> Vec<Vec<Option<f64>>> {
    let pairs: Vec<(usize, usize)> = (0..columns.len())
        .flat_map(|i| (0..=i).map(move |j| (i, j)))
        .collect();
    let found: Vec<Option<f64>> = pairs
        .par_iter()
        .map(|&(i, j)| correlation(columns[i], columns[j]))
        .collect();
    let at = |i: usize, j: usize| found[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
    let row = |i| (0..columns.len()).map(|j| at(i, j)).collect();
    (0..columns.len()).map(row).collect()
}

fn correlation(xs: &[f32], ys: &[f32]) -> Option<f64> {
    assert_eq!(xs.len(), ys.len(), "columns of the same length");
    let both = xs
        .iter()
        .zip(ys)
        .filter(|(x, y)| x.is_finite() && y.is_finite());
    let (xs, ys): (Vec<f64>, Vec<f64>) = both.map(|(&x, &y)| (f64::from(x), f64::from(y))).unzip();
    if is_constant(&xs) || is_constant(&ys) {
        return None;
    }
    let ((x_mean, x_std), (y_mean, y_std)) = (mean_std(&xs), mean_std(&ys));
    let products = xs.iter().zip(&ys).map(|(x, y)| (x - x_mean) * (y - y_mean));
    let covariance = products.sum::<f64>() / xs.len() as f64;
    Some((covariance / (x_std * y_std)).clamp(-1.0, 1.0))
}

/// Whether there are no two different values. (A standard deviation may not be 0 then, by rounding.)
pub(crate) fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_a_bin_each() {
        let summary = ColumnSummary::of(&[0.0, 2.0, 2.0, 5.0, f32::NAN, 2.0]).unwrap();
        assert_eq!(
            (summary.known, summary.missing, summary.distinct),
            (5, 1, 3)
        );
        assert_eq!((summary.mode, summary.mode_count), (2.0, 3));
        assert_eq!(summary.histogram.counts, [1, 0, 3, 0, 0, 1]);
        assert_eq!((summary.histogram.low, summary.histogram.high), (-0.5, 5.5));
    }

    #[test]
    fn every_known_value_is_counted_once() {
        let values: Vec<f32> = (0..5_000_u16).map(|n| f32::from(n).powi(3) / 1e6).collect();
        let Histogram {
            counts,
            below,
            above,
            ..
        } = ColumnSummary::of(&values).unwrap().histogram;
        assert_eq!(counts.iter().sum::<usize>() + below + above, 5_000);
        assert!((1..=5).contains(&below) && (1..=5).contains(&above));
    }

    #[test]
    fn constant_and_unknown_columns_are_described_too() {
        assert_eq!(ColumnSummary::of(&[f32::NAN, f32::INFINITY]), None);
        let constant = ColumnSummary::of(&[0.3; 4]).unwrap();
        assert_eq!(
            (constant.std, constant.far_out, constant.distinct),
            (0.0, 0, 1)
        );
        assert_eq!(constant.histogram.counts, [4]);
        assert_eq!(
            correlations(&[&[0.3; 4], &[1.0, 2.0, 3.0, 4.0]])[0],
            [None, None]
        );
    }
}
