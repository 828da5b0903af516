use std::borrow::Cow;

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{Error, Hit, bound::norm_above, rows::LARGEST};

/// Queries that one worker carries through all items.
const BLOCK: usize = 128;

/// Items whose scores are computed together: few enough that they and their scores stay in the second-level cache.
const TILE: usize = 512;

/// Scores compared with the threshold at once.
const GROUP: usize = 64;

/// Exact search for many queries at once, by products of whole matrices: what measuring a model and scoring a user base
/// ask for, where [`Exact`](crate::Exact) answers one query at a time.
///
/// Every item is scored, in tiles of items by blocks of queries; of a tile only scores above the query's `limit`-th best
/// so far are looked at again. A query's answer has the same bits on any number of threads and whatever queries it comes
/// with. A matrix product adds in another order than the searches of one query do, so scores may differ from theirs in
/// the last bits, and with them the order of items that are that close.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// Whole tiles, one after another.
    tiles: &'a [f32],
    /// The items after them, filled up to a tile with zeros; empty if there are none.
    rest: Vec<f32>,
    /// How many items there are.
    rows: usize,
    dim: usize,
    /// The largest norm of an item, rounded up.
    longest: f64,
}

impl<'a> Batch<'a> {
    /// Takes the items: rows of `dim` numbers one after another. Measures their norms, one pass over all numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `dim` is 0 or there are more items than `u32` can number, [`Error::NotFinite`] if a number is
    /// NaN or infinite.
    ///
    /// # Panics
    ///
    /// If the last row is not complete.
    pub fn new(items: &'a [f32], dim: usize) -> Result<Self, Error> {
        let rows = items.len().checked_div(dim).unwrap_or(items.len());
        if dim == 0 || u32::try_from(rows).is_err() {
            return Err(Error::Shape {
                blocks: 1,
                rows,
                columns: dim,
            });
        }
        assert_eq!(rows * dim, items.len(), "every item has {dim} numbers");
        let norms: Vec<f64> = items.par_chunks_exact(dim).map(norm_above).collect();
        if let Some(row) = norms.iter().position(|norm| !norm.is_finite()) {
            return Err(Error::NotFinite { block: 0, row });
        }
        let (tiles, rest) = items.split_at(rows / TILE * TILE * dim);
        Ok(Self {
            tiles,
            rest: match rest {
                [] => Vec::new(),
                rest => filled(rest, TILE * dim).into_owned(),
            },
            rows,
            dim,
            longest: norms.into_iter().fold(0.0, f64::max),
        })
    }

    /// For each query (rows of `dim` numbers one after another) the best `limit` items, best first, the lower one first
    /// among equals. `excluded` lists, in increasing order, the items that a query's answer leaves out. An answer is
    /// shorter than `limit` only if fewer items remain.
    ///
    /// Works in rayon's current pool, by blocks of 128 queries (fewer cost as much as 128) and with half a megabyte of
    /// scratch for each thread.
    ///
    /// # Errors
    ///
    /// [`Error::QueryNotFinite`] with the place among all queries' numbers, or [`Error::QueryTooLarge`] if a score could
    /// overflow `f32`.
    ///
    /// # Panics
    ///
    /// If the last query is not complete.
    pub fn search<'e>(
        &self,
        queries: &[f32],
        limit: usize,
        excluded: impl Fn(usize) -> &'e [u32] + Sync,
    ) -> Result<Vec<Vec<Hit>>, Error> {
        self.check(queries)?;
        let blocks: Vec<Vec<Vec<Hit>>> = queries
            .par_chunks(BLOCK * self.dim)
            .enumerate()
            .with_max_len(1)
            .map_init(
                || vec![0.0; TILE * BLOCK],
                |scores, (block, queries)| {
                    let count = queries.len() / self.dim;
                    let mut best: Vec<Best<'e>> = (0..count)
                        .map(|query| Best::new(limit, excluded(block * BLOCK + query)))
                        .collect();
                    self.search_block(queries, &mut best, scores);
                    best.into_iter().map(Best::into_ranked).collect()
                },
            )
            .collect();
        Ok(blocks.into_iter().flatten().collect())
    }

    fn check(&self, queries: &[f32]) -> Result<(), Error> {
        let dim = self.dim;
        assert_eq!(queries.len() % dim, 0, "every query has {dim} numbers");
        if let Some(at) = queries.iter().position(|value| !value.is_finite()) {
            return Err(Error::QueryNotFinite { at });
        }
        let norms = queries.par_chunks_exact(dim).map(norm_above);
        let bound = norms.reduce(|| 0.0, f64::max) * self.longest;
        match bound <= LARGEST {
            true => Ok(()),
            false => Err(Error::QueryTooLarge { bound }),
        }
    }

    /// Carries a block of queries through all items.
    ///
    /// Every product has the same shape, padding included, because how it adds up depends on its shape.
    fn search_block(&self, queries: &[f32], best: &mut [Best<'_>], scores: &mut [f32]) {
        let queries = filled(queries, BLOCK * self.dim);
        let queries = MatRef::from_column_major_slice(&queries, self.dim, BLOCK);
        let tiles = self.tiles.chunks_exact(TILE * self.dim);
        let rest = (!self.rest.is_empty()).then_some(self.rest.as_slice());
        for (items, first) in tiles.chain(rest).zip((0..).step_by(TILE)) {
            let items = MatRef::from_row_major_slice(items, TILE, self.dim);
            let product = MatMut::from_column_major_slice_mut(scores, TILE, BLOCK);
            matmul(product, Accum::Replace, items, queries, 1.0, Par::Seq);
            let rows = TILE.min(self.rows - first);
            for (best, scores) in best.iter_mut().zip(scores.chunks_exact(TILE)) {
                Arch::new().dispatch(Offer {
                    best,
                    first: first as u32,
                    scores: &scores[..rows],
                });
            }
        }
    }
}

