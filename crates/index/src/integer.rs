//! Integer inner products of one query with sixteen coded rows at a time.
//!
//! Codes of sixteen rows are interleaved four columns at a time, so that a sum never has to be gathered from the lanes of
//! a register: lane `r` belongs to row `r`. The leading four bits of all codes lie apart from the last four: most rows are
//! ruled out by the leading ones, which is half of the memory to go through. Integer sums are exact, so every processor gives
//! the same numbers; AVX-512 VNNI only gives them sooner.

/// Rows whose codes are interleaved.
pub(crate) const LANES: usize = 16;

/// Columns of a row that lie side by side.
const STEP: usize = 4;

/// Columns of a chunk: half a code each.
pub(crate) const PAIR: usize = 2 * STEP;

/// Half of the bits of eight columns of sixteen rows: those of the first four columns in the lower bits of the bytes, those
/// of the others in the upper ones.
pub(crate) type Chunk = [[u8; STEP]; LANES];

/// The most columns whose sums fit: 255 x 128 x columns stays below 2^31.
pub(crate) const MOST_COLUMNS: usize = 1 << 15;

/// The code of zero.
pub(crate) const ZERO: u8 = 128;

/// What the last four bits are taken for where only the leading ones are known: half of what they can be.
const MIDDLE: u8 = 8;

/// The lower half of a byte.
const LOWER: u8 = 0x0f;

/// The largest whole number a query may have.
pub(crate) const LARGEST_DIGITS: i32 = 127 * 128;

/// Parts the codes of eight columns of a row into their leading and their last bits.
#[inline(always)]
pub(crate) fn part(codes: &[u8; PAIR]) -> [[u8; STEP]; 2] {
    let mut parts = [[0; STEP]; 2];
    for at in 0..STEP {
        let (first, second) = (codes[at], codes[STEP + at]);
        parts[0][at] = first >> 4 | second & !LOWER;
        parts[1][at] = first & LOWER | second << 4;
    }
    parts
}

/// The codes of eight columns of a row from their [parts](part).
#[inline(always)]
pub(crate) fn join(leading: [u8; STEP], last: [u8; STEP]) -> [u8; PAIR] {
    let mut codes = [0; PAIR];
    for at in 0..STEP {
        codes[at] = leading[at] << 4 | last[at] & LOWER;
        codes[STEP + at] = leading[at] & !LOWER | last[at] >> 4;
    }
    codes
}

/// By how much the leading bits alone are off: the sum of squares over all codes.
#[inline(always)]
pub(crate) fn squares_left(codes: &[u8]) -> u64 {
    let left = |code: &u8| i64::from(code & LOWER) - i64::from(MIDDLE);
    codes.iter().map(|code| left(code).pow(2) as u64).sum()
}

/// A query in whole numbers of 15 bits, `128 high + low`, in steps that pair up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digits {
    high: Vec<[i8; STEP]>,
    low: Vec<[i8; STEP]>,
    high_sum: i32,
    low_sum: i32,
}

/// The codes of some lane groups, and per row what they are multiplied by and what bounds by leading bits grow with.
pub(crate) struct Leading<'a> {
    pub(crate) chunks: &'a [Chunk],
    /// Chunks per lane group.
    pub(crate) pairs: usize,
    pub(crate) scale: &'a [f32],
    pub(crate) error: &'a [f32],
    pub(crate) length: &'a [f32],
}

/// What a query multiplies the parts of [`Leading`] by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Factors {
    pub(crate) unit: f32,
    pub(crate) of_error: f32,
    pub(crate) of_length: f32,
}

/// A lane group, and what each of its rows must reach.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) group: u32,
    pub(crate) least: [f32; LANES],
}

impl Digits {
    /// Splits whole numbers, padded with zeros to full pairs of steps.
    ///
    /// # Panics
    ///
    /// If a number is larger than [`LARGEST_DIGITS`], or there are more than [`MOST_COLUMNS`].
    pub(crate) fn new(numbers: &[i32]) -> Self {
        assert!(numbers.len() <= MOST_COLUMNS, "the sums must fit");
        let steps = numbers.len().div_ceil(PAIR) * 2;
        let mut digits = Self {
            high: vec![[0; STEP]; steps],
            low: vec![[0; STEP]; steps],
            ..Self::default()
        };
        let high = digits.high.as_flattened_mut().iter_mut();
        let low = digits.low.as_flattened_mut().iter_mut();
        for ((high, low), &number) in high.zip(low).zip(numbers) {
            assert!(number.abs() <= LARGEST_DIGITS, "a number has 15 bits");
            let rounded = (number + 64) >> 7;
            *high = rounded as i8;
            *low = (number - (rounded << 7)) as i8;
        }
        let sum = |part: &[[i8; STEP]]| part.as_flattened().iter().map(|&x| i32::from(x)).sum();
        digits.high_sum = sum(&digits.high);
        digits.low_sum = sum(&digits.low);
        digits
    }

