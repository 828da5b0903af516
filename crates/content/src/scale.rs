use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::Transform;

/// How one numeric column is scaled, with the numbers learned from the data.
///
/// All statistics are taken over the finite values in f64. Standard deviations are those of the population, as
/// scikit-learn's `StandardScaler` has them; quantiles interpolate linearly, as NumPy's do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaler {
    /// `(x - centre) / spread`.
    Linear {
        /// Mean or median.
        centre: f64,
        /// Standard deviation or interquartile range, above 0.
        spread: f64,
    },
    /// `(ln(1 + (x - min) / unit) - mean) / std`; values below `min` count as `min`.
    Log {
        /// The least value.
        min: f64,
        /// The median of `x - min`, or their mean where that is 0; of ratios `min`, which makes it `ln(x / min)`. Above 0.
        unit: f64,
        /// Mean of the logarithms.
        mean: f64,
        /// Standard deviation of the logarithms, above 0.
        std: f64,
    },
    /// `sin(2 pi x / period) - mean_sin` and `cos(2 pi x / period) - mean_cos`.
    Cyclic {
        /// Length of the cycle.
        period: f64,
        /// Mean of the sines.
        mean_sin: f64,
        /// Mean of the cosines.
        mean_cos: f64,
    },
}

impl Scaler {
    /// Learns how to scale `values`; `None` if fewer than two different finite values are among them, since such a
    /// column tells no track from another.
    pub fn fit(transform: Transform, values: &[f32]) -> Option<Self> {
        let finite = |value: &f32| value.is_finite().then_some(f64::from(*value));
        let mut known: Vec<f64> = values.iter().filter_map(finite).collect();
        let first = *known.first()?;
        if known.iter().all(|&value| value == first) {
            return None;
        }
        match transform {
            Transform::Standard => standard(&known),
            Transform::Log => log(&mut known, false),
            Transform::Ratio => log(&mut known, true),
            Transform::Robust => robust(&mut known),
            Transform::Cyclic { period } => cyclic(&known, period),
        }
    }

    /// How many dimensions a value becomes: 2 for cyclic columns, else 1.
    pub fn dim(&self) -> usize {
        match self {
            Self::Linear { .. } | Self::Log { .. } => 1,
            Self::Cyclic { .. } => 2,
        }
    }

    /// Writes the scaled `value` to the [`dim`](Self::dim) places of `out`; zeros if it is not finite.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than that.
    pub fn apply(&self, value: f32, out: &mut [f64]) {
        if !value.is_finite() {
            out[..self.dim()].fill(0.0);
            return;
        }
        let x = f64::from(value);
        match *self {
            Self::Linear { centre, spread } => out[0] = (x - centre) / spread,
            Self::Log {
                min,
                unit,
                mean,
                std,
            } => out[0] = (((x - min) / unit).max(0.0).ln_1p() - mean) / std,
            Self::Cyclic {
                period,
                mean_sin,
                mean_cos,
            } => {
                let (sin, cos) = angle(x, period);
                out[0] = sin - mean_sin;
                out[1] = cos - mean_cos;
            }
        }
    }
}

fn standard(known: &[f64]) -> Option<Scaler> {
    let (centre, spread) = mean_std(known);
    (spread > 0.0).then_some(Scaler::Linear { centre, spread })
}

fn log(known: &mut [f64], of_ratios: bool) -> Option<Scaler> {
    known.sort_unstable_by(f64::total_cmp);
    let min = known[0];
    let median = quantile(known, 0.5) - min;
    let unit = match median > 0.0 {
        _ if of_ratios && min > 0.0 => min,
        true => median,
        // More than half of the values are the least one: most columns of counts.
        false => mean_std(known).0 - min,
    };
    let logs: Vec<f64> = known.iter().map(|x| ((x - min) / unit).ln_1p()).collect();
    let (mean, std) = mean_std(&logs);
    (std > 0.0).then_some(Scaler::Log {
        min,
        unit,
        mean,
        std,
    })
}

fn robust(known: &mut [f64]) -> Option<Scaler> {
    known.sort_unstable_by(f64::total_cmp);
    let centre = quantile(known, 0.5);
    let spread = match quantile(known, 0.75) - quantile(known, 0.25) {
        range if range > 0.0 => range,
        // Half of the values are equal; the deviation still tells the others apart.
        _ => mean_std(known).1,
    };
    (spread > 0.0).then_some(Scaler::Linear { centre, spread })
}

fn cyclic(known: &[f64], period: f64) -> Option<Scaler> {
    let (sines, cosines): (Vec<f64>, Vec<f64>) = known.iter().map(|&x| angle(x, period)).unzip();
    Some(Scaler::Cyclic {
        period,
        mean_sin: mean_std(&sines).0,
        mean_cos: mean_std(&cosines).0,
    })
}

fn angle(x: f64, period: f64) -> (f64, f64) {
    (TAU * (x / period).fract()).sin_cos()
}

