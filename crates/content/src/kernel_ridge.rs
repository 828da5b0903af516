use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, Par, Side};
use rayon::prelude::*;

use crate::Error;
use crate::kernel::{Kernel, Rows};

/// Rows of the kernel matrix that are held at once.
const ROWS: usize = 4_096;
/// Rows that a thread predicts at a time.
const PREDICTED: usize = 256;
/// Columns of a sum that one thread computes, whatever the number of threads.
const COLUMNS: usize = 64;

/// Kernel ridge regression on a subset of the rows, the landmarks
/// (subset of regressors; Quinonero-Candela and Rasmussen 2005, section 4.1), in f64: it is the full regression where all
/// rows are landmarks, and linear in the rows where they are not.
#[derive(Debug)]
pub(crate) struct KernelRidge {
    kernel: Kernel,
    /// Landmarks x features.
    landmarks: Vec<f64>,
    dim: usize,
    /// Landmarks x targets.
    coefficients: Mat<f64>,
}

impl KernelRidge {
    /// Minimises `|Y - K a|^2 + ridge a' K_mm a` over the coefficients `a` of at most `landmarks` rows, evenly spread. `x` has a row
    /// of `dim` numbers for each row of `y`. Where all rows are landmarks, that is `(K + ridge I) a = Y`.
    ///
    /// # Errors
    ///
    /// If the system cannot be solved, which finite data do not cause.
    pub(crate) fn fit(
        (x, dim): (&[f64], usize),
        y: &Mat<f64>,
        (kernel, ridge): (Kernel, f64),
        landmarks: usize,
    ) -> Result<Self, Error> {
        let rows = y.nrows();
        let count = landmarks.min(rows);
        let chosen = (0..count).flat_map(|k| {
            let row = k * rows / count;
            &x[row * dim..(row + 1) * dim]
        });
        let mut ridge_fit = Self {
            kernel,
            landmarks: chosen.copied().collect(),
            dim,
            coefficients: Mat::zeros(count, y.ncols()),
        };
        let among = ridge_fit.likeness(&ridge_fit.landmarks);
        if count == rows {
            ridge_fit.coefficients = solved(among, ridge, y)?;
            return Ok(ridge_fit);
        }
        // Near duplicates make the kernel singular: a millionth of the ridge on the diagonal keeps it positive definite.
        let mut gram = Mat::from_fn(count, count, |i, j| {
            ridge * (among[(i, j)] + if i == j { 1e-6 } else { 0.0 })
        });
        let mut right = Mat::zeros(count, y.ncols());
        for start in (0..rows).step_by(ROWS) {
            let end = rows.min(start + ROWS);
            let block = ridge_fit.likeness(&x[start * dim..end * dim]);
            add_gram(&mut gram, &block);
            add_product(
                &mut right,
                &block,
                &y.subrows(start, end - start).to_owned(),
            );
        }
        let factor = gram.llt(Side::Lower).map_err(|_| Error::NoConvergence)?;
        ridge_fit.coefficients = factor.solve(&right);
        Ok(ridge_fit)
    }

    /// What the regression on all other rows predicts for each row, without fitting it for each: `y_i - a_i / P_ii` with
    /// `P` the inverse of `K + ridge I` (Rasmussen and Williams 2006, equation 5.12). Every row is a landmark here.
    ///
    /// # Errors
    ///
    /// As [`fit`](Self::fit).
    pub(crate) fn left_out(
        (x, dim): (&[f64], usize),
        y: &Mat<f64>,
        (kernel, ridge): (Kernel, f64),
    ) -> Result<Mat<f64>, Error> {
        let rows = y.nrows();
        let of_x = Rows::new(x, dim);
        let among = kernel.between(&of_x, &of_x);
        let inverse = solved(among, ridge, &Mat::identity(rows, rows))?;
        let mut coefficients = Mat::zeros(rows, y.ncols());
        add_product(&mut coefficients, &inverse, y);
        Ok(Mat::from_fn(rows, y.ncols(), |i, j| {
            y[(i, j)] - coefficients[(i, j)] / inverse[(i, i)]
        }))
    }