    /// The leading digits: whole numbers that, times 128, are off from the query's by at most 64.
    pub(crate) fn leading(&self) -> impl Iterator<Item = i8> + '_ {
        self.high.as_flattened().iter().copied()
    }

    /// The inner products with sixteen rows, given by the two halves of their codes. Exact but for the rounding of either sum
    /// to `f32` and of their own sum: two roundings.
    ///
    /// # Panics
    ///
    /// If the rows have another number of chunks than the query.
    pub(crate) fn dots(&self, leading: &[Chunk], last: &[Chunk]) -> [f32; LANES] {
        let [high, low] = self.sums(leading, last);
        // Codes count from 128.
        let offsets = [self.high_sum, self.low_sum].map(|sum| i32::from(ZERO) * sum);
        std::array::from_fn(|lane| {
            (high[lane] - offsets[0]) as f32 * 128.0 + (low[lane] - offsets[1]) as f32
        })
    }

    /// Which rows of the lane groups asked about may reach what is asked of them, one bit each, going by leading bits of codes
    /// and leading digits of the query.
    ///
    /// # Panics
    ///
    /// If a group or its rows are out of range, or lists differ in length.
    pub(crate) fn reaching(
        &self,
        rows: &Leading<'_>,
        factors: Factors,
        asked: &[Asked],
        found: &mut [u16],
    ) {
        assert_eq!(asked.len(), found.len(), "one result for each group");
        assert_eq!(rows.pairs * 2, self.high.len(), "rows as wide as the query");
        #[cfg(target_arch = "x86_64")]
        if vnni::is_available() {
            return vnni::reaching(self, rows, factors, (asked, found));
        }
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for (asked, found) in asked.iter().zip(found) {
                    let sums = self.leading_sums(rows.of(asked.group));
                    *found = factors.compare(sums, rows, asked);
                }
            },
        );
    }

    /// What codes with [`MIDDLE`] for their last bits add up to, from the sum of their leading bits.
    fn leading_offset(&self) -> i32 {
        (i32::from(ZERO) - i32::from(MIDDLE)) * self.high_sum
    }

    #[inline(always)]
    fn leading_sums(&self, chunks: &[Chunk]) -> [i32; LANES] {
        let mut sums = [-self.leading_offset(); LANES];
        let (pairs, _) = self.high.as_chunks::<2>();
        for (chunk, [first, second]) in chunks.iter().zip(pairs) {
            for (sum, bytes) in sums.iter_mut().zip(chunk) {
                for at in 0..STEP {
                    let (lower, upper) = (bytes[at] & LOWER, bytes[at] & !LOWER);
                    *sum += 16 * i32::from(lower) * i32::from(first[at]);
                    *sum += i32::from(upper) * i32::from(second[at]);
                }
            }
        }
        sums
    }

    fn sums(&self, leading: &[Chunk], last: &[Chunk]) -> [[i32; LANES]; 2] {
        assert_eq!(leading.len(), last.len(), "two halves of the same codes");
        assert_eq!(
            leading.len() * 2,
            self.high.len(),
            "rows as wide as the query"
        );
        #[cfg(target_arch = "x86_64")]
        if vnni::is_available() {
            return vnni::sums(self, leading, last);
        }
        self.portable_sums(leading, last)
    }

    fn portable_sums(&self, leading: &[Chunk], last: &[Chunk]) -> [[i32; LANES]; 2] {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let mut sums = [[0; LANES]; 2];
                let digits = (self.high.as_chunks::<2>().0.iter()).zip(self.low.as_chunks::<2>().0);
                for ((leading, last), (high, low)) in leading.iter().zip(last).zip(digits) {
                    for lane in 0..LANES {
                        let codes = join(leading[lane], last[lane]);
                        for (sums, digits) in sums.iter_mut().zip([high, low]) {
                            for (&code, &digit) in codes.iter().zip(digits.as_flattened()) {
                                sums[lane] += i32::from(code) * i32::from(digit);
                            }
                        }
                    }
                }
                sums
            },
        )
    }
}

impl Leading<'_> {
    #[inline(always)]
    fn of(&self, group: u32) -> &[Chunk] {
        &self.chunks[group as usize * self.pairs..][..self.pairs]
    }
}

