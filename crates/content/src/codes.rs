//! Random codes for names: a name's code depends on nothing but the name and its column, so that a name first seen
//! after training has one too.

/// The signs of a code of any length: 64 to a word.
///
/// Pinned for good, because stored taste vectors depend on it: FNV-1a (64 bit) over the column's bytes, one 0xff byte
/// (which UTF-8 never contains) and the name's bytes is the seed of a SplitMix64 stream, whose words are read from the
/// lowest bit; a set bit is +1, a clear one -1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameCode {
    seed: u64,
}

impl NameCode {
    pub(crate) fn new(column: &str, name: &str) -> Self {
        let bytes = column.bytes().chain([0xff]).chain(name.bytes());
        let seed = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { seed }
    }

    /// Adds the code's signs to `sums`.
    pub(crate) fn add_to(self, sums: &mut [f64]) {
        let mut state = self.seed;
        for chunk in sums.chunks_mut(64) {
            let mut word = split_mix(&mut state);
            for sum in chunk {
                *sum += if word & 1 == 1 { 1.0 } else { -1.0 };
                word >>= 1;
            }
        }
    }
}

/// The next word of Steele, Lea and Flood's SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
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

    fn code(column: &str, name: &str, dim: usize) -> Vec<f64> {
        let mut signs = vec![0.0; dim];
        NameCode::new(column, name).add_to(&mut signs);
        signs
    }

    #[test]
    fn codes_never_change() {
        // FNV-1a of "artist\xffNina Simone", computed independently in Python.
        let seed = NameCode::new("artist", "Nina Simone").seed;
        assert_eq!(seed, 3_737_270_246_577_334_936);
        let signs: String = code("artist", "Nina Simone", 80)
            .iter()
            .map(|&sign| if sign > 0.0 { '+' } else { '-' })
            .collect();
        assert_eq!(
            signs,
            "----+++--+---+++++-+-++-+-++-+-++---+-----++++-+--+--+--+---+++--+--++--+--++-++"
        );
    }

    #[test]
    fn different_names_have_nearly_orthogonal_codes() {
        // Of 1,000 pairs of 96 random signs, a sum of magnitude 48 (4.9 standard deviations) has odds of 1e-3.
        let one = code("artist", "one", 96);
        for n in 0..1_000 {
            let other = code("artist", &format!("artist {n}"), 96);
            let dot: f64 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
            assert!(dot.abs() < 48.0, "artist {n}: {dot}");
        }
        let genre: f64 = one
            .iter()
            .zip(code("genre", "one", 96))
            .map(|(a, b)| a * b)
            .sum();
        assert!(genre.abs() < 48.0);
    }
}
