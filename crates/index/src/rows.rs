use std::sync::Arc;

use crossfade_matrix::Dense;
use rayon::prelude::*;

use crate::{
    Error,
    bound::{Slack, norm_above, round_up},
    kernel::dots,
};

/// The largest bound on a score that is let through: half the range leaves room for every rounding on the way.
pub(crate) const LARGEST: f64 = f32::MAX as f64 / 2.0;

/// Rows whose norms a thread measures at a time.
const NORMS: usize = 1024;

/// The stored side of the inner product: several matrices ("blocks") with one vector per row each, read as one joint
/// vector per row.
///
/// Blocks stay where they are, for example in a memory-mapped file; nothing is concatenated. A clone shares them.
#[derive(Debug, Clone)]
pub struct JointRows {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    blocks: Vec<Block>,
    rows: usize,
    dim: usize,
    slack: Slack,
}

#[derive(Debug)]
struct Block {
    vectors: Dense,
    start: usize,
    // Rounded up; at least the norm of each row.
    norms: Vec<f32>,
    longest: f32,
}

impl JointRows {
    /// Takes blocks that describe the same rows and measures every vector's norm: one pass over all values, in the current
    /// thread pool.
    ///
    /// Exact search prunes by the norms of the first block, so put the one whose norms differ most first.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] or [`Error::RowCount`] if the blocks do not fit together, [`Error::NotFinite`] if a value is
    /// NaN or infinite, or a row so long that its norm is not an `f32`.
    pub fn new(blocks: Vec<Dense>) -> Result<Self, Error> {
        let rows = blocks.first().map_or(0, Dense::rows);
        let dim = blocks.iter().map(Dense::columns).sum();
        let hollow = blocks.iter().any(|block| block.columns() == 0);
        if blocks.is_empty() || hollow || u32::try_from(rows).is_err() {
            return Err(Error::Shape {
                blocks: blocks.len(),
                rows,
                columns: dim,
            });
        }
        let columns: Vec<usize> = blocks.iter().map(Dense::columns).collect();
        let mut start = 0;
        let mut measured = Vec::with_capacity(blocks.len());
        for (block, vectors) in blocks.into_iter().enumerate() {
            if vectors.rows() != rows {
                return Err(Error::RowCount {
                    block,
                    found: vectors.rows(),
                    expected: rows,
                });
            }
            let width = vectors.columns();
            measured.push(Block::new(block, start, vectors)?);
            start += width;
        }
        Ok(Self {
            inner: Arc::new(Inner {
                blocks: measured,
                rows,
                dim,
                slack: Slack::new(&columns),
            }),
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.inner.rows
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.inner.rows == 0
    }

    /// Length of a joint vector, and of a query.
    pub fn dim(&self) -> usize {
        self.inner.dim
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.inner.blocks.len()
    }

    /// The matrix of a block.
    ///
    /// # Panics
    ///
    /// If `block` is out of range.
    pub fn block(&self, block: usize) -> &Dense {
        &self.inner.blocks[block].vectors
    }

    /// Checks a query: `dim()` values, one stretch per block in the order of the blocks.
    ///
    /// # Errors
    ///
    /// [`Error::QueryNotFinite`], or [`Error::QueryTooLarge`] if a score could overflow `f32`. Scores of a checked query
    /// are always finite.
    ///
    /// # Panics
    ///
    /// If the query's length is not `dim()`.
    pub fn query<'a>(&self, values: &'a [f32]) -> Result<Query<'a>, Error> {
        assert_eq!(
            values.len(),
            self.dim(),
            "a query has one value per joint column"
        );
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::QueryNotFinite { at });
        }
        let norms: Vec<f64> = self
            .inner
            .blocks
            .iter()
            .map(|block| norm_above(&values[block.span()]))
            .collect();
        let bound: f64 = norms
            .iter()
            .zip(&self.inner.blocks)
            .map(|(norm, block)| norm * f64::from(block.longest))
            .sum();
        if bound > LARGEST {
            return Err(Error::QueryTooLarge { bound });
        }
        Ok(Query { values, norms })
    }

    /// The score of a row: the sum of its block products in the order of the blocks.
    ///
    /// # Panics
    ///
    /// If `row` is out of range or the query was checked against other rows.
    pub fn dot(&self, query: &Query<'_>, row: u32) -> f32 {
        (0..self.blocks()).fold(0.0, |sum, block| sum + self.block_dot(block, query, row))
    }

    /// One block's part of [`dot`](Self::dot).
    ///
    /// # Panics
    ///
    /// If `block` or `row` is out of range or the query was checked against other rows.
    pub fn block_dot(&self, block: usize, query: &Query<'_>, row: u32) -> f32 {
        let mut result = [0.0];
        self.block_dots(block, query, &[row], &mut result);
        result[0]
    }

    /// [`block_dot`](Self::block_dot) for many rows at once.
    pub(crate) fn block_dots(
        &self,
        block: usize,
        query: &Query<'_>,
        rows: &[u32],
        out: &mut [f32],
    ) {
        let block = &self.inner.blocks[block];
        dots(
            &query.values[block.span()],
            block.vectors.as_slice(),
            rows,
            out,
        );
    }

    /// At least the norm of every row of a block.
    pub(crate) fn norms(&self, block: usize) -> &[f32] {
        &self.inner.blocks[block].norms
    }

    /// All rows in order of falling norm of a block, equal ones by their number.
    pub(crate) fn by_falling_norm(&self, block: usize) -> Vec<u32> {
        let key = |(row, norm): (usize, &f32)| {
            // Norms are not negative, so their bits are in their order.
            u64::from(!norm.to_bits()) << 32 | row as u64
        };
        let mut keys: Vec<u64> = self.norms(block).par_iter().enumerate().map(key).collect();
        keys.par_sort_unstable();
        keys.into_par_iter().map(|key| key as u32).collect()
    }

    /// The largest of [`norms`](Self::norms).
    pub(crate) fn longest(&self, block: usize) -> f32 {
        self.inner.blocks[block].longest
    }

    /// The 99th percentile of a block's norms: at most one in a hundred is longer.
    pub(crate) fn long_norm(&self, block: usize) -> f32 {
        let mut norms = self.norms(block).to_vec();
        let at = (norms.len() * 99 / 100).min(norms.len().saturating_sub(1));
        if norms.is_empty() {
            return 0.0;
        }
        *norms.select_nth_unstable_by(at, f32::total_cmp).1
    }

    pub(crate) fn slack(&self) -> Slack {
        self.inner.slack
    }

    /// The columns of a joint vector that belong to a block.
    pub(crate) fn span(&self, block: usize) -> std::ops::Range<usize> {
        self.inner.blocks[block].span()
    }
}

