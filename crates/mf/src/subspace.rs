use pulp::Simd;

use crate::{
    RowSolver,
    aligned::Aligned,
    cholesky::Cholesky,
    kernels::{add_scaled, dot, padded},
    row_system::{RowSystem, product},
};

/// Improves each row by one pass over blocks of its coordinates, each solved exactly while the others stay: the subspace
/// solver of Rendle, Krichene, Zhang and Koren, "iALS++: Speeding up Matrix Factorization with Subspace Optimization"
/// (2021).
///
/// With blocks of b coordinates a row of n entries costs n d b + d b^2 / 3 operations. Since F'F is diagonal, blocks meet
/// only through the entries.
#[derive(Debug, Clone, Copy)]
pub struct Subspace {
    /// Coordinates in a block, at least 1.
    pub block: usize,
}

/// What a worker of [`Subspace`] reuses from row to row.
#[derive(Debug)]
pub struct SubspaceScratch {
    system: Cholesky,
    /// Z x, a number for each entry.
    scores: Vec<f32>,
    /// C^1/2 times the block's columns of Z, rows padded.
    panel: Aligned,
    /// The block's right-hand side, padded.
    right: Aligned,
}

impl RowSolver for Subspace {
    type Scratch = SubspaceScratch;

    fn starts_warm(&self, _: usize) -> bool {
        true
    }

    fn scratch(&self, dim: usize) -> SubspaceScratch {
        SubspaceScratch {
            system: Cholesky::new(),
            scores: Vec::new(),
            panel: Aligned::default(),
            right: Aligned::zeros(padded(self.block.min(dim))),
        }
    }

    fn cost(&self, entries: usize, dim: usize) -> u64 {
        let (n, d, b) = (entries as u64, dim as u64, self.block.min(dim) as u64);
        d * (d + n * (b + 16) + b * b / 3)
    }

    #[inline(always)]
    fn solve<S: Simd>(
        &self,
        simd: S,
        (row, spectrum): (RowSystem<'_>, &[f32]),
        x: &mut [f32],
        scratch: &mut SubspaceScratch,
    ) -> Option<f64> {
        scratch.score(row, x);
        for start in (0..row.dim).step_by(self.block) {
            let end = row.dim.min(start + self.block);
            scratch.solve_block(simd, (row, spectrum), (start, end), x)?;
        }
        Some(scratch.objective((row, spectrum), x))
    }
}

impl SubspaceScratch {
    #[inline(always)]
    fn score(&mut self, row: RowSystem<'_>, x: &[f32]) {
        self.scores.clear();
        for &index in row.entries.indices {
            self.scores.push(product(row.fixed_row(index), x) as f32);
        }
    }

    /// Moves the coordinates from `start` to before `end` to the minimum. `None` if their system is not positive definite.
    #[inline(always)]
    fn solve_block<S: Simd>(
        &mut self,
        simd: S,
        (row, spectrum): (RowSystem<'_>, &[f32]),
        (start, end): (usize, usize),
        x: &mut [f32],
    ) -> Option<()> {
        let len = end - start;
        let stride = padded(len);
        self.gather(row, (start, end));
        let panel = &self.panel[..row.entries.len() * stride];
        let right = &mut self.right[..stride];
        right.fill(0.0);
        // The gradient: Z'C (1 - Z x) - D x + pull p.
        for ((vector, score), c) in panel
            .chunks_exact(stride)
            .zip(&self.scores)
            .zip(row.entries.values)
        {
            add_scaled(simd, c.sqrt() * (1.0 - score), vector, right);
        }
        for (k, right) in right[..len].iter_mut().enumerate() {
            let prior = row.prior.map_or(0.0, |prior| row.pull * prior[start + k]);
            *right += prior - (spectrum[start + k] + row.pull) * x[start + k];
        }
        self.system.clear(len);
        let diagonal = spectrum[start..end].iter().map(|eigen| eigen + row.pull);
        self.system.add_diagonal(diagonal);
        self.system.add_outer_products(simd, panel);
        self.system.vector_mut().copy_from_slice(right);
        if !self.system.solve(simd) {
            return None;
        }
        let change = self.system.vector();
        for (x, change) in x[start..end].iter_mut().zip(change) {
            *x += change;
        }
        for ((vector, score), c) in panel
            .chunks_exact(stride)
            .zip(&mut self.scores)
            .zip(row.entries.values)
        {
            *score += dot(simd, vector, change) / c.sqrt();
        }
        Some(())
    }

    /// The block's panel.
    #[inline(always)]
    fn gather(&mut self, row: RowSystem<'_>, (start, end): (usize, usize)) {
        let stride = padded(end - start);
        let size = row.entries.len() * stride;
        self.panel.reserve(size);
        let slots = self.panel.chunks_exact_mut(stride);
        for ((index, c), slot) in row.entries.iter().zip(slots) {
            let root = c.sqrt();
            let (values, rest) = slot.split_at_mut(end - start);
            for (slot, value) in values.iter_mut().zip(&row.fixed_row(index)[start..end]) {
                *slot = value * root;
            }
            rest.fill(0.0);
        }
    }

    /// The row's part of the objective at `x`.
    #[inline(always)]
    fn objective(&self, (row, spectrum): (RowSystem<'_>, &[f32]), x: &[f32]) -> f64 {
        let data: f64 = self
            .scores
            .iter()
            .zip(row.entries.values)
            .map(|(score, c)| f64::from(c * (1.0 - score).powi(2)))
            .sum();
        let shared: f64 = x
            .iter()
            .zip(spectrum)
            .map(|(x, eigen)| f64::from((eigen + row.pull) * x * x))
            .sum();
        let prior = row.prior.map_or(0.0, |prior| {
            f64::from(row.pull) * (product(prior, prior) - 2.0 * product(prior, x))
        });
        data + shared + prior
    }
}
