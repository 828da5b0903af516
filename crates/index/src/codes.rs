//! Vectors as 8-bit integers, with a proven bound on what that changes.
//!
//! A vector is stored as `y = s c + e`: whole numbers `c` from -127 to 127, a scale `s` of its own, and at least the
//! length of the error `e`, which is measured and not guessed. A query is written as `q = u k + f` in the same way, with
//! 15 bits. Then
//!
//! `q . y = u s (k . c) + f . (s c) + q . e`,
//!
//! where `k . c` is an exact integer sum, and by Cauchy-Schwarz the rest is at most `|f| L + |q| |e|` with
//! `L = |y| + |e| >= |s c|`.
//!
//! The estimate and its bound are computed in `f32`. All their terms together are at most `2 (|q| + |f|) L`, and none goes
//! through more than 16 roundings (and two more per block, where blocks are added up), so computing them adds at most
//! `2 gamma(16 + 2 B) (|q| + |f|) L`; and the score in question is itself a computed one, off by at most
//! [`Slack::of`] of `|q| L`. Both go into the factor of `L`. What underflow adds is kept apart: [`Slack::underflow`].
//!
//! Most vectors are ruled out by less: the leading four bits of `c` and the leading seven of `k`. The same holds for what those
//! stand for, with the larger errors `f'` and `e'`, and `L + |e'|` in place of `L`. In the bound that is
//! `|f'| L + (|q| + |f'|) |e'|`.

use rayon::prelude::*;

use crate::{
    bound::{Slack, gamma, norm_of, norm_of_squares, round_up},
    integer::{
        Asked, Chunk, Digits, Factors, LANES, LARGEST_DIGITS, Leading, MOST_COLUMNS, PAIR, ZERO,
        part, squares_left,
    },
    parts::largest_ahead,
};

/// Coded vectors, sixteen to a lane group, filled up with zero vectors.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    // The leading bits of all codes, and the last ones.
    leading: Vec<Chunk>,
    last: Vec<Chunk>,
    // Chunks per lane group in either.
    pairs: usize,
    scale: Vec<f32>,
    // Rounded up: |e| and L, and what takes the place of |e| where the last bits are not known.
    error: Vec<f32>,
    error_without_last: Vec<f32>,
    length: Vec<f32>,
    // Per lane group, the largest length in it and all that follow.
    ahead: Vec<f32>,
    falls: bool,
}

/// What a query multiplies the parts of [`Codes`] by.
#[derive(Debug, Clone)]
pub(crate) struct CodedQuery {
    digits: Digits,
    unit: f32,
    // Rounded up: the factors of |e| and of L in the bound.
    of_error: f32,
    of_length: f32,
    // Rounded up: the factor of L in a bound by length alone.
    of_reach: f32,
    // The same for an estimate by the leading digits alone.
    leading: Factors,
}

/// For sixteen vectors, what the product with a query is at most, and by how much the estimate was raised for that: twice
/// as much below, it is at least.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Estimates {
    pub(crate) upper: [f32; LANES],
    pub(crate) bound: [f32; LANES],
}

impl Codes {
    /// Whether vectors can be coded: sums fit, and no step of the arithmetic leaves the normal numbers.
    pub(crate) fn fit(columns: usize, longest: f32) -> bool {
        columns <= MOST_COLUMNS && longest <= LONGEST
    }

