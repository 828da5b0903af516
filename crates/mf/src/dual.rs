use pulp::Simd;

use crate::{
    aligned::Aligned,
    cholesky::Cholesky,
    kernels::{add_row_products, add_scaled, dot, padded},
    row_system::{RowSystem, product},
};

/// Solves a row of few entries through a system as large as their number, where `D = alpha0 F'F + pull I` is diagonal.
///
/// With `W = Z D^-1/2` and `v0 = pull D^-1/2 p`, Woodbury's identity gives
///
/// ```text
/// (C^-1 + W W') w = 1 - W v0,    v = v0 + W' w,    x = D^-1/2 v
/// ```
#[derive(Debug)]
pub(crate) struct Dual {
    /// W, rows padded to whole registers and in whole groups of four.
    gathered: Aligned,
    system: Cholesky,
    /// D^-1/2, padded.
    inverse_root: Aligned,
    /// v, padded.
    solution: Aligned,
}

impl Dual {
    /// Scratch for factors of `dim` numbers; it grows with the entries.
    pub(crate) fn new(dim: usize) -> Self {
        Self {
            gathered: Aligned::default(),
            system: Cholesky::new(),
            inverse_root: Aligned::zeros(padded(dim)),
            solution: Aligned::zeros(padded(dim)),
        }
    }

    /// Solves `row` into `out`, where `alpha0 F'F = diag(spectrum)`. Returns the row's part of the objective at the
    /// minimum, or None if the system is not positive definite.
    #[inline(always)]
    pub(crate) fn solve<S: Simd>(
        &mut self,
        simd: S,
        row: RowSystem<'_>,
        spectrum: &[f32],
        out: &mut [f32],
    ) -> Option<f64> {
        for (inverse, &eigen) in self.inverse_root.iter_mut().zip(spectrum) {
            *inverse = 1.0 / (eigen + row.pull).sqrt();
        }
        self.gather(row);
        self.start_solution(row);
        self.fill_system(simd, row);
        if !self.system.solve(simd) {
            return None;
        }
        let weights = &self.system.vector()[..row.entries.len()];
        let rows = self.gathered.chunks_exact(padded(row.dim));
        for (vector, &weight) in rows.zip(weights) {
            add_scaled(simd, weight, vector, &mut self.solution);
        }
        for ((x, v), scale) in out
            .iter_mut()
            .zip(self.solution.iter())
            .zip(self.inverse_root.iter())
        {
            *x = v * scale;
        }
        // At the minimum, with scores s, the row's objective is the sum of c (1 - s) plus pull p.(p - x), and
        // w = c (1 - s).
        let data: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let prior = row.prior.map_or(0.0, |prior| {
            f64::from(row.pull) * (product(prior, prior) - product(prior, out))
        });
        Some(data + prior)
    }

    /// W.
    #[inline(always)]
    fn gather(&mut self, row: RowSystem<'_>) {
        let stride = padded(row.dim);
        let count = row.entries.len();
        let size = count.next_multiple_of(4) * stride;
        self.gathered.reserve(size);
        let slots = self.gathered.chunks_exact_mut(stride);
        for (&index, slot) in row.entries.indices.iter().zip(slots) {
            let (values, rest) = slot.split_at_mut(row.dim);
            let scaled = row.fixed_row(index).iter().zip(self.inverse_root.iter());
            for (slot, (value, scale)) in values.iter_mut().zip(scaled) {
                *slot = value * scale;
            }
            rest.fill(0.0);
        }
        self.gathered[count * stride..size].fill(0.0);
    }

    /// v0.
    #[inline(always)]
    fn start_solution(&mut self, row: RowSystem<'_>) {
        self.solution.fill(0.0);
        let scaled = row
            .prior
            .into_iter()
            .flatten()
            .zip(self.inverse_root.iter());
        for (v, (p, scale)) in self.solution.iter_mut().zip(scaled) {
            *v = row.pull * p * scale;
        }
    }

    /// C^-1 + W W' and 1 - W v0.
    #[inline(always)]
    fn fill_system<S: Simd>(&mut self, simd: S, row: RowSystem<'_>) {
        let stride = padded(row.dim);
        let count = row.entries.len();
        let gathered = &self.gathered[..count.next_multiple_of(4) * stride];
        let system = &mut self.system;
        system.clear(count);
        let system_stride = system.stride();
        add_row_products(simd, gathered, stride, system.matrix_mut(), system_stride);
        system.add_diagonal(row.entries.values.iter().map(|confidence| 1.0 / confidence));
        let right = &mut system.vector_mut()[..count];
        right.fill(1.0);
        if row.prior.is_some() {
            for (right, vector) in right.iter_mut().zip(gathered.chunks_exact(stride)) {
                *right -= dot(simd, vector, &self.solution);
            }
        }
    }
}