impl Factors {
    /// Compares what is asked with the most that sums allow. The steps and their order are those of the instructions
    /// below, so that every processor gives the same bits.
    #[inline(always)]
    fn compare(self, sums: [i32; LANES], rows: &Leading<'_>, asked: &Asked) -> u16 {
        let start = asked.group as usize * LANES;
        let part = |values: &[f32], lane: usize| values[start + lane];
        let mut bits = 0;
        for (lane, sum) in sums.into_iter().enumerate() {
            let product = part(rows.scale, lane) * (self.unit * sum as f32);
            let bound =
                part(rows.error, lane) * self.of_error + part(rows.length, lane) * self.of_length;
            bits |= u16::from(product + bound >= asked.least[lane]) << lane;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    use std::arch::x86_64::{
        __m512, __m512i, _CMP_GE_OQ, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
        _mm512_andnot_si512, _mm512_cmp_ps_mask, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
        _mm512_mul_ps, _mm512_or_si512, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps,
        _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srli_epi32, _mm512_sub_epi32,
    };

    use super::{Asked, Chunk, Digits, Factors, LANES, LOWER, Leading, STEP};

    pub(super) fn is_available() -> bool {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
    }

    /// # Panics
    ///
    /// If [`is_available`] is false.
    #[allow(unsafe_code, reason = "the processor's features were just checked")]
    pub(super) fn sums(digits: &Digits, leading: &[Chunk], last: &[Chunk]) -> [[i32; LANES]; 2] {
        assert!(is_available(), "the processor lacks AVX-512 VNNI");
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { accumulate(digits, leading, last) }
    }

    /// # Panics
    ///
    /// If [`is_available`] is false, or a group or its rows are out of range.
    #[allow(unsafe_code, reason = "the processor's features were just checked")]
    pub(super) fn reaching(
        digits: &Digits,
        rows: &Leading<'_>,
        factors: Factors,
        (asked, found): (&[Asked], &mut [u16]),
    ) {
        assert!(is_available(), "the processor lacks AVX-512 VNNI");
        // SAFETY: the processor has the features that the function is compiled for.
        unsafe { compare(digits, rows, factors, (asked, found)) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn compare(
        digits: &Digits,
        rows: &Leading<'_>,
        factors: Factors,
        (asked, found): (&[Asked], &mut [u16]),
    ) {
        // As whole words, because the compiler loads shorter ones together and then has to take them apart.
        let word = |digits: [i8; STEP]| i32::from_le_bytes(digits.map(|digit| digit as u8));
        let pairs = digits.high.as_chunks::<2>().0.iter();
        let steps: Vec<[i32; 2]> = pairs.map(|pair| pair.map(word)).collect();
        let offset = _mm512_set1_epi32(digits.leading_offset());
        let unit = _mm512_set1_ps(factors.unit);
        let of_error = _mm512_set1_ps(factors.of_error);
        let of_length = _mm512_set1_ps(factors.of_length);
        for (asked, found) in asked.iter().zip(found) {
            let sums = _mm512_sub_epi32(add_leading(&steps, rows.of(asked.group)), offset);
            let start = asked.group as usize * LANES;
            let scale = load(rows.scale, start);
            let product = _mm512_mul_ps(scale, _mm512_mul_ps(unit, _mm512_cvtepi32_ps(sums)));
            let by_error = _mm512_mul_ps(load(rows.error, start), of_error);
            let by_length = _mm512_mul_ps(load(rows.length, start), of_length);
            let upper = _mm512_add_ps(product, _mm512_add_ps(by_error, by_length));
            *found = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(upper, pulp::cast(asked.least));
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(values: &[f32], start: usize) -> __m512 {
        let mut lanes = [0.0; LANES];
        lanes.copy_from_slice(&values[start..][..LANES]);
        pulp::cast(lanes)
    }

    /// Two chains for either half of the bytes hide the latency of an instruction that feeds itself.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn add_leading(steps: &[[i32; 2]], chunks: &[Chunk]) -> __m512i {
        let lower = _mm512_set1_epi8(LOWER as i8);
        let mut sums = [[_mm512_setzero_si512(); 2]; 2];
        let (chunks, one_left) = chunks.as_chunks::<2>();
        let (steps, step_left) = steps.as_chunks::<2>();
        let add = |sums: &mut [__m512i; 2], chunk: &Chunk, steps: &[i32; 2]| {
            let (low, high) = halves(lower, pulp::cast(*chunk));
            sums[0] = _mm512_dpbusd_epi32(sums[0], low, _mm512_set1_epi32(steps[0]));
            sums[1] = _mm512_dpbusd_epi32(sums[1], high, _mm512_set1_epi32(steps[1]));
        };
        for (chunks, steps) in chunks.iter().zip(steps) {
            add(&mut sums[0], &chunks[0], &steps[0]);
            add(&mut sums[1], &chunks[1], &steps[1]);
        }
        if let ([chunk], [steps]) = (one_left, step_left) {
            add(&mut sums[0], chunk, steps);
        }
        let [low, high] = [0, 1].map(|half| _mm512_add_epi32(sums[0][half], sums[1][half]));
        _mm512_add_epi32(_mm512_slli_epi32::<4>(low), high)
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn accumulate(digits: &Digits, leading: &[Chunk], last: &[Chunk]) -> [[i32; LANES]; 2] {
        let lower = _mm512_set1_epi8(LOWER as i8);
        // A chain for each step of a pair, for the same reason.
        let mut sums = [[_mm512_setzero_si512(); 2]; 2];
        let steps = (digits.high.as_chunks::<2>().0.iter()).zip(digits.low.as_chunks::<2>().0);
        for ((&leading, &last), (high, low)) in leading.iter().zip(last).zip(steps) {
            let (lead_first, lead_second) = halves(lower, pulp::cast(leading));
            let (last_first, last_second) = halves(lower, pulp::cast(last));
            let codes = [
                _mm512_or_si512(_mm512_slli_epi32::<4>(lead_first), last_first),
                _mm512_or_si512(lead_second, _mm512_srli_epi32::<4>(last_second)),
            ];
            for (sums, digits) in sums.iter_mut().zip([high, low]) {
                for at in 0..2 {
                    sums[at] = _mm512_dpbusd_epi32(sums[at], codes[at], step(digits[at]));
                }
            }
        }
        sums.map(|[first, second]| pulp::cast(_mm512_add_epi32(first, second)))
    }

    /// The lower halves of bytes, and the upper ones where they are. No bit leaves its byte when they are shifted.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn halves(lower: __m512i, bytes: __m512i) -> (__m512i, __m512i) {
        (
            _mm512_and_si512(lower, bytes),
            _mm512_andnot_si512(lower, bytes),
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn step(digits: [i8; STEP]) -> __m512i {
        let [a, b, c, d] = digits.map(|digit| digit as u8);
        _mm512_set1_epi32(i32::from_le_bytes([a, b, c, d]))
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
                prop::collection::vec(1_u8..=255, columns.div_ceil(PAIR) * PAIR * LANES),
                prop::collection::vec(-LARGEST_DIGITS..=LARGEST_DIGITS, columns),
            )),
        ) {
            let digits = Digits::new(&numbers);
            let pairs = columns.div_ceil(PAIR);
            let row = |lane: usize| &codes[lane * pairs * PAIR..][..pairs * PAIR];
            let half = |half: usize| -> Vec<Chunk> {
                let of = |pair: usize, lane: usize| part(&row(lane).as_chunks().0[pair])[half];
                (0..pairs).map(|pair| std::array::from_fn(|lane| of(pair, lane))).collect()
            };
            let [leading, last] = [half(0), half(1)];
            let plain = digits.portable_sums(&leading, &last);
            prop_assert_eq!(digits.sums(&leading, &last), plain);
            let found = digits.dots(&leading, &last);
            let by_leading = digits.leading_sums(&leading);
            let heads: Vec<i8> = digits.leading().collect();
            for lane in 0..LANES {
                let code = |column: usize| i64::from(row(lane)[column]);
                let product = |column: usize| (code(column) - 128) * i64::from(numbers[column]);
                let exact: i64 = (0..columns).map(product).sum();
                let error = f64::from(found[lane]) - exact as f64;
                // With so few columns both sums are exact in f32.
                prop_assert!(error.abs() <= exact.unsigned_abs() as f64 * 2.0_f64.powi(-24));
                let about = |column: usize| (code(column) / 16 * 16 - 120) * i64::from(heads[column]);
                prop_assert_eq!(i64::from(by_leading[lane]), (0..columns).map(about).sum::<i64>());
            }
        }

        #[test]
        fn groups_are_compared_alike_with_and_without_the_instruction(
            bytes in prop::collection::vec(0_u8..=255, 3 * 2 * STEP * LANES),
            numbers in prop::collection::vec(-LARGEST_DIGITS..=LARGEST_DIGITS, 13),
            measures in prop::collection::vec(0.0_f32..1.0, 3 * 3 * LANES),
            least in prop::collection::vec(-4e6_f32..4e6, LANES),
        ) {
            let digits = Digits::new(&numbers);
            let chunks: Vec<Chunk> = (bytes.as_chunks::<STEP>().0.as_chunks().0).to_vec();
            let [scale, error, length] = [0, 1, 2].map(|at| &measures[at * 3 * LANES..][..3 * LANES]);
            let rows = Leading { chunks: &chunks, pairs: 2, scale, error, length };
            let factors = Factors { unit: 128.0, of_error: 1e6, of_length: 1e5 };
            let least = std::array::from_fn(|lane| least[lane]);
            let asked = [2, 0, 1].map(|group| Asked { group, least });
            let mut found = [0; 3];
            digits.reaching(&rows, factors, &asked, &mut found);
            for (asked, found) in asked.iter().zip(found) {
                let sums = digits.leading_sums(rows.of(asked.group));
                prop_assert_eq!(factors.compare(sums, &rows, asked), found);
            }
        }
    }
}