    /// Predictions for rows of features.
    pub(crate) fn predict(&self, x: &[f64]) -> Mat<f64> {
        let rows = x.len() / self.dim;
        let landmarks = Rows::new(&self.landmarks, self.dim);
        let parts: Vec<Mat<f64>> = x
            .par_chunks(PREDICTED * self.dim)
            .map(|x| {
                let x = Rows::new(x, self.dim);
                self.kernel.between_few(&x, &landmarks)
            })
            .map(|likeness| {
                let mut out = Mat::zeros(likeness.nrows(), self.coefficients.ncols());
                let coefficients = &self.coefficients;
                matmul(
                    &mut out,
                    Accum::Replace,
                    &likeness,
                    coefficients,
                    1.0,
                    Par::Seq,
                );
                out
            })
            .collect();
        Mat::from_fn(rows, self.coefficients.ncols(), |i, j| {
            parts[i / PREDICTED][(i % PREDICTED, j)]
        })
    }

    /// Rows x landmarks.
    fn likeness(&self, x: &[f64]) -> Mat<f64> {
        let landmarks = Rows::new(&self.landmarks, self.dim);
        self.kernel.between(&Rows::new(x, self.dim), &landmarks)
    }
}

/// The solution of `(K + ridge I) a = Y`.
fn solved(mut kernel: Mat<f64>, ridge: f64, y: &Mat<f64>) -> Result<Mat<f64>, Error> {
    for i in 0..kernel.nrows() {
        kernel[(i, i)] += ridge;
    }
    let factor = kernel.llt(Side::Lower).map_err(|_| Error::NoConvergence)?;
    Ok(factor.solve(y))
}

/// `out += a' b`.
fn add_product(out: &mut Mat<f64>, a: &Mat<f64>, b: &Mat<f64>) {
    add_columns(out, (a, b), |_| 0);
}

/// `out += a' a`, on the diagonal and below it.
fn add_gram(out: &mut Mat<f64>, a: &Mat<f64>) {
    add_columns(out, (a, a), |column| column);
}