    /// Codes `count` vectors of `columns` values each, many at a time in the current thread pool.
    pub(crate) fn new<'a>(
        columns: usize,
        count: usize,
        vector: impl Fn(usize) -> &'a [f32] + Sync,
    ) -> Self {
        let pairs = columns.div_ceil(PAIR);
        let groups = count.div_ceil(LANES);
        let [mut leading, mut last] = [(); 2].map(|()| vec![Chunk::default(); groups * pairs]);
        let mut measures = vec![[Measures::default(); LANES]; groups];
        let blocks = (
            leading.par_chunks_mut(BLOCK * pairs),
            last.par_chunks_mut(BLOCK * pairs),
            measures.par_chunks_mut(BLOCK),
        );
        blocks
            .into_par_iter()
            .enumerate()
            .for_each(|(block, (leading, last, measures))| {
                let start = block * BLOCK * LANES;
                let measures = measures.as_flattened_mut();
                let end = count.min(start + measures.len());
                // Compiled for the processor's widest registers.
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        let mut coded = vec![ZERO; pairs * PAIR];
                        for (at, place) in (start..end).enumerate() {
                            if at % LANES == 0 {
                                touch((place..end.min(place + LANES)).map(&vector));
                            }
                            measures[at] = Measures::code(vector(place), &mut coded);
                            let chunks = at / LANES * pairs..;
                            let halves = leading[chunks.clone()].iter_mut().zip(&mut last[chunks]);
                            for ((leading, last), codes) in halves.zip(coded.as_chunks().0) {
                                [leading[at % LANES], last[at % LANES]] = part(codes);
                            }
                        }
                    },
                );
            });
        let measures = measures.as_flattened();
        let each = |of: fn(&Measures) -> f32| measures.iter().map(of).collect::<Vec<f32>>();
        let length = each(|own| own.length);
        Self {
            ahead: largest_ahead(&length),
            // Lengths include errors, so they fall only about as norms do.
            falls: length.is_sorted_by(|first, next| *next <= first * 1.1),
            leading,
            last,
            pairs,
            scale: each(|own| own.scale),
            error: each(|own| own.error),
            error_without_last: each(|own| own.error_without_last),
            length,
        }
    }

    /// Estimates the products with the vectors of a lane group.
    #[inline(always)]
    pub(crate) fn estimate(&self, query: &CodedQuery, group: usize) -> Estimates {
        let own = group * self.pairs..(group + 1) * self.pairs;
        let (leading, last) = (&self.leading[own.clone()], &self.last[own]);
        let dots = query.digits.dots(leading, last);
        let part = |values: &[f32]| lanes(values, group);
        let (scale, error, length) = (part(&self.scale), part(&self.error), part(&self.length));
        let mut found = Estimates::default();
        for lane in 0..LANES {
            let bound = error[lane] * query.of_error + length[lane] * query.of_length;
            found.bound[lane] = bound;
            found.upper[lane] = scale[lane] * (query.unit * dots[lane]) + bound;
        }
        found
    }

    /// Which vectors of the lane groups asked about may have a product of what is asked of them, one bit each: as
    /// [`estimate`](Self::estimate) says, but by leading bits and digits alone.
    pub(crate) fn reaching(&self, query: &CodedQuery, asked: &[Asked], found: &mut [u16]) {
        let rows = Leading {
            chunks: &self.leading,
            pairs: self.pairs,
            scale: &self.scale,
            error: &self.error_without_last,
            length: &self.length,
        };
        query.digits.reaching(&rows, query.leading, asked, found);
    }

    /// What the products with a lane group are at most by their lengths alone.
    #[inline(always)]
    pub(crate) fn reach(&self, query: &CodedQuery, group: usize) -> [f32; LANES] {
        lanes(&self.length, group).map(|length| length * query.of_reach)
    }

    /// At least the length of each vector of this lane group and those after it.
    #[inline(always)]
    pub(crate) fn ahead(&self, group: usize) -> f32 {
        self.ahead[group]
    }

    /// Whether the vectors came in order of falling length, so that [`ahead`](Self::ahead) is a good bound by itself.
    pub(crate) fn falls(&self) -> bool {
        self.falls
    }

    /// Lane groups.
    pub(crate) fn groups(&self) -> usize {
        self.scale.len() / LANES
    }
}

/// Reads a value of each cache line of vectors that are read next: all at once, so that the wait for one is the wait for all.
#[inline(always)]
fn touch<'a>(vectors: impl Iterator<Item = &'a [f32]>) {
    /// Values of a cache line.
    const LINE: usize = 16;
    let mut bits = 0;
    for vector in vectors {
        for at in (0..vector.len()).step_by(LINE) {
            bits ^= vector[at].to_bits();
        }
    }
    std::hint::black_box(bits);
}

/// What is kept of a coded vector besides its codes.
#[derive(Clone, Copy, Default)]
struct Measures {
    scale: f32,
    error: f32,
    error_without_last: f32,
    length: f32,
}

