//! A Cholesky factorisation for matrices of a few to a few hundred rows.
//!
//! Left-looking over panels of eight columns: nearly all of its arithmetic is [`update_panel`], which runs along
//! columns without packing. At these sizes that is several times as fast as a general library's.

use pulp::Simd;

use crate::aligned::Aligned;
use crate::kernels::{LANES, PANEL, Panel, add_scaled, dot, padded, update_panel};

/// A symmetric positive definite matrix, and then its factor, with the right-hand side that goes with it.
#[derive(Debug, Default)]
pub(crate) struct Cholesky {
    len: usize,
    stride: usize,
    /// Column-major, lower triangle; `stride` columns of `stride` numbers.
    matrix: Aligned,
    /// The right-hand side, and then the solution; `stride` numbers.
    vector: Aligned,
    /// The right-hand side after forward substitution.
    forward: Aligned,
    /// The reciprocals of the factor's diagonal.
    inverse_diagonal: Vec<f32>,
}

impl Cholesky {
    /// Scratch that grows to the largest system it has held.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Starts a system of `len` unknowns: all zeros.
    pub(crate) fn clear(&mut self, len: usize) {
        self.len = len;
        // An empty system still has a column, which keeps strides above zero.
        let stride = padded(len.max(1));
        self.stride = stride;
        self.matrix.reserve(stride * stride);
        self.vector.reserve(stride);
        self.forward.reserve(stride);
        self.inverse_diagonal.resize(stride, 0.0);
        self.matrix[..stride * stride].fill(0.0);
        self.vector[..stride].fill(0.0);
    }

    /// Length of a column.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The matrix, column after column; only the lower triangle counts.
    pub(crate) fn matrix_mut(&mut self) -> &mut [f32] {
        &mut self.matrix[..self.stride * self.stride]
    }

    /// The right-hand side before, the solution after [`solve`](Self::solve), padded with zeros.
    pub(crate) fn vector(&self) -> &[f32] {
        &self.vector[..self.stride]
    }

    /// The right-hand side to fill in.
    pub(crate) fn vector_mut(&mut self) -> &mut [f32] {
        &mut self.vector[..self.stride]
    }

    /// Adds `values` to the diagonal.
    #[inline(always)]
    pub(crate) fn add_diagonal(&mut self, values: impl Iterator<Item = f32>) {
        let step = self.stride + 1;
        let diagonal = self.matrix.iter_mut().step_by(step).take(self.len);
        for (entry, value) in diagonal.zip(values) {
            *entry += value;
        }
    }

    /// Adds `v v'` for each of `vectors` (of `stride` numbers each).
    #[inline(always)]
    pub(crate) fn add_outer_products<S: Simd>(&mut self, simd: S, vectors: &[f32]) {
        let stride = self.stride;
        for first in (0..self.len).step_by(PANEL) {
            let columns = &mut self.matrix[first * stride..(first + PANEL) * stride];
            let panel = Panel {
                columns,
                stride,
                first,
            };
            update_panel::<S, false>(simd, panel, vectors);
        }
    }

    /// Replaces the matrix by its factor and the right-hand side by the solution. False if a pivot is not positive.
    #[inline(always)]
    pub(crate) fn solve<S: Simd>(&mut self, simd: S) -> bool {
        if !self.factor(simd) {
            return false;
        }
        self.substitute_forward(simd);
        self.substitute_backward(simd);
        true
    }

    #[inline(always)]
    fn factor<S: Simd>(&mut self, simd: S) -> bool {
        let stride = self.stride;
        for first in (0..self.len).step_by(PANEL) {
            let (done, rest) = self.matrix.split_at_mut(first * stride);
            let columns = &mut rest[..PANEL * stride];
            let panel = Panel {
                columns,
                stride,
                first,
            };
            update_panel::<S, true>(simd, panel, done);
            let count = PANEL.min(self.len - first);
            let pivots = &mut self.inverse_diagonal[first..first + count];
            if !factor_panel(simd, columns, first, pivots) {
                return false;
            }
        }
        true
    }

    /// y = L^-1 b, column by column.
    #[inline(always)]
    fn substitute_forward<S: Simd>(&mut self, simd: S) {
        let columns = self.matrix.chunks_exact(self.stride).take(self.len);
        for (j, column) in columns.enumerate() {
            let y = self.vector[j] * self.inverse_diagonal[j];
            self.forward[j] = y;
            // Whole registers: this spoils entries of `vector` up to j, which are not needed any more.
            let start = j / LANES * LANES;
            add_scaled(simd, -y, &column[start..], &mut self.vector[start..]);
        }
    }

    /// x = L'^-1 y, from the last row up.
    #[inline(always)]
    fn substitute_backward<S: Simd>(&mut self, simd: S) {
        // Whole registers again: the zeros hide what lies on and above the diagonal.
        self.vector.fill(0.0);
        for j in (0..self.len).rev() {
            let start = j / LANES * LANES;
            let column = &self.matrix[j * self.stride + start..(j + 1) * self.stride];
            let sum = dot(simd, column, &self.vector[start..]);
            self.vector[j] = (self.forward[j] - sum) * self.inverse_diagonal[j];
        }
    }
}

/// Factors the panel itself, once everything left of it has been subtracted.
#[inline(always)]
fn factor_panel<S: Simd>(
    simd: S,
    columns: &mut [f32],
    first: usize,
    inverse_pivots: &mut [f32],
) -> bool {
    let stride = columns.len() / PANEL;
    // Rows above the panel's first register are not touched.
    let start = first / LANES * LANES;
    for (t, inverse_pivot) in inverse_pivots.iter_mut().enumerate() {
        let (done, rest) = columns.split_at_mut(t * stride);
        let column = &mut rest[start..stride];
        let diagonal = first + t;
        for done in done.chunks_exact(stride) {
            add_scaled(simd, -done[diagonal], &done[start..], column);
        }
        let pivot = column[diagonal - start];
        // Also false for NaN.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return false;
        }
        *inverse_pivot = 1.0 / pivot.sqrt();
        let scale = simd.splat_f32s(*inverse_pivot);
        for value in S::as_mut_simd_f32s(column).0 {
            *value = simd.mul_f32s(*value, scale);
        }
    }
    true
}
