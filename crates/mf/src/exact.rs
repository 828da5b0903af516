use pulp::Simd;

use crate::{RowSolver, dual::Dual, primal::Primal, row_system::RowSystem};

/// Solves each row to the minimum of its objective, by Cholesky factorisation.
///
/// A row with few entries is solved through the n x n dual (Woodbury) system: with `W = Z D^-1/2` and
/// `v0 = lambda D^-1/2 p`,
///
/// ```text
/// (C^-1 + W W') w = 1 - W v0,    x = D^-1/2 (v0 + W' w)
/// ```
///
/// at a cost of n^2 d + n^3 / 3 operations instead of the n d^2 + d^3 / 3 of the d x d primal one, which rows with many
/// entries use. Most rows of a listening matrix have few.
#[derive(Debug, Clone, Copy)]
pub struct Exact {
    /// Rows with fewer entries are solved through the dual system, the others through the primal one.
    pub crossover: usize,
}

impl Exact {
    /// The crossover where both systems take about as long, for factors of `dim` numbers.
    pub fn new(dim: usize) -> Self {
        Self {
            crossover: dim * 3 / 4,
        }
    }
}

/// What a worker of [`Exact`] reuses from row to row.
#[derive(Debug)]
pub struct ExactScratch {
    dual: Dual,
    primal: Primal,
}

impl RowSolver for Exact {
    type Scratch = ExactScratch;

    fn starts_warm(&self, _: usize) -> bool {
        false
    }

    fn scratch(&self, dim: usize) -> ExactScratch {
        ExactScratch {
            dual: Dual::new(dim),
            primal: Primal::new(dim),
        }
    }

    fn cost(&self, entries: usize, dim: usize) -> u64 {
        let (n, d) = (entries as u64, dim as u64);
        let gather = (n + 4) * d;
        if entries < self.crossover {
            gather * 16 + n * n * (d + n / 3)
        } else {
            gather * 16 + d * d * (n + d / 3)
        }
    }

    #[inline(always)]
    fn solve<S: Simd>(
        &self,
        simd: S,
        (row, spectrum): (RowSystem<'_>, &[f32]),
        x: &mut [f32],
        scratch: &mut ExactScratch,
    ) -> Option<f64> {
        if row.entries.len() < self.crossover {
            scratch.dual.solve(simd, row, spectrum, x)
        } else {
            scratch.primal.solve_diagonal(simd, row, spectrum, x)
        }
    }
}
