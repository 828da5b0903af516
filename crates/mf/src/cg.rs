use pulp::Simd;

use crate::{
    RowSolver,
    aligned::Aligned,
    entries::{Entries, Weighted},
    few::solve_few,
    kernels::{FEW, add_scaled, padded},
    row_system::{RowSystem, product},
};

/// Improves each row by conjugate gradients, from its previous factor, preconditioned by the diagonal `D = alpha0 F'F +
/// lambda I`.
///
/// A step costs 4 n d operations for n entries, and no product with the Gramian: since F'F is diagonal, the preconditioned
/// matrix is the identity and one further term for each entry, and few steps are needed. (Takács, Pilászy and Tikk,
/// "Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering", 2011, multiply by the
/// Gramian in every step.)
///
/// Rows of a few entries are solved exactly instead, which costs less.
///
/// However few the steps, the fixed point of training is the one of [`Exact`](crate::Exact): a row stays where it is only
/// when its residual is zero.
#[derive(Debug, Clone, Copy)]
pub struct ConjugateGradients {
    /// The most steps in a row, at least 1. A row that is as good as solved takes fewer.
    pub steps: usize,
}

/// A row whose residual r has `r'D^-1 r` below this share of its objective is solved. No eigenvalue of the preconditioned
/// matrix is below 1, so this bounds how far the objective is above its minimum; so little is out of sight in single
/// precision.
const SOLVED: f64 = 1e-10;

/// What a worker of [`ConjugateGradients`] reuses from row to row; vectors are padded with zeros.
#[derive(Debug)]
pub struct CgScratch {
    entries: Entries,
    vectors: Vectors,
}

#[derive(Debug)]
struct Vectors {
    /// D.
    diagonal: Aligned,
    /// D^-1.
    inverse: Aligned,
    solution: Aligned,
    residual: Aligned,
    direction: Aligned,
    /// `Z'CZ direction`.
    image: Aligned,
}

/// What goes from one step to the next.
#[derive(Clone, Copy)]
struct State {
    /// The row's part of the objective.
    objective: f64,
    /// `r'D^-1 r` of the residual r.
    square: f64,
    /// `p'D p` of the direction p.
    length: f64,
}

impl RowSolver for ConjugateGradients {
    type Scratch = CgScratch;

    fn starts_warm(&self, entries: usize) -> bool {
        entries > FEW
    }

    fn scratch(&self, dim: usize) -> CgScratch {
        let vector = || Aligned::zeros(padded(dim));
        CgScratch {
            entries: Entries::new(),
            vectors: Vectors {
                diagonal: vector(),
                inverse: vector(),
                solution: vector(),
                residual: vector(),
                direction: vector(),
                image: vector(),
            },
        }
    }

    fn cost(&self, entries: usize, dim: usize) -> u64 {
        let (n, d) = (entries as u64, dim as u64);
        // Rotating the first guess, fetching the entries, and a few steps.
        d * (d + 16 * n + 64)
    }

    #[inline(always)]
    fn solve<S: Simd>(
        &self,
        simd: S,
        (row, spectrum): (RowSystem<'_>, &[f32]),
        x: &mut [f32],
        scratch: &mut CgScratch,
    ) -> Option<f64> {
        let CgScratch { entries, vectors } = scratch;
        let entries = entries.of(row);
        vectors.set_diagonal(row, spectrum);
        if row.entries.len() <= FEW && row.prior.is_none() {
            let few = (row, entries.first());
            let objective = solve_few(simd, few, &vectors.inverse, &mut vectors.solution)?;
            x.copy_from_slice(&vectors.solution[..row.dim]);
            return Some(objective);
        }
        let mut state = vectors.begin(simd, (row, entries), x);
        for _ in 1..self.steps {
            if state.square <= SOLVED * state.objective {
                break;
            }
            state = vectors.step(simd, entries, state)?;
        }
        let objective = vectors.last_step(simd, entries, state)?;
        x.copy_from_slice(&vectors.solution[..row.dim]);
        Some(objective)
    }
}

impl Vectors {
    #[inline(always)]
    fn set_diagonal(&mut self, row: RowSystem<'_>, spectrum: &[f32]) {
        for (d, eigen) in self.diagonal.iter_mut().zip(spectrum) {
            *d = eigen + row.pull;
        }
        let inverse = self.inverse[..row.dim].iter_mut();
        for (inverse, d) in inverse.zip(self.diagonal.iter()) {
            *inverse = 1.0 / d;
        }
    }

    /// Starts from `x`: its residual, preconditioned, becomes the first direction.
    #[inline(always)]
    fn begin<S: Simd>(
        &mut self,
        simd: S,
        (row, entries): (RowSystem<'_>, Weighted<'_>),
        x: &[f32],
    ) -> State {
        self.solution[..row.dim].copy_from_slice(x);
        let mut objective = f64::from(negative_pull(
            simd,
            (&self.diagonal, &self.solution),
            &mut self.residual,
        ));
        if let Some(prior) = row.prior {
            objective += f64::from(row.pull) * (product(prior, prior) - 2.0 * product(prior, x));
            for (r, p) in self.residual.iter_mut().zip(prior) {
                *r += row.pull * p;
            }
        }
        objective += entries.add_residuals(simd, &self.solution, &mut self.residual);
        self.direction.fill(0.0);
        let square = f64::from(turn(
            simd,
            0.0,
            (&self.inverse, &self.residual),
            &mut self.direction,
        ));
        State {
            objective,
            square,
            length: square,
        }
    }

