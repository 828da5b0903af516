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

use rayon::prelude::*;

use crate::{
    bound::{Slack, gamma, norm_of, norm_of_squares, round_up},
    integer::{Chunk, Digits, LANES, LARGEST_DIGITS, MOST_COLUMNS, STEP},
    parts::largest_ahead,
};

/// Coded vectors, sixteen to a lane group, filled up with zero vectors.
#[derive(Debug, Clone)]
pub(crate) struct Codes {
    chunks: Vec<Chunk>,
    // Chunks per lane group.
    steps: usize,
    scale: Vec<f32>,
    // Rounded up: |e| and L.
    error: Vec<f32>,
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
        let steps = columns.div_ceil(STEP);
        let groups = count.div_ceil(LANES);
        let mut chunks = vec![[[ZERO; STEP]; LANES]; groups * steps];
        let [mut scale, mut error, mut length] = [(); 3].map(|()| vec![0.0; groups * LANES]);
        let blocks = (
            chunks.par_chunks_mut(BLOCK * steps),
            scale.par_chunks_mut(BLOCK * LANES),
            error.par_chunks_mut(BLOCK * LANES),
            length.par_chunks_mut(BLOCK * LANES),
        );
        blocks
            .into_par_iter()
            .enumerate()
            .for_each(|(block, (chunks, scale, error, length))| {
                let start = block * BLOCK * LANES;
                let end = count.min(start + scale.len());
                // Compiled for the processor's widest registers.
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        let mut coded = vec![ZERO; steps * STEP];
                        for (at, place) in (start..end).enumerate() {
                            if at % LANES == 0 {
                                touch((place..end.min(place + LANES)).map(&vector));
                            }
                            let made = Measures::code(vector(place), &mut coded);
                            (scale[at], error[at], length[at]) =
                                (made.scale, made.error, made.length);
                            let own = &mut chunks[at / LANES * steps..][..steps];
                            for (chunk, coded) in own.iter_mut().zip(coded.as_chunks().0) {
                                chunk[at % LANES] = *coded;
                            }
                        }
                    },
                );
            });
        Self {
            ahead: largest_ahead(&length),
            // Lengths include errors, so they fall only about as norms do.
            falls: length.is_sorted_by(|first, next| *next <= first * 1.1),
            chunks,
            steps,
            scale,
            error,
            length,
        }
    }

    /// Estimates the products with the vectors of a lane group.
    #[inline(always)]
    pub(crate) fn estimate(&self, query: &CodedQuery, group: usize) -> Estimates {
        let dots = query
            .digits
            .dots(&self.chunks[group * self.steps..][..self.steps]);
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
struct Measures {
    scale: f32,
    error: f32,
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
        Self {
            scale,
            error: round_up(error),
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
        Some(Self {
            digits: Digits::new(&numbers),
            unit,
            of_error: round_up(norm),
            of_reach: round_up(norm * (1.0 + computing)),
            of_length: round_up(error + computing * (norm + error)),
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

/// The code of zero.
const ZERO: u8 = 128;

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
    use crate::{bound::norm_above, kernel::dots};

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
        assert!(one.chunks == three.chunks);
        assert_eq!((one.scale, one.error), (three.scale, three.error));
        assert_eq!((one.length, one.ahead), (three.length, three.ahead));
    }

    #[test]
    fn codes_are_the_nearest_whole_numbers_of_steps() {
        let vector = [127.0, -127.0, 0.4, 0.6, -0.6, 2.5, 3.5, 0.0, -1.0];
        let codes = Codes::new(9, 1, |_| &vector);
        let found = |at: usize| i32::from(codes.chunks[at / STEP][0][at % STEP]) - 128;
        let found: Vec<i32> = (0..12).map(found).collect();
        assert_eq!(found, [127, -127, 0, 1, -1, 2, 4, 0, -1, 0, 0, 0]);
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
            }
        }
    }
}