/// Mean and population standard deviation in two passes.
pub(crate) fn mean_std(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The quantile of sorted values, interpolated linearly between neighbours.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let below = sorted[at.floor() as usize];
    let above = sorted[at.ceil() as usize];
    below + (above - below) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f32; 6] = [0.5, 1.25, f32::NAN, 3.0, 4.75, 100.0];

    fn scaled(transform: Transform, values: &[f32]) -> Vec<f64> {
        let scaler = Scaler::fit(transform, values).unwrap();
        let mut out = vec![0.0; values.len() * scaler.dim()];
        for (&value, out) in values.iter().zip(out.chunks_mut(scaler.dim())) {
            scaler.apply(value, out);
        }
        out
    }

    /// Each value goes through at most 20 roundings of numbers no larger than 4 spreads, and the libraries' sums may
    /// be in another order: 20 * 4 * eps < 2e-14; relative for the one large value.
    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let tolerance = 2e-14 * expected.abs().max(1.0);
            assert!((found - expected).abs() <= tolerance, "{found} {expected}");
        }
    }

    // The expected values are those of scikit-learn 1.7.2: StandardScaler().fit_transform(x), of the values
    // themselves or of numpy.log1p((x - min) / (median - min)), and RobustScaler().fit_transform(x), each with 0 for
    // the missing value.

    #[test]
    fn equal_ratios_are_equal_steps_and_values_that_have_none_are_scaled_as_log() {
        let third = 1.5_f64.sqrt();
        assert_close(
            &scaled(Transform::Ratio, &[0.25, 2.0, 16.0]),
            &[-third, 0.0, third],
        );
        let with_zero = [0.0, 1.0, 5.0];
        assert_eq!(
            scaled(Transform::Ratio, &with_zero),
            scaled(Transform::Log, &with_zero)
        );
    }

    #[test]
    fn standard_scaling_agrees_with_scikit_learn() {
        let expected = [
            -0.5476272009952754,
            -0.5284346589043194,
            0.0,
            -0.483652060692089,
            -0.43886946247985853,
            1.9985833830715423,
        ];
        assert_close(&scaled(Transform::Standard, &VALUES), &expected);
    }

    #[test]
    fn robust_scaling_agrees_with_scikit_learn() {
        let expected = [-0.7142857142857143, -0.5, 0.0, 0.0, 0.5, 27.714285714285715];
        assert_close(&scaled(Transform::Robust, &VALUES), &expected);
    }

    #[test]
    fn log_scaling_agrees_with_numpy_and_scikit_learn() {
        let expected = [
            -0.8486199676400428,
            -0.6518460336136402,
            0.0,
            -0.3287576386185164,
            -0.10367835278018027,
            1.9329019926523803,
        ];
        assert_close(&scaled(Transform::Log, &VALUES), &expected);
    }

    #[test]
    fn log_scaling_does_not_depend_on_the_unit() {
        let thousandfold: Vec<f32> = VALUES.iter().map(|x| x * 1024.0).collect();
        assert_eq!(
            scaled(Transform::Log, &VALUES),
            scaled(Transform::Log, &thousandfold)
        );
    }

    #[test]
    fn a_value_below_the_least_one_seen_counts_as_that() {
        let scaler = Scaler::fit(Transform::Log, &VALUES).unwrap();
        let (mut least, mut below) = ([0.0], [0.0]);
        scaler.apply(0.5, &mut least);
        scaler.apply(-1e30, &mut below);
        assert_eq!(least, below);
    }

    #[test]
    fn the_ends_of_a_cycle_are_neighbours() {
        let transform = Transform::Cyclic { period: 12.0 };
        // Sines and cosines of 2 pi key / 12 less their means, by NumPy.
        let expected = [
            (-0.3, 0.9732050807568878),
            (0.7, -0.026794919243112128),
            (0.2, -0.8928203230275509),
            (0.2, -0.8928203230275509),
            (-0.8, 0.8392304845413262),
        ];
        let flat: Vec<f64> = expected.iter().flat_map(|&(s, c)| [s, c]).collect();
        let found = scaled(transform, &[0.0, 3.0, 5.0, 5.0, 11.0]);
        assert_close(&found, &flat);
        let distance = |a: usize, b: usize| {
            (found[2 * a] - found[2 * b]).hypot(found[2 * a + 1] - found[2 * b + 1])
        };
        assert!(distance(0, 4) < distance(0, 1));
    }

    #[test]
    fn a_column_that_tells_nothing_has_no_scaler() {
        let transforms = [
            Transform::Standard,
            Transform::Log,
            Transform::Robust,
            Transform::Cyclic { period: 12.0 },
        ];
        for transform in transforms {
            assert_eq!(Scaler::fit(transform, &[]), None);
            assert_eq!(Scaler::fit(transform, &[f32::NAN, f32::INFINITY]), None);
            assert_eq!(Scaler::fit(transform, &[0.1, f32::NAN, 0.1, 0.1]), None);
        }
    }

    #[test]
    fn mostly_equal_values_are_scaled_all_the_same() {
        let mut values = [0.0; 9];
        values[8] = 4.0;
        for transform in [Transform::Log, Transform::Robust] {
            let scaled = scaled(transform, &values);
            assert!(scaled.iter().all(|x| x.is_finite()));
            assert!(scaled[8] > scaled[0]);
        }
    }
}
