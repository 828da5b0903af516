use crossfade_matrix::{Csr, Dense};
use pulp::{Arch, Simd, WithSimd};

use crate::{
    Config, Error,
    aligned::Aligned,
    basis::{Eigenbasis, gramian},
    row_system::RowSystem,
    sweep::{for_each, split},
};

/// Everything one half-sweep starts from: one side is to be solved, the other is fixed.
#[derive(Debug)]
pub struct HalfSweep<'a> {
    /// The weights `c` of the entries: a row for each row to solve, a column for each row of the fixed side.
    pub confidences: &'a Csr,
    /// The fixed side, row-major. It is rotated, and the other side is solved in the rotated basis.
    pub fixed: &'a mut [f32],
    /// What each row is pulled towards, in the basis of `fixed` as given; `None` is zero.
    pub prior: Option<&'a Dense>,
    /// Gives `dim`, `alpha0` and the pull.
    pub config: &'a Config,
}

/// How to solve one row's equations
///
/// ```text
/// (alpha0 F'F + Z'CZ + lambda I) x = Z'c + lambda p
/// ```
///
/// where F is the fixed side, Z its rows at the n entries of the row being solved, C = diag(c), and p the prior: the seam
/// between training and the ways to solve. See [`Exact`](crate::Exact), [`ConjugateGradients`](crate::ConjugateGradients)
/// and [`Subspace`](crate::Subspace).
///
/// Every solver works in the eigenbasis of F'F, which makes `D = alpha0 F'F + lambda I` diagonal for all rows at once,
/// whatever the row's lambda ([`Rotated`]).
pub trait RowSolver: Sync {
    /// What a worker reuses from row to row.
    type Scratch: Send;

    /// Whether a row of `entries` entries starts from its previous factor, which is then rotated into the new basis.
    fn starts_warm(&self, entries: usize) -> bool;

    /// Scratch for one worker, for factors of `dim` numbers.
    fn scratch(&self, dim: usize) -> Self::Scratch;

    /// What solving a row of `entries` entries costs, in multiplications. Rows are dealt out by it.
    fn cost(&self, entries: usize, dim: usize) -> u64;

    /// Solves a row, given with the spectrum for which `alpha0 F'F = diag(spectrum)`. `x` holds a first guess if the solver starts warm, and receives
    /// the solution.
    ///
    /// Returns the row's own part of the objective at the solution (data, unobserved pairs, and pull), or `None` if the
    /// system is not positive definite.
    fn solve<S: Simd>(
        &self,
        simd: S,
        system: (RowSystem<'_>, &[f32]),
        x: &mut [f32],
        scratch: &mut Self::Scratch,
    ) -> Option<f64>;
}

/// A half-sweep in the eigenbasis of its fixed side's Gramian, ready to be solved.
///
/// With `F'F = Q diag(e) Q'`, rotating `F := F Q` makes the part of the normal equations that all rows share diagonal. So
/// the Gramian costs one product of matrices a half-sweep, where solvers that multiply by it need one in each of their
/// iterations; what is left of a row's system is the identity and as many further terms as the row has entries.
#[derive(Debug)]
pub struct Rotated<'a> {
    confidences: &'a Csr,
    fixed: &'a [f32],
    config: &'a Config,
    basis: Eigenbasis,
    /// The eigenvalues of the Gramian, times alpha0.
    spectrum: Vec<f32>,
    /// The priors in the rotated basis, row-major.
    prior: Option<Vec<f32>>,
    /// The pull of a row, by its number of entries, up to usual ones: a power is slow beside a short row.
    pulls: Vec<f32>,
}

/// Entries up to which pulls are computed beforehand.
const USUAL_ENTRIES: usize = 256;

