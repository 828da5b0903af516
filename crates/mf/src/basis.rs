use faer::{
    Accum, Mat, MatMut, MatRef, Par,
    diag::DiagMut,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch},
        matmul::matmul,
    },
};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{
    Error,
    aligned::Aligned,
    kernels::{PANEL, Panel, padded, update_panel},
    sweep::for_each,
};

/// Rows that one matrix product covers. Part of the result's bits, so not to depend on the number of threads.
const BLOCK: usize = 1024;

/// Rows whose products are added up while they are in the first-level cache, at usual lengths.
const CACHED: usize = 64;

/// Partial sums of a Gramian. Likewise fixed.
const PARTS: usize = 16;

/// `F'F` for the row-major matrix F with rows of `dim` numbers: products of a block of rows in single precision,
/// added up in double precision and in a fixed order.
pub(crate) fn gramian(rows: &[f32], dim: usize) -> Mat<f64> {
    gramian_of(rows, dim, |_| true)
}

/// The same, to the bit, of a matrix whose rows are zero where `counts` does not hold.
pub(crate) fn gramian_of(
    rows: &[f32],
    dim: usize,
    counts: impl Fn(usize) -> bool + Sync,
) -> Mat<f64> {
    let blocks = rows.len().div_ceil(BLOCK * dim);
    let part = blocks.div_ceil(PARTS).max(1) * BLOCK * dim;
    let parts: Vec<Mat<f64>> = rows
        .par_chunks(part)
        .enumerate()
        .map(|(place, rows)| {
            let first = place * part / dim;
            gramian_part(rows, dim, |row| counts(first + row))
        })
        .collect();
    let mut sum = Mat::zeros(dim, dim);
    for part in &parts {
        sum += part;
    }
    mirror(&mut sum);
    sum
}

/// The lower triangle of the Gramian of those rows that `counts` holds for.
fn gramian_part(rows: &[f32], dim: usize, counts: impl Fn(usize) -> bool) -> Mat<f64> {
    let stride = padded(dim);
    let mut sum = Mat::zeros(dim, dim);
    let mut product = Aligned::zeros(stride * stride);
    let mut copies = Aligned::zeros(if stride == dim { 0 } else { CACHED * stride });
    let mut counted = Vec::new();
    for (place, block) in rows.chunks(BLOCK * dim).enumerate() {
        let counts = |row| counts(place * BLOCK + row);
        product.fill(0.0);
        Arch::new().dispatch(OuterProducts {
            rows: without((block, dim), counts, &mut counted),
            dim,
            product: &mut product,
            copies: &mut copies,
        });
        for (column, values) in product.chunks_exact(stride).take(dim).enumerate() {
            for row in column..dim {
                sum[(row, column)] += f64::from(values[row]);
            }
        }
    }
    sum
}

/// The rows, with zeros in place of those that `counts` does not hold for: in `copy` where there are any.
fn without<'a>(
    (rows, dim): (&'a [f32], usize),
    counts: impl Fn(usize) -> bool,
    copy: &'a mut Vec<f32>,
) -> &'a [f32] {
    if (0..rows.len() / dim).all(&counts) {
        return rows;
    }
    copy.clear();
    copy.extend_from_slice(rows);
    for (row, values) in copy.chunks_exact_mut(dim).enumerate() {
        if !counts(row) {
            values.fill(0.0);
        }
    }
    copy
}

/// `product += sum of y y'` over rows y, in its lower triangle. At the sizes of factors this is faster than a general
/// library's product of triangular shape, which cuts it into small pieces.
struct OuterProducts<'a> {
    rows: &'a [f32],
    dim: usize,
    /// Column-major, columns padded to whole registers.
    product: &'a mut [f32],
    /// Room for [`CACHED`] padded rows, where rows are not whole registers.
    copies: &'a mut [f32],
}

impl WithSimd for OuterProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (dim, stride) = (self.dim, padded(self.dim));
        for rows in self.rows.chunks(CACHED * dim) {
            let rows = if stride == dim {
                rows
            } else {
                let copies = &mut self.copies[..rows.len() / dim * stride];
                for (copy, row) in copies.chunks_exact_mut(stride).zip(rows.chunks_exact(dim)) {
                    copy[..dim].copy_from_slice(row);
                }
                copies
            };
            let panels = self.product.chunks_exact_mut(PANEL * stride);
            for (panel, columns) in panels.enumerate() {
                let panel = Panel {
                    columns,
                    stride,
                    first: panel * PANEL,
                };
                update_panel::<S, false>(simd, panel, rows);
            }
        }
    }
}

fn mirror(lower: &mut Mat<f64>) {
    for column in 0..lower.ncols() {
        for row in column + 1..lower.nrows() {
            lower[(column, row)] = lower[(row, column)];
        }
    }
}

/// The eigen-decomposition `G = Q diag(values) Q'` of a Gramian.
///
/// Rotating the fixed side F into this basis, `F := F Q`, turns its Gramian into a diagonal matrix. Scores do not mind:
/// the other side is about to be solved anew and comes out in the same basis.
#[derive(Debug)]
pub(crate) struct Eigenbasis {
    /// The eigenvalues; none is negative.
    pub(crate) values: Vec<f64>,
    /// Q', so that a row-major block of rows is multiplied from the left.
    transposed: Mat<f32>,
}

impl Eigenbasis {
    pub(crate) fn of(gramian: &Mat<f64>) -> Result<Self, Error> {
        let dim = gramian.nrows();
        let mut values = vec![0.0; dim];
        let mut vectors = Mat::<f64>::zeros(dim, dim);
        let scratch = self_adjoint_evd_scratch::<f64>(
            dim,
            ComputeEigenvectors::Yes,
            Par::Seq,
            Default::default(),
        );
        if gramian.has_nan() {
            return Err(Error::Gramian);
        }
        self_adjoint_evd(
            gramian.as_ref(),
            DiagMut::from_slice_mut(&mut values),
            Some(vectors.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .map_err(|_| Error::Gramian)?;
        // Rounding may leave a Gramian's zero eigenvalues slightly negative.
        for value in &mut values {
            *value = value.max(0.0);
        }
        let transposed = Mat::from_fn(dim, dim, |row, column| vectors[(column, row)] as f32);
        Ok(Self { values, transposed })
    }

    /// Rotates rows into this basis in place: `F := F Q`.
    pub(crate) fn rotate(&self, rows: &mut [f32]) {
        let blocks = rows.chunks_mut(BLOCK * self.values.len());
        for_each(blocks, Aligned::default, |block, scratch| {
            block.copy_from_slice(self.rotated(block, scratch));
        });
    }

    /// `rows Q`, held by `scratch`.
    pub(crate) fn rotated<'a>(&self, rows: &[f32], scratch: &'a mut Aligned) -> &'a [f32] {
        let dim = self.values.len();
        scratch.reserve(rows.len());
        let rotated = &mut scratch[..rows.len()];
        // By blocks, since the bits of a product may depend on its shape.
        for (rotated, rows) in rotated
            .chunks_mut(BLOCK * dim)
            .zip(rows.chunks(BLOCK * dim))
        {
            let count = rows.len() / dim;
            matmul(
                MatMut::from_column_major_slice_mut(rotated, dim, count),
                Accum::Replace,
                self.transposed.as_ref(),
                MatRef::from_column_major_slice(rows, dim, count),
                1.0,
                Par::Seq,
            );
        }
        rotated
    }
}
