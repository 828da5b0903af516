use rayon::prelude::*;

use crate::aligned::Aligned;

/// Normally distributed numbers with mean 0, `count` vectors of `dim` each.
///
/// Every vector comes from its own stream, so they can be drawn in any order. The numbers are those of SplitMix64
/// (Steele, Lea and Flood, 2014) turned normal by the Box-Muller transform.
pub(crate) fn normal_vectors(count: usize, dim: usize, stddev: f64, seed: u64) -> Aligned {
    let mut vectors = Aligned::zeros(count * dim);
    vectors
        .par_chunks_mut(dim)
        .enumerate()
        .for_each(|(index, vector)| {
            let mut stream = SplitMix(mix(seed ^ mix(index as u64)));
            for pair in vector.chunks_mut(2) {
                // In (0, 1], so that the logarithm is finite.
                let radius = (-2.0 * (1.0 - stream.uniform()).ln()).sqrt() * stddev;
                let (sine, cosine) = (std::f64::consts::TAU * stream.uniform()).sin_cos();
                for (value, part) in pair.iter_mut().zip([cosine, sine]) {
                    *value = (radius * part) as f32;
                }
            }
        });
    vectors
}

struct SplitMix(u64);

impl SplitMix {
    /// The next number in [0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        (mix(self.0) >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(GOLDEN);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_asked_spread_and_differ() {
        let vectors = normal_vectors(1000, 31, 0.5, 1);
        let count = vectors.len() as f64;
        let mean = vectors.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let square = vectors.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / count;
        // Standard errors: 0.5 / sqrt(31000) = 0.003 and 0.25 sqrt(2 / 31000) = 0.002; five of each.
        assert!(mean.abs() < 0.015, "mean {mean}");
        assert!((square - 0.25).abs() < 0.01, "variance {square}");
        assert_ne!(vectors[..31], vectors[31..62]);
        assert_ne!(*vectors, *normal_vectors(1000, 31, 0.5, 2));
    }

    #[test]
    fn a_vector_does_not_depend_on_how_many_there_are() {
        assert_eq!(
            normal_vectors(3, 5, 1.0, 9)[..10],
            *normal_vectors(2, 5, 1.0, 9)
        );
    }
}
