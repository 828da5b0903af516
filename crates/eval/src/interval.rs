use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A mean with the interval that covers the true one in 95 % of repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Mean over users.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the interval lies wholly above zero.
    pub fn is_positive(&self) -> bool {
        self.low > 0.0
    }

    /// Whether the interval lies wholly below zero.
    pub fn is_negative(&self) -> bool {
        self.high < 0.0
    }
}

/// Percentile bootstrap over users (Efron 1979).
///
/// The same resamples of users are drawn for every call with the same number of values, so intervals of several rankings
/// on the same users are comparable.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// How many resamples; the ends of a 95 % interval want at least a thousand.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1_000,
            seed: 0,
        }
    }
}

impl Bootstrap {
    /// The mean of `values` with its interval; all zero when there are no values.
    pub fn mean(&self, values: &[f64]) -> Interval {
        self.means(&[values])[0]
    }

    /// What [`mean`](Self::mean) gives for each of several lists of values of the same users, drawing them once.
    ///
    /// # Panics
    ///
    /// If the lists differ in length.
    pub fn means(&self, lists: &[&[f64]]) -> Vec<Interval> {
        let users = lists.first().map_or(0, |values| values.len());
        assert!(
            lists.iter().all(|values| values.len() == users),
            "one value for each user"
        );
        if users == 0 {
            let nothing = Interval {
                mean: 0.0,
                low: 0.0,
                high: 0.0,
            };
            return vec![nothing; lists.len()];
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut means = vec![Vec::with_capacity(self.resamples); lists.len()];
        let mut totals = vec![0.0; lists.len()];
        for _ in 0..self.resamples {
            totals.fill(0.0);
            for _ in 0..users {
                let drawn = rng.random_range(0..users);
                totals
                    .iter_mut()
                    .zip(lists)
                    .for_each(|(total, values)| *total += values[drawn]);
            }
            for (means, total) in means.iter_mut().zip(&totals) {
                means.push(total / users as f64);
            }
        }
        let interval = |(mut means, values): (Vec<f64>, &&[f64])| {
            means.sort_by(f64::total_cmp);
            Interval {
                mean: values.iter().sum::<f64>() / users as f64,
                low: quantile(&means, 0.025),
                high: quantile(&means, 0.975),
            }
        };
        means.into_iter().zip(lists).map(interval).collect()
    }

    /// The mean of `values - baseline`, user by user, with its interval.
    ///
    /// # Panics
    ///
    /// If the two do not have one value for each of the same users.
    pub fn difference(&self, values: &[f64], baseline: &[f64]) -> Interval {
        assert_eq!(
            values.len(),
            baseline.len(),
            "paired values come from the same users"
        );
        let differences: Vec<f64> = values.iter().zip(baseline).map(|(a, b)| a - b).collect();
        self.mean(&differences)
    }
}

/// Linear interpolation between order statistics; `sorted` is not empty unless no resamples were asked for.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_has_the_width_that_theory_gives() {
        // 400 values, half 0 and half 1: the mean's standard error is 0.5 / 20 = 0.025.
        let values: Vec<f64> = (0..400).map(|n| f64::from(n % 2)).collect();
        let interval = Bootstrap::default().mean(&values);
        let half_width = 1.96 * 0.025;
        // A quantile of 1,000 resamples is itself uncertain by about a tenth of the half width.
        let slack = 0.3 * half_width;
        assert!(
            (interval.low - (0.5 - half_width)).abs() < slack,
            "{interval:?}"
        );
        assert!(
            (interval.high - (0.5 + half_width)).abs() < slack,
            "{interval:?}"
        );
    }

    #[test]
    fn pairing_removes_what_users_have_in_common() {
        // Users differ widely, the arms by a constant: the difference is known exactly.
        let baseline: Vec<f64> = (0..50).map(f64::from).collect();
        let values: Vec<f64> = baseline.iter().map(|value| value + 0.5).collect();
        let interval = Bootstrap::default().difference(&values, &baseline);
        assert_eq!(
            (interval.low, interval.mean, interval.high),
            (0.5, 0.5, 0.5)
        );
        assert!(interval.is_positive() && !interval.is_negative());
    }

    #[test]
    fn no_users_give_no_surprise() {
        assert_eq!(Bootstrap::default().mean(&[]).high, 0.0);
    }
}
