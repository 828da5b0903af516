use pulp::Simd;

use crate::{
    aligned::Aligned,
    cholesky::Cholesky,
    kernels::{add_scaled, dot, padded},
    row_system::{RowSystem, product},
};

/// Vectors gathered at once: at usual lengths they stay in the first-level cache while they are summed.
const GATHER: usize = 64;

/// Solves a row through its normal equations, of as many unknowns as a factor has numbers.
#[derive(Debug)]
pub(crate) struct Primal {
    /// Rows of C^1/2 Z, padded to whole registers.
    gathered: Aligned,
    system: Cholesky,
    /// Z'c + pull p, padded.
    right: Aligned,
}

impl Primal {
    /// Scratch for factors of `dim` numbers.
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            gathered: Aligned::zeros(GATHER * padded(dim)),
            system: Cholesky::new(),
            right: Aligned::zeros(padded(dim)),
        }
    }

    /// Solves `row` into `out`, where `alpha0 F'F = diag(spectrum)`. Returns the row's part of the objective at the
    /// minimum, or None if the system is not positive definite.
    #[inline(always)]
    pub(crate) fn solve_diagonal<S: Simd>(
        &mut self,
        simd: S,
        row: RowSystem<'_>,
        spectrum: &[f32],
        out: &mut [f32],
    ) -> Option<f64> {
        self.system.clear(row.dim);
        self.system.add_diagonal(spectrum.iter().copied());
        self.solve(simd, row, out)
    }

    /// As [`solve_diagonal`](Self::solve_diagonal), for any `alpha0 F'F`: row-major (or column-major), `dim` x `dim`.
    #[inline(always)]
    pub(crate) fn solve_full<S: Simd>(
        &mut self,
        simd: S,
        row: RowSystem<'_>,
        unobserved: &[f32],
        out: &mut [f32],
    ) -> Option<f64> {
        self.system.clear(row.dim);
        let stride = self.system.stride();
        let columns = self.system.matrix_mut().chunks_exact_mut(stride);
        for (column, values) in columns.zip(unobserved.chunks_exact(row.dim)) {
            column[..row.dim].copy_from_slice(values);
        }
        self.solve(simd, row, out)
    }

    #[inline(always)]
    fn solve<S: Simd>(&mut self, simd: S, row: RowSystem<'_>, out: &mut [f32]) -> Option<f64> {
        self.system.add_diagonal(std::iter::repeat(row.pull));
        self.add_entries(simd, row);
        for (right, prior) in self.right.iter_mut().zip(row.prior.into_iter().flatten()) {
            *right += row.pull * prior;
        }
        self.system.vector_mut().copy_from_slice(&self.right);
        if !self.system.solve(simd) {
            return None;
        }
        let solution = self.system.vector();
        out.copy_from_slice(&solution[..row.dim]);
        // At the minimum the row's objective is the sum of c, less b.x for the right-hand side b, plus pull |p|^2.
        let weights: f64 = row.entries.values.iter().map(|&c| f64::from(c)).sum();
        let explained = f64::from(dot(simd, &self.right, solution));
        let prior = row.prior.map_or(0.0, |prior| product(prior, prior));
        Some(weights - explained + f64::from(row.pull) * prior)
    }

    /// Adds Z'CZ to the matrix and puts Z'c into `right`.
    #[inline(always)]
    fn add_entries<S: Simd>(&mut self, simd: S, row: RowSystem<'_>) {
        let stride = padded(row.dim);
        self.right.fill(0.0);
        let indices = row.entries.indices.chunks(GATHER);
        let confidences = row.entries.values.chunks(GATHER);
        for (indices, confidences) in indices.zip(confidences) {
            let gathered = &mut self.gathered[..indices.len() * stride];
            let slots = gathered.chunks_exact_mut(stride);
            for ((&index, confidence), slot) in indices.iter().zip(confidences).zip(slots) {
                let root = confidence.sqrt();
                for (slot, value) in slot.iter_mut().zip(row.fixed_row(index)) {
                    *slot = value * root;
                }
                add_scaled(simd, root, slot, &mut self.right);
            }
            self.system.add_outer_products(simd, gathered);
        }
    }
}
