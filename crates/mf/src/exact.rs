use crossfade_matrix::{Csr, Dense};
use pulp::{Arch, Simd, WithSimd};

use crate::{
    Config, Error,
    basis::{Eigenbasis, gramian},
    dual::Dual,
    primal::Primal,
    row_system::RowSystem,
    sweep::RowSolver,
};

/// Everything one half-sweep starts from: one side is to be solved, the other is fixed.
#[derive(Debug)]
pub struct HalfSweep<'a> {
    /// The weights `c` of the entries: a row for each row to solve, a column for each row of the fixed side.
    pub confidences: &'a Csr,
    /// The fixed side, row-major. A solver may rotate it (and then solves in the rotated basis).
    pub fixed: &'a mut [f32],
    /// What each row is pulled towards, in the basis of `fixed` as given; `None` is zero.
    pub prior: Option<&'a Dense>,
    /// Gives `dim`, `alpha0` and the pull.
    pub config: &'a Config,
}

/// Solves each row exactly, by Cholesky factorisation of its normal equations
///
/// ```text
/// (alpha0 F'F + Z'CZ + lambda I) x = Z'c + lambda p
/// ```
///
/// where F is the fixed side, Z its rows at the n entries of the row being solved, C = diag(c), and p the prior.
///
/// F is first rotated into the eigenbasis of its Gramian, which makes `D = alpha0 F'F + lambda I` diagonal for every
/// row at once, whatever the row's lambda. Then a row with few entries is solved through the n x n dual (Woodbury)
/// system: with `W = Z D^-1/2` and `v0 = lambda D^-1/2 p`,
///
/// ```text
/// (C^-1 + W W') w = 1 - W v0,    x = D^-1/2 (v0 + W' w)
/// ```
///
/// at a cost of n^2 d + n^3 / 3 operations instead of the n d^2 + d^3 / 3 of the d x d primal one, which rows with many
/// entries use. Most rows of a listening matrix have few.
#[derive(Debug)]
pub struct ExactRows<'a> {
    confidences: &'a Csr,
    fixed: &'a [f32],
    config: &'a Config,
    /// The eigenvalues of the Gramian, times alpha0.
    spectrum: Vec<f32>,
    /// The priors in the rotated basis, row-major.
    prior: Option<Vec<f32>>,
    crossover: usize,
}

/// What a worker of [`ExactRows`] reuses from row to row.
#[derive(Debug)]
pub struct ExactScratch {
    dual: Dual,
    primal: Primal,
}

impl<'a> ExactRows<'a> {
    /// Decomposes the Gramian of the fixed side and rotates the side into its eigenbasis.
    ///
    /// # Errors
    ///
    /// [`Error::Gramian`] if the fixed side is not finite.
    ///
    /// # Panics
    ///
    /// If a shape does not fit.
    pub fn new(half: HalfSweep<'a>) -> Result<Self, Error> {
        let HalfSweep {
            confidences,
            fixed,
            prior,
            config,
        } = half;
        let dim = config.dim;
        assert_eq!(
            fixed.len(),
            confidences.columns() * dim,
            "one vector for each column"
        );
        let basis = Eigenbasis::of(&gramian(fixed, dim))?;
        basis.rotate(fixed);
        let prior = prior.map(|prior| {
            assert_eq!(
                (prior.rows(), prior.columns()),
                (confidences.rows(), dim),
                "one prior for each row"
            );
            let mut rotated = prior.as_slice().to_vec();
            basis.rotate(&mut rotated);
            rotated
        });
        let spectrum = basis.values.iter();
        Ok(Self {
            confidences,
            fixed,
            config,
            spectrum: spectrum
                .map(|value| (config.alpha0 * value) as f32)
                .collect(),
            prior,
            crossover: dim * 3 / 4,
        })
    }

    /// Solves rows with fewer than `entries` entries through the dual system, the others through the primal one. The
    /// default is where both take about as long.
    #[must_use]
    pub fn with_crossover(self, entries: usize) -> Self {
        Self {
            crossover: entries,
            ..self
        }
    }

    /// Solves one row into `out`. None if its system is not positive definite.
    #[inline(always)]
    fn solve_row<S: Simd>(
        &self,
        simd: S,
        row: usize,
        out: &mut [f32],
        scratch: &mut ExactScratch,
    ) -> Option<f64> {
        let dim = self.config.dim;
        let entries = self.confidences.row(row);
        let prior = self.prior.as_ref();
        let prior = prior.map(|prior| &prior[row * dim..][..dim]);
        if entries.is_empty() && prior.is_none() {
            out.fill(0.0);
            return Some(0.0);
        }
        let system = RowSystem {
            entries,
            fixed: self.fixed,
            dim,
            prior,
            pull: self.config.pull(entries.len(), self.confidences.columns()) as f32,
        };
        if entries.len() < self.crossover {
            scratch.dual.solve(simd, system, &self.spectrum, out)
        } else {
            scratch
                .primal
                .solve_diagonal(simd, system, &self.spectrum, out)
        }
    }
}

impl RowSolver for ExactRows<'_> {
    type Scratch = ExactScratch;

    fn scratch(&self) -> ExactScratch {
        ExactScratch {
            dual: Dual::new(self.config.dim),
            primal: Primal::new(self.config.dim),
        }
    }

    fn cost(&self, entries: usize) -> u64 {
        let (n, d) = (entries as u64, self.config.dim as u64);
        let gather = (n + 4) * d;
        if entries < self.crossover {
            gather * 16 + n * n * (d + n / 3)
        } else {
            gather * 16 + d * d * (n + d / 3)
        }
    }

    fn solve(
        &self,
        first: usize,
        rows: &mut [f32],
        scratch: &mut ExactScratch,
    ) -> Result<f64, Error> {
        Arch::new().dispatch(Block {
            solver: self,
            first,
            rows,
            scratch,
        })
    }
}

/// A block of rows to solve under `pulp`'s dispatch.
struct Block<'b, 'a> {
    solver: &'b ExactRows<'a>,
    first: usize,
    rows: &'b mut [f32],
    scratch: &'b mut ExactScratch,
}

impl WithSimd for Block<'_, '_> {
    type Output = Result<f64, Error>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self {
            solver,
            first,
            rows,
            scratch,
        } = self;
        let mut objective = 0.0;
        for (offset, out) in rows.chunks_exact_mut(solver.config.dim).enumerate() {
            let row = first + offset;
            objective += solver
                .solve_row(simd, row, out, scratch)
                .ok_or(Error::NotDefinite { row })?;
        }
        Ok(objective)
    }
}