impl Block {
    fn new(block: usize, start: usize, vectors: Dense) -> Result<Self, Error> {
        let mut norms = vec![0.0; vectors.rows()];
        norms
            .par_chunks_mut(NORMS)
            .enumerate()
            .for_each(|(chunk, norms)| {
                // Compiled for the processor's widest registers.
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || {
                        for (at, norm) in norms.iter_mut().enumerate() {
                            *norm = round_up(norm_above(vectors.row(chunk * NORMS + at)));
                        }
                    },
                );
            });
        // A NaN or an infinity anywhere in the row shows in its norm.
        if let Some(row) = norms.iter().position(|norm| !norm.is_finite()) {
            return Err(Error::NotFinite { block, row });
        }
        Ok(Self {
            vectors,
            start,
            longest: norms.iter().copied().fold(0.0, f32::max),
            norms,
        })
    }

    fn span(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.vectors.columns()
    }
}

/// A query that was checked against some [`JointRows`]: finite, and too small to overflow any score.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    values: &'a [f32],
    // Per block, at least the norm.
    norms: Vec<f64>,
}

impl Query<'_> {
    /// The query's values.
    pub fn values(&self) -> &[f32] {
        self.values
    }

    /// At least the norm of the query's part for each block; zero exactly when that part is zero.
    pub(crate) fn norms(&self) -> &[f64] {
        &self.norms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> JointRows {
        let wide = Dense::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]);
        let narrow = Dense::new(2, 1, vec![10.0, 20.0]);
        JointRows::new(vec![wide, narrow]).unwrap()
    }

    #[test]
    fn the_block_products_add_up_to_the_score() {
        let rows = rows();
        let query = rows.query(&[1.0, 1.0, 0.5]).unwrap();
        assert_eq!(rows.block_dot(0, &query, 1), 7.0);
        assert_eq!(rows.block_dot(1, &query, 1), 10.0);
        assert_eq!(rows.dot(&query, 1), 17.0);
    }

    #[test]
    fn rows_fall_in_norm_and_equal_ones_keep_their_order() {
        let block = Dense::new(5, 1, vec![1.0, -3.0, 0.0, 1.0, 2.0]);
        let rows = JointRows::new(vec![block]).unwrap();
        assert_eq!(rows.by_falling_norm(0), [1, 4, 0, 3, 2]);
    }

    #[test]
    fn values_that_are_not_finite_are_refused_by_place() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let block = Dense::new(3, 2, vec![0.0, 0.0, 0.0, 0.0, bad, bad]);
            let refused = JointRows::new(vec![Dense::zeros(3, 1), block]);
            assert!(matches!(
                refused,
                Err(Error::NotFinite { block: 1, row: 2 })
            ));
        }
        let bad = rows().query(&[0.0, f32::NAN, 0.0]).unwrap_err();
        assert!(matches!(bad, Error::QueryNotFinite { at: 1 }));
    }

    #[test]
    fn a_query_whose_scores_could_overflow_is_refused() {
        let error = rows().query(&[1e38, 0.0, 0.0]).unwrap_err();
        assert!(matches!(error, Error::QueryTooLarge { .. }));
    }

    #[test]
    fn blocks_that_do_not_fit_together_are_refused() {
        let differing = JointRows::new(vec![Dense::zeros(2, 1), Dense::zeros(3, 1)]);
        assert!(matches!(
            differing,
            Err(Error::RowCount {
                block: 1,
                found: 3,
                expected: 2
            })
        ));
        assert!(matches!(
            JointRows::new(Vec::new()),
            Err(Error::Shape { .. })
        ));
        let hollow = JointRows::new(vec![Dense::zeros(2, 0)]);
        assert!(matches!(hollow, Err(Error::Shape { .. })));
    }
}