/// `out += a' b`, from a row on that depends on the column. Every thread has whole columns, so that the bits do not depend
/// on how many there are.
fn add_columns(
    out: &mut Mat<f64>,
    (a, b): (&Mat<f64>, &Mat<f64>),
    first_row: impl Fn(usize) -> usize + Sync,
) {
    let (rows, columns) = (out.nrows(), out.ncols());
    let parts: Vec<Mat<f64>> = (0..columns.div_ceil(COLUMNS))
        .into_par_iter()
        .map(|part| {
            let start = part * COLUMNS;
            let width = COLUMNS.min(columns - start);
            let first = first_row(start);
            let mut product = Mat::zeros(rows - first, width);
            matmul(
                &mut product,
                Accum::Replace,
                a.subcols(first, rows - first).transpose(),
                b.subcols(start, width),
                1.0,
                Par::Seq,
            );
            product
        })
        .collect();
    for (part, product) in parts.iter().enumerate() {
        let start = part * COLUMNS;
        let first = first_row(start);
        for j in 0..product.ncols() {
            for i in 0..product.nrows() {
                out[(first + i, start + j)] += product[(i, j)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize) -> f64 {
        (n as f64 * 1.7).sin()
    }

    /// Gaussian elimination of `(K + ridge I) a = y` on the full kernel.
    fn reference(x: &[f64], dim: usize, y: &[f64], (gamma, ridge): (f64, f64)) -> Vec<f64> {
        let n = y.len();
        let k = |i: usize, j: usize| {
            let pairs = (0..dim).map(|d| x[i * dim + d] - x[j * dim + d]);
            (-gamma * pairs.map(|d| d * d).sum::<f64>()).exp()
        };
        let mut system: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let mut row: Vec<f64> = (0..n)
                    .map(|j| k(i, j) + f64::from(u8::from(i == j)) * ridge)
                    .collect();
                row.push(y[i]);
                row
            })
            .collect();
        for pivot in 0..n {
            let (above, below) = system.split_at_mut(pivot + 1);
            let top = &above[pivot][pivot..];
            for row in below {
                let factor = row[pivot] / top[0];
                let pairs = row[pivot..].iter_mut().zip(top);
                pairs.for_each(|(x, top)| *x -= factor * top);
            }
        }
        let mut a = vec![0.0; n];
        for i in (0..n).rev() {
            let rest: f64 = (i + 1..n).map(|j| system[i][j] * a[j]).sum();
            a[i] = (system[i][n] - rest) / system[i][i];
        }
        (0..n)
            .map(|i| (0..n).map(|j| k(i, j) * a[j]).sum())
            .collect()
    }

    #[test]
    fn with_every_row_a_landmark_it_is_kernel_ridge_regression() {
        let (rows, dim) = (60, 3);
        let x: Vec<f64> = (0..rows * dim).map(wave).collect();
        let y = Mat::from_fn(rows, 2, |i, j| wave(1_000 + i * 5 + j));
        let fitted = KernelRidge::fit((&x, dim), &y, (Kernel::gaussian(0.3), 0.5), rows).unwrap();
        let found = fitted.predict(&x);
        for target in 0..2 {
            let column: Vec<f64> = (0..rows).map(|i| y[(i, target)]).collect();
            let expected = reference(&x, dim, &column, (0.3, 0.5));
            for (i, expected) in expected.iter().enumerate() {
                // Either way solves a system whose condition is below (rows + r) / r = 121, from numbers below sqrt(rows):
                // 121 * 60 eps * 8 < 2e-11.
                let tolerance = 2e-11;
                assert!((found[(i, target)] - expected).abs() < tolerance);
            }
        }
    }

    #[test]
    fn with_nearly_every_row_a_landmark_it_is_nearly_that() {
        let (rows, dim) = (60, 3);
        let x: Vec<f64> = (0..rows * dim).map(wave).collect();
        let y = Mat::from_fn(rows, 1, |i, _| wave(1_000 + i * 5));
        let column: Vec<f64> = (0..rows).map(|i| y[(i, 0)]).collect();
        // The last row stands where another one does, so that nothing is lost with it.
        let mut twice = x.clone();
        twice.extend_from_slice(&x[..dim]);
        let both = Mat::from_fn(rows + 1, 1, |i, _| column[i % rows]);
        let fitted =
            KernelRidge::fit((&twice, dim), &both, (Kernel::gaussian(0.3), 0.5), rows).unwrap();
        let all: Vec<f64> = (0..=rows).map(|i| both[(i, 0)]).collect();
        let expected = reference(&twice, dim, &all, (0.3, 0.5));
        let found = fitted.predict(&twice);
        for (i, expected) in expected.iter().enumerate() {
            // In the kernel's eigenbasis the reference predicts k / (k + r) and the diagonal e = 1e-6 makes that
            // k^2 / (k^2 + r k + r e): less by r e k / ((k^2 + r k + r e) (k + r)) < e / r, times |y| < sqrt(rows).
            // Rounding, at eps times the system's condition below rows^2 / (r e), is a tenth of that.
            let tolerance = 1.1 * (rows as f64 + 1.0).sqrt() * 1e-6 / 0.5;
            assert!((found[(i, 0)] - expected).abs() < tolerance);
        }
    }

    #[test]
    fn what_is_left_out_is_predicted_as_if_it_had_been() {
        let (rows, dim) = (30, 2);
        let x: Vec<f64> = (0..rows * dim).map(wave).collect();
        let y = Mat::from_fn(rows, 2, |i, j| wave(500 + i * 3 + j));
        let found = KernelRidge::left_out((&x, dim), &y, (Kernel::gaussian(0.4), 0.2)).unwrap();
        for out in 0..rows {
            let others: Vec<usize> = (0..rows).filter(|&row| row != out).collect();
            let row = |row: usize| &x[row * dim..(row + 1) * dim];
            let rest: Vec<f64> = others.iter().flat_map(|&i| row(i)).copied().collect();
            let targets = Mat::from_fn(rows - 1, 2, |i, j| y[(others[i], j)]);
            let fitted =
                KernelRidge::fit((&rest, dim), &targets, (Kernel::gaussian(0.4), 0.2), rows)
                    .unwrap();
            let expected = fitted.predict(row(out));
            for target in 0..2 {
                // Two solves at a condition below (30 + 0.2) / 0.2 = 151, of numbers below 1 / 0.2: 151 * 60 eps * 5.
                let difference = found[(out, target)] - expected[(0, target)];
                assert!(difference.abs() < 1.1e-11, "{difference}");
            }
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_threads() {
        let (rows, dim) = (5_000, 2);
        let x: Vec<f64> = (0..rows * dim).map(wave).collect();
        let y = Mat::from_fn(rows, 70, |i, j| wave(i * 7 + j));
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let fitted =
                    KernelRidge::fit((&x, dim), &y, (Kernel::gaussian(0.2), 1.0), 40).unwrap();
                fitted.predict(&x)
            })
        };
        assert_eq!(with(1), with(2));
    }
}
