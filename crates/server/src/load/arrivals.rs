use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Moments of a Poisson process, from its start on: independent of each other, at a rate that does not change.
#[derive(Debug)]
pub(super) struct Arrivals {
    random: ChaCha8Rng,
    rate: f64,
    last: f64,
}

impl Arrivals {
    /// So many a second on average.
    pub(super) fn new(rate: f64) -> Self {
        Self {
            random: ChaCha8Rng::seed_from_u64(1),
            rate,
            last: 0.0,
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        // Times between are exponential.
        let uniform: f64 = self.random.random();
        self.last -= (1.0_f64 - uniform).ln() / self.rate;
        Duration::try_from_secs_f64(self.last).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_have_their_rate_and_are_irregular() {
        let moments: Vec<f64> = Arrivals::new(500.0)
            .take(20_000)
            .map(|moment| moment.as_secs_f64())
            .collect();
        let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Of an exponential distribution the deviation is the mean; both are off by about 1 in 141 here.
        assert!((mean * 500.0 - 1.0).abs() < 0.03, "{mean}");
        assert!((variance.sqrt() * 500.0 - 1.0).abs() < 0.05, "{variance}");
    }
}