impl Measures {
    /// Writes the codes of a vector to `coded`, which has room for whole steps.
    #[inline(always)]
    fn code(vector: &[f32], coded: &mut [u8]) -> Self {
        // Bits of finite numbers without their signs are in the order of their magnitudes.
        let mut largest = 0;
        for value in vector {
            largest = largest.max(value.to_bits() & !SIGN);
        }
        let longest = f32::from_bits(largest);
        let scale = longest / 127.0;
        let inverse = match scale > 0.0 {
            true => 1.0 / f64::from(scale),
            false => 0.0,
        };
        let mut sums = Sums::default();
        let (values, rest) = vector.as_chunks::<WIDTH>();
        let (own, own_rest) = coded[..vector.len()].as_chunks_mut::<WIDTH>();
        for (values, coded) in values.iter().zip(own) {
            *coded = sums.code(values, scale, inverse);
        }
        let mut last = [0.0; WIDTH];
        last[..rest.len()].copy_from_slice(rest);
        own_rest.copy_from_slice(&sums.code(&last, scale, inverse)[..rest.len()]);
        let (norm, error) = (norm_of_squares(sums.value), norm_of_squares(sums.rest));
        let left = norm_of_squares([squares_left(&coded[..vector.len()]) as f64]);
        Self {
            scale,
            error: round_up(error),
            error_without_last: round_up((error + f64::from(scale) * left) * (1.0 + EPSILON)),
            length: round_up((norm + error) * (1.0 + EPSILON)),
        }
    }
}

/// Squares of values, and of what codes leave of them.
#[derive(Default)]
struct Sums {
    value: [f64; WIDTH],
    rest: [f64; WIDTH],
}

impl Sums {
    #[inline(always)]
    fn code(&mut self, values: &[f32; WIDTH], scale: f32, inverse: f64) -> [u8; WIDTH] {
        // A plain loop: what is not inlined is not compiled for the widest registers.
        let mut codes = [0; WIDTH];
        for at in 0..WIDTH {
            let value = f64::from(values[at]);
            // A scale too small to be exact costs precision only.
            let steps = (value * inverse).clamp(-127.0, 127.0) + ROUND;
            let rest = value - f64::from(scale) * (steps - ROUND);
            self.value[at] += value * value;
            self.rest[at] += rest * rest;
            codes[at] = (steps.to_bits() as u8).wrapping_add(ZERO);
        }
        codes
    }
}

impl CodedQuery {
    /// What multiplies the length of a vector in the bound of an estimate.
    pub(crate) fn of_length(&self) -> f32 {
        self.of_length
    }

    /// What multiplies the length of a vector in a bound by length alone.
    pub(crate) fn of_reach(&self) -> f32 {
        self.of_reach
    }

    /// Codes one block of a query of so many blocks; `None` if it is too long or too short.
    pub(crate) fn new(values: &[f32], norm: f64, (slack, blocks): (Slack, usize)) -> Option<Self> {
        if !(SHORTEST..=f64::from(LONGEST)).contains(&norm) {
            return None;
        }
        let longest = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let unit = longest / LARGEST_DIGITS as f32;
        let limit = f64::from(LARGEST_DIGITS);
        let whole = |value: f32| {
            (f64::from(value) / f64::from(unit))
                .round()
                .clamp(-limit, limit)
        };
        let numbers: Vec<i32> = values.iter().map(|&value| whole(value) as i32).collect();
        let rest: Vec<f64> = values
            .iter()
            .zip(&numbers)
            .map(|(&value, &number)| f64::from(value) - f64::from(unit) * f64::from(number))
            .collect();
        let error = norm_of(rest.into_iter());
        let computing = 2.0 * gamma(16 + 2 * blocks) + slack.relative();
        let of_length = |error: f64| round_up(error + computing * (norm + error));
        let digits = Digits::new(&numbers);
        let heads = digits.leading().map(|digit| 128.0 * f64::from(digit));
        let left = values.iter().zip(heads);
        let left = norm_of(left.map(|(&value, head)| f64::from(value) - f64::from(unit) * head));
        let leading = Factors {
            unit: unit * 128.0,
            of_error: round_up((norm + left) * (1.0 + computing)),
            of_length: of_length(left),
        };
        Some(Self {
            leading,
            digits,
            unit,
            of_error: round_up(norm),
            of_reach: round_up(norm * (1.0 + computing)),
            of_length: of_length(error),
        })
    }
}

/// The longest vectors and queries that are coded, so that their products are far from the end of `f32`.
const LONGEST: f32 = (1_u64 << 40) as f32;