    /// One step and the next direction, or `None` if the system is not positive definite in single precision.
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, entries: Weighted<'_>, state: State) -> Option<State> {
        self.image.fill(0.0);
        let bend = entries.add_image(simd, &self.direction, &mut self.image);
        let scale = scale(state, bend)?;
        let square = f64::from(self.descend(simd, scale as f32));
        let keep = square / state.square;
        turn(
            simd,
            keep as f32,
            (&self.inverse, &self.residual),
            &mut self.direction,
        );
        Some(State {
            objective: state.objective - scale * state.square,
            square,
            // Residuals are orthogonal to earlier directions.
            length: square + keep * keep * state.length,
        })
    }

    /// A step without what only a further one would need. Returns the objective.
    #[inline(always)]
    fn last_step<S: Simd>(&mut self, simd: S, entries: Weighted<'_>, state: State) -> Option<f64> {
        if state.square == 0.0 {
            return Some(state.objective);
        }
        let scale = scale(state, entries.bend(simd, &self.direction))?;
        add_scaled(simd, scale as f32, &self.direction, &mut self.solution);
        Some(state.objective - scale * state.square)
    }

    /// Moves `scale` along the direction. Returns the new `r'D^-1 r`.
    #[inline(always)]
    fn descend<S: Simd>(&mut self, simd: S, scale: f32) -> f32 {
        let diagonal = S::as_simd_f32s(&self.diagonal).0;
        let inverse = S::as_simd_f32s(&self.inverse).0;
        let direction = S::as_simd_f32s(&self.direction).0;
        let image = S::as_simd_f32s(&self.image).0;
        let solution = S::as_mut_simd_f32s(&mut self.solution).0;
        let residual = S::as_mut_simd_f32s(&mut self.residual).0;
        let forward = simd.splat_f32s(scale);
        let back = simd.splat_f32s(-scale);
        let mut square = simd.splat_f32s(0.0);
        let fixed = diagonal.iter().zip(inverse).zip(direction).zip(image);
        for ((((&d, &inverse), &p), &image), (x, r)) in fixed.zip(solution.iter_mut().zip(residual))
        {
            *x = simd.mul_add_e_f32s(forward, p, *x);
            let left = simd.mul_add_e_f32s(back, simd.mul_add_e_f32s(d, p, image), *r);
            square = simd.mul_add_e_f32s(simd.mul_f32s(left, inverse), left, square);
            *r = left;
        }
        simd.reduce_sum_f32s(square)
    }
}

/// How far to go along the direction p, where `bend` = p'Z'CZ p. `None` if the system is not positive definite.
#[inline(always)]
fn scale(state: State, bend: f64) -> Option<f64> {
    let curvature = state.length + bend;
    // Also false for NaN.
    (curvature > 0.0 && curvature.is_finite()).then(|| state.square / curvature)
}

/// `out := -D x`. Returns `x'D x`.
#[inline(always)]
fn negative_pull<S: Simd>(simd: S, (diagonal, x): (&[f32], &[f32]), out: &mut [f32]) -> f32 {
    let (diagonal, x) = (S::as_simd_f32s(diagonal).0, S::as_simd_f32s(x).0);
    let out = S::as_mut_simd_f32s(out).0;
    let mut sum = simd.splat_f32s(0.0);
    for ((&d, &x), out) in diagonal.iter().zip(x).zip(out) {
        *out = simd.neg_f32s(simd.mul_f32s(d, x));
        sum = simd.mul_add_e_f32s(simd.mul_f32s(d, x), x, sum);
    }
    simd.reduce_sum_f32s(sum)
}

/// `direction := D^-1 residual + keep * direction`. Returns `r'D^-1 r`.
#[inline(always)]
fn turn<S: Simd>(
    simd: S,
    keep: f32,
    (inverse, residual): (&[f32], &[f32]),
    direction: &mut [f32],
) -> f32 {
    let (inverse, residual) = (S::as_simd_f32s(inverse).0, S::as_simd_f32s(residual).0);
    let direction = S::as_mut_simd_f32s(direction).0;
    let keep = simd.splat_f32s(keep);
    let mut square = simd.splat_f32s(0.0);
    for ((&inverse, &r), p) in inverse.iter().zip(residual).zip(direction) {
        let turned = simd.mul_f32s(inverse, r);
        *p = simd.mul_add_e_f32s(keep, *p, turned);
        square = simd.mul_add_e_f32s(turned, r, square);
    }
    simd.reduce_sum_f32s(square)
}
