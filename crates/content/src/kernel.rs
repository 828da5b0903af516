use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::exponential::exp;

/// Rows that others are compared with at a time, whatever the number of threads.
const COLUMNS: usize = 64;

/// How alike two rows are, from 0 to 1:
/// `(1 - directions) exp(-gamma |a - b|^2) + directions exp(-gamma |a / |a| - b / |b||^2)`.
///
/// Both parts are Gaussian kernels, the second of rows brought to unit length, in which rows that lie far out are neighbours of
/// those in the same direction; a sum of kernels is one (Shawe-Taylor and Cristianini 2004, proposition 3.22). A zero row stays
/// zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kernel {
    /// Above 0: the larger, the more the nearest rows decide.
    pub(crate) gamma: f64,
    /// Share of the second part, from 0 to 1.
    pub(crate) directions: f64,
}

impl Kernel {
    /// Without a part for directions.
    pub(crate) fn gaussian(gamma: f64) -> Self {
        Self {
            gamma,
            directions: 0.0,
        }
    }

    /// How alike each row of `a` is to each of `b`, in rayon's current pool.
    pub(crate) fn between(&self, a: &Rows<'_>, b: &Rows<'_>) -> Mat<f64> {
        let mut likeness = Mat::zeros(a.len(), b.len());
        parts(likeness.as_mut())
            .into_par_iter()
            .enumerate()
            .for_each(|(part, out)| self.compare(a, b, (part * COLUMNS, out)));
        likeness
    }

    /// The same in the current thread.
    pub(crate) fn between_few(&self, a: &Rows<'_>, b: &Rows<'_>) -> Mat<f64> {
        let mut likeness = Mat::zeros(a.len(), b.len());
        self.compare(a, b, (0, likeness.as_mut()));
        likeness
    }

    /// The columns of `out` from the `first` on.
    ///
    /// Distances are found of lengths and inner products, which are a product of matrices: exact to some eps of the squared
    /// lengths.
    fn compare(&self, a: &Rows<'_>, b: &Rows<'_>, (first, mut out): (usize, MatMut<'_, f64>)) {
        let of_b = &b.lengths[first..first + out.ncols()];
        let b = b.matrix().subrows(first, out.ncols());
        matmul(
            out.as_mut(),
            Accum::Replace,
            a.matrix(),
            b.transpose(),
            1.0,
            Par::Seq,
        );
        for (products, &of_b) in out.col_iter_mut().zip(of_b) {
            let products = products.try_as_col_major_mut();
            let products =
                products.expect("invariant: columns of a matrix of our own are contiguous");
            Arch::new().dispatch(Compare {
                kernel: *self,
                products: products.as_slice_mut(),
                of_a: &a.lengths,
                of_b,
            });
        }
    }
}

/// Neighbouring columns, [`COLUMNS`] to a part, since a thread takes a part.
fn parts(matrix: MatMut<'_, f64>) -> Vec<MatMut<'_, f64>> {
    let mut parts = Vec::new();
    let mut rest = matrix;
    while rest.ncols() > COLUMNS {
        let (part, more) = rest.split_at_col_mut(COLUMNS);
        parts.push(part);
        rest = more;
    }
    parts.push(rest);
    parts
}

/// Rows to compare with others.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    values: &'a [f64],
    dim: usize,
    lengths: Vec<Length>,
}

impl<'a> Rows<'a> {
    /// Rows of `dim` numbers each, at least one.
    pub(crate) fn new(values: &'a [f64], dim: usize) -> Self {
        Self {
            values,
            dim,
            lengths: values.chunks_exact(dim).map(Length::of).collect(),
        }
    }

    fn len(&self) -> usize {
        self.lengths.len()
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(self.values, self.len(), self.dim)
    }
}

/// How long a row is.
#[derive(Debug, Clone, Copy)]
struct Length {
    /// Of the row, squared.
    squared: f64,
    /// The same of the row brought to unit length: 1, or 0 of a zero row.
    squared_unit: f64,
    /// What brings it there; 0 for a zero row.
    inverse: f64,
}

impl Length {
    fn of(row: &[f64]) -> Self {
        let squared: f64 = row.iter().map(|x| x * x).sum();
        let is_long = squared > 0.0;
        Self {
            squared,
            squared_unit: if is_long { 1.0 } else { 0.0 },
            inverse: if is_long { squared.sqrt().recip() } else { 0.0 },
        }
    }
}

/// Makes inner products of rows with one row how alike they are, under `pulp`'s dispatch: with the widest registers there are.
struct Compare<'a> {
    kernel: Kernel,
    products: &'a mut [f64],
    of_a: &'a [Length],
    of_b: Length,
}

impl WithSimd for Compare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Kernel { gamma, directions } = self.kernel;
        let of_b = self.of_b;
        // |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, and the same of both at unit length.
        for (product, of_a) in self.products.iter_mut().zip(self.of_a) {
            let apart = (of_a.squared + of_b.squared - 2.0 * *product).max(0.0);
            let near = exp(-gamma * apart);
            *product = if directions > 0.0 {
                let cosine = *product * of_a.inverse * of_b.inverse;
                let turned = (of_a.squared_unit + of_b.squared_unit - 2.0 * cosine).max(0.0);
                (1.0 - directions) * near + directions * exp(-gamma * turned)
            } else {
                near
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(row: &[f64]) -> Vec<f64> {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let scale = if length > 0.0 { length.recip() } else { 0.0 };
        row.iter().map(|x| x * scale).collect()
    }

    #[test]
    fn likeness_is_that_of_rows_and_of_their_directions() {
        let dim = 5;
        let mut rows: Vec<f64> = (0..8 * dim).map(|n| 3.0 * (n as f64 * 1.7).sin()).collect();
        rows[..dim].fill(0.0);
        rows.extend_from_within(dim..2 * dim);
        let kernel = Kernel {
            gamma: 0.3,
            directions: 0.4,
        };
        let found = kernel.between(&Rows::new(&rows, dim), &Rows::new(&rows, dim));
        let near = |a: &[f64], b: &[f64]| {
            let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            (-0.3 * squared).exp()
        };
        for (i, a) in rows.chunks_exact(dim).enumerate() {
            for (j, b) in rows.chunks_exact(dim).enumerate() {
                let expected = 0.6 * near(a, b) + 0.4 * near(&unit(a), &unit(b));
                // A distance is off by dim + 2 roundings of |a|^2 + |b|^2, at most 90 here, and its exponential by gamma
                // times that; directions, of squared length 1, by less.
                let difference = found[(i, j)] - expected;
                assert!(
                    difference.abs() < 0.3 * 7.0 * 90.0 * f64::EPSILON,
                    "{difference}"
                );
            }
        }
    }

    #[test]
    fn without_directions_it_is_the_gaussian_kernel() {
        let (a, b) = ([1.0, 2.0, -0.5], [0.5, 2.0, 0.5]);
        let found = Kernel::gaussian(0.8).between(&Rows::new(&a, 3), &Rows::new(&b, 3));
        let difference = found[(0, 0)] - (-0.8_f64 * 1.25).exp();
        // All but the exponential is exact in these numbers, and that is within four eps.
        assert!(difference.abs() < 4.0 * f64::EPSILON, "{difference}");
    }
}
