//! The seeded numbers behind everything that is drawn here.

/// The next word of Steele, Lea and Flood's SplitMix64.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A stream of numbers that depends on its seed alone.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        // The 53 bits that an f64 of this range can hold.
        (split_mix(&mut self.state) >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// Uniform among `0..count`; 0 where there is none.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        // For counts up to millions the bias of the product is below 1e-9.
        (self.unit() * count as f64) as usize
    }
}

/// At most `count` of the rows `0..rows`, each with the same chance, rising.
///
/// Knuth's selection sampling (The Art of Computer Programming 2, 3.4.2, algorithm S).
pub fn sample(rows: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed);
    let mut wanted = count.min(rows);
    let mut chosen = Vec::with_capacity(wanted);
    for row in 0..rows {
        if random.unit() * ((rows - row) as f64) < wanted as f64 {
            chosen.push(row as u32);
            wanted -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_is_the_published_generator() {
        // First outputs for seed 1234567, as in the reference implementation's known answers.
        let mut state = 1_234_567;
        assert_eq!(split_mix(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(split_mix(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_sample_is_as_large_as_asked_and_spread_over_all_rows() {
        assert_eq!(sample(5, 9, 1), [0, 1, 2, 3, 4]);
        assert_eq!(sample(0, 3, 1), [0_u32; 0]);
        let chosen = sample(10_000, 1_000, 7);
        assert_eq!(chosen.len(), 1_000);
        assert!(chosen.is_sorted_by(|a, b| a < b));
        // 500 are expected below the middle; 5 standard deviations of the hypergeometric count are 75.
        let below = chosen.iter().filter(|&&row| row < 5_000).count();
        assert!((425..=575).contains(&below), "{below}");
        assert_ne!(chosen, sample(10_000, 1_000, 8));
    }
}
