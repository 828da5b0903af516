//! Integer inner products of one query with sixteen coded rows at a time.
//!
//! Codes of sixteen rows are interleaved four columns at a time, so that a sum never has to be gathered from the lanes of
//! a register: lane `r` belongs to row `r`. Integer sums are exact, so every processor gives the same numbers; AVX-512 VNNI
//! only gives them sooner.

/// Rows whose codes are interleaved.
pub(crate) const LANES: usize = 16;

/// Columns of a row that lie side by side.
pub(crate) const STEP: usize = 4;

/// Four columns of sixteen rows: codes from 1 to 255, of which 128 stands for zero.
pub(crate) type Chunk = [[u8; STEP]; LANES];

/// The most columns whose sums fit: 255 x 128 x columns stays below 2^31.
pub(crate) const MOST_COLUMNS: usize = 1 << 15;

/// A query in whole numbers of 15 bits, `128 high + low`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digits {
    high: Vec<[i8; STEP]>,
    low: Vec<[i8; STEP]>,
    // What the codes' offset of 128 adds to each sum.
    high_offset: i32,
    low_offset: i32,
}

/// The largest whole number a query may have.
pub(crate) const LARGEST_DIGITS: i32 = 127 * 128;

impl Digits {
    /// Splits whole numbers, padded with zeros to full steps.
    ///
    /// # Panics
    ///
    /// If a number is larger than [`LARGEST_DIGITS`], or there are more than [`MOST_COLUMNS`].
    pub(crate) fn new(numbers: &[i32]) -> Self {
        assert!(numbers.len() <= MOST_COLUMNS, "the sums must fit");
        let mut digits = Self::default();
        for step in numbers.chunks(STEP) {
            let (mut high, mut low) = ([0; STEP], [0; STEP]);
            for (at, &number) in step.iter().enumerate() {
                assert!(number.abs() <= LARGEST_DIGITS, "a number has 15 bits");
                let rounded = (number + 64) >> 7;
                high[at] = rounded as i8;
                low[at] = (number - (rounded << 7)) as i8;
            }
            digits.high.push(high);
            digits.low.push(low);
        }
        let sum = |part: &[[i8; STEP]]| part.as_flattened().iter().map(|&x| i32::from(x)).sum();
        let (high, low): (i32, i32) = (sum(&digits.high), sum(&digits.low));
        digits.high_offset = 128 * high;
        digits.low_offset = 128 * low;
        digits
    }

    /// The inner products with sixteen rows. Exact but for the rounding of either sum to `f32` and of their own sum:
    /// two roundings.
    ///
    /// # Panics
    ///
    /// If the rows have another number of chunks than the query.
    pub(crate) fn dots(&self, chunks: &[Chunk]) -> [f32; LANES] {
        let [high, low] = self.sums(chunks);
        std::array::from_fn(|lane| {
            (high[lane] - self.high_offset) as f32 * 128.0 + (low[lane] - self.low_offset) as f32
        })
    }

    fn sums(&self, chunks: &[Chunk]) -> [[i32; LANES]; 2] {
        assert_eq!(chunks.len(), self.high.len(), "rows as wide as the query");
        #[cfg(target_arch = "x86_64")]
        if vnni::is_available() {
            return vnni::sums(chunks, &self.high, &self.low);
        }
        portable(chunks, &self.high, &self.low)
    }
}

fn portable(chunks: &[Chunk], high: &[[i8; STEP]], low: &[[i8; STEP]]) -> [[i32; LANES]; 2] {
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut sums = [[0; LANES]; 2];
            for ((chunk, high), low) in chunks.iter().zip(high).zip(low) {
                for (sums, digits) in sums.iter_mut().zip([high, low]) {
                    for (sum, codes) in sums.iter_mut().zip(chunk) {
                        for (&code, &digit) in codes.iter().zip(digits) {
                            *sum += i32::from(code) * i32::from(digit);
                        }
                    }
                }
            }
            sums
        },
    )
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_set1_epi32, _mm512_setzero_si512,
    };

    use super::{Chunk, LANES, STEP};

    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
    }

    /// # Panics
    ///
    /// If [`is_available`] is false.
    #[allow(unsafe_code, reason = "the processor's features were just checked")]
    pub(super) fn sums(
        chunks: &[Chunk],
        high: &[[i8; STEP]],
        low: &[[i8; STEP]],
    ) -> [[i32; LANES]; 2] {
        assert!(is_available(), "the processor lacks AVX-512 VNNI");
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { accumulate(chunks, high, low) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn accumulate(chunks: &[Chunk], high: &[[i8; STEP]], low: &[[i8; STEP]]) -> [[i32; LANES]; 2] {
        let step = |digits: [i8; STEP]| {
            let [a, b, c, d] = digits.map(|digit| digit as u8);
            _mm512_set1_epi32(i32::from_le_bytes([a, b, c, d]))
        };
        // Two chains for each sum hide the latency of an instruction that feeds itself.
        let mut sums = [[_mm512_setzero_si512(); 2]; 2];
        let pairs = (chunks.chunks(2)).zip(high.chunks(2).zip(low.chunks(2)));
        for (chunks, (high, low)) in pairs {
            for (chain, (&chunk, (&high, &low))) in
                chunks.iter().zip(high.iter().zip(low)).enumerate()
            {
                let codes: __m512i = pulp::cast(chunk);
                sums[0][chain] = _mm512_dpbusd_epi32(sums[0][chain], codes, step(high));
                sums[1][chain] = _mm512_dpbusd_epi32(sums[1][chain], codes, step(low));
            }
        }
        sums.map(|[even, odd]| pulp::cast(_mm512_add_epi32(even, odd)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sums_are_those_of_64_bit_integers_with_and_without_the_instruction(
            (columns, codes, numbers) in (1_usize..70).prop_flat_map(|columns| (
                Just(columns),
                prop::collection::vec(1_u8..=255, columns.div_ceil(STEP) * STEP * LANES),
                prop::collection::vec(-LARGEST_DIGITS..=LARGEST_DIGITS, columns),
            )),
        ) {
            let digits = Digits::new(&numbers);
            let steps = columns.div_ceil(STEP);
            let chunk = |step: usize| -> Chunk {
                std::array::from_fn(|lane| {
                    std::array::from_fn(|at| codes[(step * LANES + lane) * STEP + at])
                })
            };
            let chunks: Vec<Chunk> = (0..steps).map(chunk).collect();
            let plain = portable(&chunks, &digits.high, &digits.low);
            prop_assert_eq!(digits.sums(&chunks), plain);
            let found = digits.dots(&chunks);
            for lane in 0..LANES {
                let product = |column: usize| {
                    let code = chunks[column / STEP][lane][column % STEP];
                    (i64::from(code) - 128) * i64::from(numbers[column])
                };
                let exact: i64 = (0..columns).map(product).sum();
                let error = f64::from(found[lane]) - exact as f64;
                // With so few columns both sums are exact in f32.
                prop_assert!(error.abs() <= exact.unsigned_abs() as f64 * 2.0_f64.powi(-24));
            }
        }
    }
}