/// The shortest queries that are coded, so that whole numbers times their unit are normal numbers.
const SHORTEST: f64 = 1.0 / (1_u64 << 40) as f64;

/// More than all roundings of a handful of `f64` operations.
const EPSILON: f64 = 1.0 / (1_u64 << 30) as f64;

/// Lane groups that a thread codes at a time.
const BLOCK: usize = 64;

/// Values that are coded side by side.
const WIDTH: usize = 8;

/// The sign bit of an `f32`.
const SIGN: u32 = 1 << 31;

/// Added to a number of moderate size, leaves no room for a fraction: the sum is rounded to a whole number, which stands in
/// its lowest bits in two's complement.
const ROUND: f64 = 1.5 * (1_u64 << 52) as f64;

#[inline(always)]
fn lanes(values: &[f32], group: usize) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&values[group * LANES..][..LANES]);
    lanes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{bound::norm_above, integer::join, kernel::dots};

    #[test]
    fn codes_do_not_depend_on_the_number_of_threads() {
        let values: Vec<f32> = (0..3_000 * 7).map(|n| (n as f32 * 0.37).sin()).collect();
        let code = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let vector = |at: usize| &values[at * 7..][..7];
            pool.build()
                .unwrap()
                .install(|| Codes::new(7, 3_000, vector))
        };
        let (one, three) = (code(1), code(3));
        assert!(one.leading == three.leading && one.last == three.last);
        assert_eq!((one.scale, one.error), (three.scale, three.error));
        assert_eq!((one.length, one.ahead), (three.length, three.ahead));
    }

    #[test]
    fn codes_are_the_nearest_whole_numbers_of_steps() {
        let vector = [127.0, -127.0, 0.4, 0.6, -0.6, 2.5, 3.5, 0.0, -1.0];
        let codes = Codes::new(9, 1, |_| &vector);
        let chunks = codes.leading.iter().zip(&codes.last);
        let found = chunks.flat_map(|(leading, last)| join(leading[0], last[0]));
        let found: Vec<i32> = found.map(|code| i32::from(code) - 128).collect();
        assert_eq!(found[..10], [127, -127, 0, 1, -1, 2, 4, 0, -1, 0]);
        assert_eq!(found[10..], [0; 6]);
        assert_eq!(codes.scale[0], 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn estimates_enclose_the_computed_products_and_are_close(
            (columns, values) in (1_usize..150).prop_flat_map(|columns| {
                (Just(columns), prop::collection::vec(-3.0_f32..3.0, columns * 21))
            }),
            scale in -30_i32..30,
        ) {
            let size = 2.0_f32.powi(scale);
            let values: Vec<f32> = values.into_iter().map(|value| value * size).collect();
            let (query, rows) = values.split_at(columns);
            let vectors = rows.chunks_exact(columns);
            let codes = Codes::new(columns, 20, |at| &rows[at * columns..][..columns]);
            let norm = norm_above(query);
            let coded = CodedQuery::new(query, norm, (Slack::new(&[columns]), 1)).unwrap();
            let mut products = [0.0; 20];
            let all: Vec<u32> = (0..20).collect();
            dots(query, rows, &all, &mut products);
            for (at, (product, vector)) in products.into_iter().zip(vectors).enumerate() {
                let found = codes.estimate(&coded, at / LANES);
                let (upper, bound) = (found.upper[at % LANES], found.bound[at % LANES]);
                prop_assert!(upper >= product, "{upper} is below {product}");
                prop_assert!(f64::from(upper) - 2.0 * f64::from(bound) <= f64::from(product));
                let length = norm * norm_above(vector);
                // Half a step in each column at most, with steps of 1/127 of the largest.
                prop_assert!(f64::from(bound) <= length * (columns as f64).sqrt() / 240.0);
                prop_assert!(codes.reach(&coded, at / LANES)[at % LANES] >= product);
                let reaches = |least: f32| {
                    let asked = Asked { group: (at / LANES) as u32, least: [least; LANES] };
                    let mut bits = [0];
                    codes.reaching(&coded, &[asked], &mut bits);
                    bits[0] >> (at % LANES) & 1 == 1
                };
                prop_assert!(reaches(product));
                let beyond = f64::from(product) + length * (columns as f64).sqrt() / 4.0;
                prop_assert!(!reaches(round_up(beyond) + 1e-30));
            }
        }
    }
}
