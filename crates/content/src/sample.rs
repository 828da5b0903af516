use rand::{SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

/// At most `count` of the rows `0..rows`, each with the same chance, in rising order. The same seed gives the same rows.
pub fn sample(rows: usize, count: usize, seed: u64) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let chosen = index::sample(&mut rng, rows, count.min(rows));
    let mut chosen: Vec<u32> = chosen.into_iter().map(|row| row as u32).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

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
