use serde::{Deserialize, Serialize};

use crate::moments::Estimate;

/// Intervals and p-values that hold at every number of users at once, so that one may look at any time and stop at will.
///
/// These are the asymptotic confidence sequences of Waudby-Smith et al. (2024, "Time-uniform central limit theory and asymptotic
/// confidence sequences", equation 2), Robbins' normal mixture with an estimated variance: of an estimate with error s that rests
/// on n users, all intervals
///
/// ```text
/// estimate ± s sqrt( 2 (n r + 1) / (n r) ln( sqrt(n r + 1) / alpha ) )
/// ```
///
/// cover the truth, but for a chance of alpha, asymptotically as the first look is later. The p-value is the alpha at which the
/// interval touches zero, which is the one of the mixture sequential probability ratio test (Johari et al. 2017). r is chosen so
/// that the interval is narrowest at the planned number of users (the paper's equation 10).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequence {
    alpha: f64,
    /// r: the variance of the mixture, per user.
    spread: f64,
}

/// An estimate as it may be told at any time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Normal quantile of 0.8: the power that sample sizes are planned for.
const POWER: f64 = 0.841_621_233_572_914_2;

impl Sequence {
    /// Intervals that fail with a chance of `alpha`, from 0 to 1, and are narrowest around `planned` users.
    pub fn new(alpha: f64, planned: u64) -> Self {
        let bits = -2.0 * alpha.ln();
        Self {
            alpha,
            spread: (bits + (bits + 1.0).ln()) / planned.max(1) as f64,
        }
    }

    /// How many standard errors the interval reaches to either side.
    pub fn reach(&self, users: u64) -> f64 {
        let nr = users as f64 * self.spread;
        let log = 0.5 * (nr + 1.0).ln() - self.alpha.ln();
        (2.0 * (nr + 1.0) / nr * log).sqrt()
    }

    /// The interval of an estimate.
    pub fn interval(&self, estimate: &Estimate) -> Interval {
        let reach = self.reach(estimate.users) * estimate.variance.sqrt();
        Interval {
            estimate: estimate.value,
            low: estimate.value - reach,
            high: estimate.value + reach,
        }
    }

    /// The p-value of an estimate's being zero, for one look; that of many is the least of them.
    pub fn p_value(&self, estimate: &Estimate) -> f64 {
        if estimate.variance <= 0.0 {
            return 1.0;
        }
        let nr = estimate.users as f64 * self.spread;
        let squared = estimate.value * estimate.value / estimate.variance;
        let log = 0.5 * (nr + 1.0).ln() - 0.5 * squared * nr / (nr + 1.0);
        log.exp().min(1.0)
    }

    /// How many users are needed so that an effect shows with a chance of 80 %, where one user's part of the estimate has
    /// `variance`. Looking earlier as well finds it sooner on average.
    pub fn users_needed(&self, effect: f64, variance: f64) -> Option<u64> {
        const MOST: u64 = 1 << 50;
        let enough = |users: u64| {
            let error = (variance / users as f64).sqrt();
            effect.abs() >= (self.reach(users) + POWER) * error
        };
        let usable = effect.is_finite() && variance.is_finite() && variance > 0.0;
        if !usable || !enough(MOST) {
            return None;
        }
        let (mut few, mut many) = (1, MOST);
        while few + 1 < many {
            let middle = few + (many - few) / 2;
            match enough(middle) {
                true => many = middle,
                false => few = middle,
            }
        }
        Some(many)
    }

    /// The least effect that shows with a chance of 80 % at the estimate's number of users.
    pub fn detectable(&self, estimate: &Estimate) -> f64 {
        (self.reach(estimate.users) + POWER) * estimate.variance.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_p_value_is_alpha_where_the_interval_touches_zero() {
        for (alpha, users) in [(0.05, 100), (0.05, 10_000), (0.01, 123_456)] {
            let sequence = Sequence::new(alpha, 5_000);
            let estimate = Estimate {
                value: sequence.reach(users) * 0.3,
                variance: 0.09,
                users,
            };
            assert!((sequence.p_value(&estimate) - alpha).abs() < 1e-12);
            assert!(sequence.interval(&estimate).low.abs() < 1e-12);
        }
    }

    #[test]
    fn it_is_narrowest_where_it_was_planned_to_be() {
        let width = |planned| Sequence::new(0.05, planned).reach(10_000);
        // Waudby-Smith et al. give 3.03 standard errors at the optimum for alpha 0.05.
        assert!((width(10_000) - 3.03).abs() < 0.01, "{}", width(10_000));
        assert!(
            [1_000, 5_000, 20_000, 100_000]
                .iter()
                .all(|&n| width(n) > width(10_000))
        );
    }

    #[test]
    fn the_users_needed_are_just_enough() {
        let sequence = Sequence::new(0.05, 10_000);
        let needed = sequence.users_needed(0.1, 4.0).unwrap();
        let at = |users: u64| Estimate {
            value: 0.0,
            variance: 4.0 / users as f64,
            users,
        };
        assert!(sequence.detectable(&at(needed)) <= 0.1);
        assert!(sequence.detectable(&at(needed - 1)) > 0.1);
        assert_eq!(sequence.users_needed(0.0, 4.0), None);
        assert_eq!(sequence.users_needed(f64::NAN, 4.0), None);
    }
}
