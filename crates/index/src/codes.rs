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

use crate::{
    bound::{Slack, gamma, norm_above, norm_of, round_up},
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

    /// Codes `vectors` of `columns` values each.
    pub(crate) fn new<'a>(
        columns: usize,
        vectors: impl ExactSizeIterator<Item = &'a [f32]>,
    ) -> Self {
        let steps = columns.div_ceil(STEP);
        let groups = vectors.len().div_ceil(LANES);
        let mut codes = Self {
            chunks: vec![[[128; STEP]; LANES]; groups * steps],
            steps,
            scale: vec![0.0; groups * LANES],
            error: vec![0.0; groups * LANES],
            length: vec![0.0; groups * LANES],
            ahead: Vec::new(),
            falls: false,
        };
        let mut coded = vec![(0, 0.0); columns];
        // Compiled for the processor's widest registers.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for (at, vector) in vectors.enumerate() {
                    codes.put(at, vector, &mut coded);
                }
            },
        );
        codes.ahead = largest_ahead(&codes.length);
        // Lengths include errors, so they fall only about as norms do.
        codes.falls = codes
            .length
            .is_sorted_by(|first, next| *next <= first * 1.1);
        codes
    }

    #[inline(always)]
    fn put(&mut self, at: usize, vector: &[f32], coded: &mut [(u8, f64)]) {
        let longest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let scale = longest / 127.0;
        let inverse = if scale > 0.0 {
            1.0 / f64::from(scale)
        } else {
            0.0
        };
        let lane = at % LANES;
        for (coded, &value) in coded.iter_mut().zip(vector) {
            // `as` saturates, so that a scale too small to be exact costs precision only.
            let code = (f64::from(value) * inverse).round_ties_even() as i32;
            let code = code.clamp(-127, 127);
            let rest = f64::from(value) - f64::from(scale) * f64::from(code);
            *coded = ((code + 128) as u8, rest);
        }
        let chunks = &mut self.chunks[at / LANES * self.steps..][..self.steps];
        for (chunk, coded) in chunks.iter_mut().zip(coded.chunks(STEP)) {
            for (code, &(coded, _)) in chunk[lane].iter_mut().zip(coded) {
                *code = coded;
            }
        }
        let error = norm_of(coded.iter().map(|&(_, rest)| rest));
        self.scale[at] = scale;
        self.error[at] = round_up(error);
        self.length[at] = round_up((norm_above(vector) + error) * (1.0 + EPSILON));
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
    use crate::kernel::dots;

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
            let codes = Codes::new(columns, vectors.clone());
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