/// `values` with zeros behind them up to a length of `len`.
fn filled(values: &[f32], len: usize) -> Cow<'_, [f32]> {
    let mut values = Cow::Borrowed(values);
    if values.len() < len {
        values.to_mut().resize(len, 0.0);
    }
    values
}

/// The best items of one query among those offered so far, in order of their rows.
struct Best<'a> {
    limit: usize,
    /// Scores up to this one cannot enter. An equal one cannot either, because its row comes later.
    threshold: f32,
    /// The best `limit` among these are wanted. Thinned out when full, which costs less than keeping them in a heap.
    kept: Vec<Hit>,
    capacity: usize,
    /// Excluded rows that are still to come.
    excluded: &'a [u32],
}

impl<'a> Best<'a> {
    fn new(limit: usize, excluded: &'a [u32]) -> Self {
        Self {
            limit,
            threshold: match limit {
                0 => f32::INFINITY,
                _ => f32::NEG_INFINITY,
            },
            kept: Vec::new(),
            capacity: limit.saturating_mul(2).saturating_add(GROUP),
            excluded,
        }
    }

    #[inline(always)]
    fn offer(&mut self, first: u32, scores: &[f32]) {
        for (row, &score) in (first..).zip(scores) {
            if score > self.threshold {
                self.keep(row, score);
            }
        }
    }

    #[cold]
    fn keep(&mut self, row: u32, score: f32) {
        while let [next, rest @ ..] = self.excluded
            && *next < row
        {
            self.excluded = rest;
        }
        if self.excluded.first() == Some(&row) {
            return;
        }
        // A product that underflows may be -0; adding 0 makes every zero the same.
        let score = score + 0.0;
        self.kept.push(Hit { row, score });
        if self.kept.len() >= self.capacity {
            self.thin();
        }
    }

    /// Forgets all but the best `limit`.
    fn thin(&mut self) {
        if self.kept.len() > self.limit {
            let (_, worst, _) = self.kept.select_nth_unstable(self.limit - 1);
            self.threshold = worst.score;
            self.kept.truncate(self.limit);
        }
    }

    fn into_ranked(mut self) -> Vec<Hit> {
        if self.limit > 0 {
            self.thin();
        }
        self.kept.sort_unstable();
        self.kept
    }
}

/// Offers a tile's scores of one query, a group at a time: most groups hold nothing above the threshold.
struct Offer<'b, 'a> {
    best: &'b mut Best<'a>,
    first: u32,
    scores: &'b [f32],
}

impl WithSimd for Offer<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            best,
            first,
            scores,
        } = self;
        let (groups, rest) = scores.as_chunks::<GROUP>();
        let mut row = first;
        for group in groups {
            let threshold = best.threshold;
            let above = |any, &score: &f32| any | (score > threshold);
            if group.iter().fold(false, above) {
                best.offer(row, group);
            }
            row += GROUP as u32;
        }
        best.offer(row, rest);
    }
}
