use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{ArmScores, Bootstrap, Comparison, Metric};

/// Paired randomisation test of whether a mean difference could be chance (Fisher 1935): if two rankings were the same,
/// each user's difference might as well have the other sign.
#[derive(Debug, Clone, Copy)]
pub struct SignFlips {
    /// How many random assignments of signs; no p-value is below 1 / (1 + flips).
    pub flips: usize,
    /// Seed of the signs.
    pub seed: u64,
}

impl Default for SignFlips {
    fn default() -> Self {
        Self {
            flips: 9_999,
            seed: 0,
        }
    }
}

impl SignFlips {
    /// Two-sided p-value of differences, one for each user; 1 where there are none. The same on any number of threads.
    pub fn p_value(&self, differences: &[f64]) -> f64 {
        /// Assignments that one task draws.
        const TOGETHER: usize = 128;
        /// Sums in another order differ by less than this share.
        const ROUNDING: f64 = 1e-12;
        // Zeros have no sign to flip.
        let differences: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
        let observed = differences.iter().sum::<f64>().abs();
        let scale: f64 = differences.iter().map(|d| d.abs()).sum();
        let extreme = |first: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(first as u64);
            let count = TOGETHER.min(self.flips - first);
            let sums = (0..count).map(|_| flipped(&differences, &mut rng).abs());
            sums.filter(|&sum| sum >= observed - ROUNDING * scale)
                .count()
        };
        let extreme: usize = (0..self.flips)
            .into_par_iter()
            .step_by(TOGETHER)
            .map(extreme)
            .sum();
        (1 + extreme) as f64 / (1 + self.flips) as f64
    }
}

/// The sum with random signs.
fn flipped(differences: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let sums = differences.chunks(64).map(|differences| {
        let signs = rng.next_u64();
        let signed = differences.iter().zip(0..).map(|(difference, place)| {
            f64::from_bits(difference.to_bits() ^ (signs >> place & 1) << 63)
        });
        signed.sum::<f64>()
    });
    sums.sum()
}

/// P-values that may be judged one by one although there are several (Holm 1979): the chance that any true null hypothesis
/// falls below a bound is at most that bound. In the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (rank, &place) in order.iter().enumerate() {
        let tests = (p_values.len() - rank) as f64;
        least = least.max(tests * p_values[place]).min(1.0);
        adjusted[place] = least;
    }
    adjusted
}

/// One ranking against another on the same users, as one of several such tests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Test {
    /// Who, by what, and by how much.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Two-sided, of [`SignFlips`].
    pub p_value: f64,
    /// The same after [`holm`] over all tests of the family.
    pub adjusted: f64,
}

/// What a test tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The difference may be chance.
    Unclear,
    /// It is above zero.
    Better,
    /// It is below zero.
    Worse,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unclear => "no clear difference",
            Self::Better => "better",
            Self::Worse => "worse",
        })
    }
}

impl Test {
    /// What it tells with an error rate of 5 % over the family.
    pub fn verdict(&self) -> Verdict {
        match (self.adjusted < 0.05, self.comparison.difference.mean > 0.0) {
            (false, _) => Verdict::Unclear,
            (true, true) => Verdict::Better,
            (true, false) => Verdict::Worse,
        }
    }

    /// Tests `arm` against each of `others` by `metric`: one family. Those without that metric are left out.
    pub fn family(
        arm: &ArmScores,
        others: &[&ArmScores],
        metric: Metric,
        (bootstrap, flips): (&Bootstrap, &SignFlips),
    ) -> Vec<Self> {
        let mut tests: Vec<Self> = (others.iter())
            .filter_map(|other| {
                let values = arm.values(metric)?.iter().zip(other.values(metric)?);
                let differences: Vec<f64> = values.map(|(a, b)| a - b).collect();
                Some(Self {
                    comparison: arm.compare(other, metric, bootstrap)?,
                    p_value: flips.p_value(&differences),
                    adjusted: 1.0,
                })
            })
            .collect();
        let p_values: Vec<f64> = tests.iter().map(|test| test.p_value).collect();
        for (test, adjusted) in tests.iter_mut().zip(holm(&p_values)) {
            test.adjusted = adjusted;
        }
        tests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_all_assignments_of_signs() {
        // Of the 32 assignments to 1, 2, 3, 4, 5 two give 15 in magnitude, and four at least 13.
        let flips = SignFlips::default();
        let found = flips.p_value(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let two_of_32 = 2.0 / 32.0;
        // Four standard errors of 9,999 draws.
        let slack = 4.0 * (two_of_32 * (1.0 - two_of_32) / 9_999.0_f64).sqrt();
        assert!((found - two_of_32).abs() < slack, "{found}");
        let found = flips.p_value(&[-1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((found - 2.0 * two_of_32).abs() < 2.0 * slack, "{found}");
        assert_eq!(flips.p_value(&[]), 1.0);
        assert_eq!(flips.p_value(&[0.0, 0.0]), 1.0);
        assert_eq!(flips.p_value(&[1.0; 300]), 1e-4);
    }

    #[test]
    fn of_equal_rankings_few_differences_are_called_certain() {
        // 400 worlds without a difference, tested at 10 %: 40 expected, within four standard deviations of 6.
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut uniform = || rng.next_u64() as f64 / u64::MAX as f64 - 0.5;
        let flips = SignFlips {
            flips: 199,
            ..SignFlips::default()
        };
        let called = (0..400)
            .filter(|_| {
                let differences: Vec<f64> = (0..30).map(|_| uniform()).collect();
                flips.p_value(&differences) <= 0.1
            })
            .count();
        assert!((16..=64).contains(&called), "{called}");
    }

    #[test]
    fn holm_multiplies_by_the_tests_that_are_left() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
        assert_eq!(holm(&[0.6, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