impl<'a> Rotated<'a> {
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
        let spectrum = spectrum.map(|value| (config.alpha0 * value) as f32);
        Ok(Self {
            confidences,
            fixed,
            config,
            spectrum: spectrum.collect(),
            basis,
            prior,
            pulls: (0..=USUAL_ENTRIES)
                .map(|entries| config.pull(entries, confidences.columns()) as f32)
                .collect(),
        })
    }

    /// Solves all rows, whose previous factors are `rows`, in rayon's current pool.
    ///
    /// Returns the sum of the rows' parts of the objective. The result has the same bits on any number of threads.
    ///
    /// # Errors
    ///
    /// The first row, in their order, that cannot be solved.
    ///
    /// # Panics
    ///
    /// If `rows` is not one vector of `dim` numbers for each row.
    pub fn solve<R: RowSolver>(&self, solver: &R, rows: &mut [f32]) -> Result<f64, Error> {
        let dim = self.config.dim;
        let cost = |entries| solver.cost(entries, dim);
        let blocks = split(self.confidences, dim, rows, cost).into_iter();
        let scratch = || Scratch {
            solver: solver.scratch(dim),
            rotation: RotationScratch::default(),
        };
        let parts = for_each(blocks, scratch, |(first, rows), scratch| {
            Arch::new().dispatch(Block {
                half: self,
                solver,
                first,
                rows,
                scratch,
            })
        });
        parts.into_iter().sum()
    }

    /// Rotates those of `rows` that the solver starts from, neighbours from `first` on.
    fn rotate_starts<R: RowSolver>(
        &self,
        solver: &R,
        (first, rows): (usize, &mut [f32]),
        scratch: &mut RotationScratch,
    ) {
        let dim = self.config.dim;
        let offsets = &self.confidences.offsets()[first..];
        let warm = |row: usize| solver.starts_warm((offsets[row + 1] - offsets[row]) as usize);
        let RotationScratch { gathered, rotated } = scratch;
        let count = (0..rows.len() / dim).filter(|&row| warm(row)).count();
        if count * 4 > rows.len() / dim * 3 {
            // Nearly all: rotating the others too costs less than gathering.
            let starts = self.basis.rotated(rows, rotated);
            rows.copy_from_slice(starts);
            return;
        }
        gathered.clear();
        for (row, x) in rows.chunks_exact(dim).enumerate() {
            if warm(row) {
                gathered.extend_from_slice(x);
            }
        }
        let mut starts = self.basis.rotated(gathered, rotated).chunks_exact(dim);
        for (row, x) in rows.chunks_exact_mut(dim).enumerate() {
            if warm(row)
                && let Some(start) = starts.next()
            {
                x.copy_from_slice(start);
            }
        }
    }

    /// Numbers in a factor.
    pub fn dim(&self) -> usize {
        self.config.dim
    }

    fn system(&self, row: usize) -> RowSystem<'_> {
        let dim = self.config.dim;
        let entries = self.confidences.row(row);
        let prior = self.prior.as_ref();
        RowSystem {
            entries,
            fixed: self.fixed,
            dim,
            prior: prior.map(|prior| &prior[row * dim..][..dim]),
            pull: self.pull(entries.len()),
        }
    }

    fn pull(&self, entries: usize) -> f32 {
        let usual = self.pulls.get(entries).copied();
        usual.unwrap_or_else(|| self.config.pull(entries, self.confidences.columns()) as f32)
    }
}

struct Scratch<T> {
    solver: T,
    rotation: RotationScratch,
}

/// Rows before and after a rotation.
#[derive(Default)]
struct RotationScratch {
    gathered: Vec<f32>,
    rotated: Aligned,
}

/// A block of neighbouring rows to solve under `pulp`'s dispatch.
struct Block<'b, 'a, R: RowSolver> {
    half: &'b Rotated<'a>,
    solver: &'b R,
    first: usize,
    rows: &'b mut [f32],
    scratch: &'b mut Scratch<R::Scratch>,
}

impl<R: RowSolver> WithSimd for Block<'_, '_, R> {
    type Output = Result<f64, Error>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self {
            half,
            solver,
            first,
            rows,
            scratch,
        } = self;
        half.rotate_starts(solver, (first, rows), &mut scratch.rotation);
        let mut objective = 0.0;
        for (offset, x) in rows.chunks_exact_mut(half.config.dim).enumerate() {
            let row = first + offset;
            let system = half.system(row);
            if system.entries.is_empty() && system.prior.is_none() {
                x.fill(0.0);
                continue;
            }
            objective += solver
                .solve(simd, (system, &half.spectrum), x, &mut scratch.solver)
                .ok_or(Error::NotDefinite { row })?;
        }
        Ok(objective)
    }
}
