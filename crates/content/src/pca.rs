use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Auto, Mat, Par, Spec};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Rows per block of a sum. Blocks are summed in order whatever the number of threads, so that the sum's bits are the
/// same.
const BLOCK: usize = 4_096;

/// Principal components of rows of numbers, in f64.
///
/// The components are the leading eigenvectors of the population covariance. An eigenvector's sign is arbitrary; it is
/// chosen so that the entry of largest magnitude is positive, as scikit-learn does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pca {
    mean: Vec<f64>,
    /// Component after component, each as long as `mean`.
    components: Vec<f64>,
    /// Variance along each component, falling.
    variance: Vec<f64>,
    total_variance: f64,
}

impl Pca {
    /// The at most `components` leading components of the rows that `write` knows of `0..rows`: `write(row, out)`
    /// writes a row of length `dim` and says whether it counts. Components without variance are left out; there is none
    /// at all when no row counts.
    ///
    /// # Errors
    ///
    /// If the eigenvalues do not converge, which finite data do not cause.
    pub fn fit(
        rows: usize,
        dim: usize,
        components: usize,
        write: impl Fn(usize, &mut [f64]) -> bool + Sync,
    ) -> Result<Self, Error> {
        let mut mean = sum_blocks(
            rows,
            dim,
            dim,
            |row, sums| {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += *x);
            },
            &write,
        );
        mean.sums
            .iter_mut()
            .for_each(|sum| *sum /= mean.count.max(1) as f64);
        let (mean, count) = (mean.sums, mean.count.max(1) as f64);
        let products = sum_blocks(
            rows,
            dim,
            dim * dim,
            |row, sums| {
                row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
                // The lower triangle is all that is read.
                for (i, x) in row.iter().enumerate() {
                    let sums = &mut sums[i * dim..=i * dim + i];
                    sums.iter_mut()
                        .zip(&*row)
                        .for_each(|(sum, y)| *sum += x * y);
                }
            },
            &write,
        );
        let covariance = Mat::from_fn(dim, dim, |i, j| {
            products.sums[i.max(j) * dim + i.min(j)] / count
        });
        Self::of_covariance(mean, &covariance, components)
    }

    fn of_covariance(
        mean: Vec<f64>,
        covariance: &Mat<f64>,
        components: usize,
    ) -> Result<Self, Error> {
        let dim = mean.len();
        let (values, vectors) = eigen(covariance)?;
        let total_variance = (0..dim).map(|i| covariance[(i, i)]).sum();
        // Rounding in the sums and the decomposition is of the order of dim * eps * largest eigenvalue.
        let floor = dim as f64 * f64::EPSILON * values.iter().copied().fold(0.0, f64::max);
        let kept = (0..dim)
            .rev()
            .filter(|&k| values[k] > floor)
            .take(components);
        let mut pca = Self {
            mean,
            components: Vec::new(),
            variance: Vec::new(),
            total_variance,
        };
        for k in kept {
            let vector: Vec<f64> = (0..dim).map(|i| vectors[(i, k)]).collect();
            let largest = vector.iter().fold(
                0.0_f64,
                |best, &x| if x.abs() > best.abs() { x } else { best },
            );
            pca.components
                .extend(vector.iter().map(|x| x * largest.signum()));
            pca.variance.push(values[k]);
        }
        Ok(pca)
    }

    /// How many components there are.
    pub fn dim(&self) -> usize {
        self.variance.len()
    }

    /// Each component, falling in variance.
    pub fn components(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.components.chunks_exact(self.mean.len().max(1))
    }

    /// Variance along each component.
    pub fn variance(&self) -> &[f64] {
        &self.variance
    }

    /// The share of the total variance along each component.
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        self.variance
            .iter()
            .map(|v| v / self.total_variance)
            .collect()
    }

    /// Writes the coordinates of `row` along the components to `out`.
    ///
    /// # Panics
    ///
    /// If `out` is not [`dim`](Self::dim) long or the row not as long as those of the fit.
    pub fn project(&self, row: &[f64], out: &mut [f64]) {
        assert_eq!(row.len(), self.mean.len(), "a row of another length");
        assert_eq!(out.len(), self.dim(), "an output of another length");
        for (out, component) in out.iter_mut().zip(self.components()) {
            let centred = row.iter().zip(&self.mean).map(|(x, mean)| x - mean);
            *out = centred.zip(component).map(|(x, c)| x * c).sum();
        }
    }

    /// Whether the parts of a stored value fit together and its rows have length `dim`.
    pub(crate) fn reads(&self, dim: usize) -> bool {
        self.mean.len() == dim && self.components.len() == dim * self.dim()
    }
}

pub(crate) struct Sums {
    pub(crate) sums: Vec<f64>,
    count: usize,
}

/// Adds up `length` numbers over the rows that count, block by block.
pub(crate) fn sum_blocks(
    rows: usize,
    dim: usize,
    length: usize,
    add: impl Fn(&mut [f64], &mut [f64]) + Sync,
    write: &(impl Fn(usize, &mut [f64]) -> bool + Sync),
) -> Sums {
    let block = |block: usize| {
        let mut row = vec![0.0; dim];
        let mut part = Sums {
            sums: vec![0.0; length],
            count: 0,
        };
        for index in block * BLOCK..rows.min((block + 1) * BLOCK) {
            if write(index, &mut row) {
                add(&mut row, &mut part.sums);
                part.count += 1;
            }
        }
        part
    };
    let parts: Vec<Sums> = (0..rows.div_ceil(BLOCK))
        .into_par_iter()
        .map(block)
        .collect();
    let mut total = Sums {
        sums: vec![0.0; length],
        count: 0,
    };
    for part in parts {
        total
            .sums
            .iter_mut()
            .zip(&part.sums)
            .for_each(|(sum, x)| *sum += *x);
        total.count += part.count;
    }
    total
}

/// Eigenvalues, rising, and the eigenvectors as columns. Sequential, so that the bits do not depend on threads.
pub(crate) fn eigen(matrix: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), Error> {
    let dim = matrix.nrows();
    let par = Par::Seq;
    let params = Spec::new(Auto::<f64>::auto());
    let scratch = self_adjoint_evd_scratch::<f64>(dim, ComputeEigenvectors::Yes, par, params);
    let mut values = Diag::<f64>::zeros(dim);
    let mut vectors = Mat::<f64>::zeros(dim, dim);
    self_adjoint_evd(
        matrix.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        par,
        MemStack::new(&mut MemBuffer::new(scratch)),
        params,
    )
    .map_err(|_| Error::NoConvergence)?;
    let values = (0..dim).map(|k| values.column_vector()[k]).collect();
    Ok((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [[f64; 3]; 8] = [
        [2.5, 2.4, 0.5],
        [0.5, 0.75, 1.25],
        [2.25, 3.0, 0.0],
        [1.75, 2.25, -1.5],
        [3.125, 3.0, 0.25],
        [2.25, 2.75, 2.0],
        [2.0, 1.5, -0.75],
        [1.0, 1.125, 1.0],
    ];

    fn fit(rows: &[[f64; 3]], components: usize) -> Pca {
        Pca::fit(rows.len(), 3, components, |row, out| {
            out.copy_from_slice(&rows[row]);
            true
        })
        .unwrap()
    }

    /// An eigenvector moves by the rounding error of the covariance, some dim * eps * its norm (1.3), over the gap to
    /// the next eigenvalue (0.4), in either library: about 5e-15, and a projection by a few times that.
    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 2e-14, "{found} {expected}");
        }
    }

    #[test]
    fn components_agree_with_scikit_learn() {
        // scikit-learn 1.7.2: p = PCA(n_components=2, svd_solver="full").fit(ROWS); p.components_,
        // p.explained_variance_ratio_, p.transform(ROWS)[3].
        let pca = fit(&ROWS, 2);
        let expected = [
            [-0.5718157926347462, -0.5638708164332196, 0.5958828757972754],
            [0.3814307101895196, 0.46033158735766044, 0.8016267479351566],
        ];
        for (found, expected) in pca.components().zip(&expected) {
            assert_close(found, expected);
        }
        assert_close(
            &pca.explained_variance_ratio(),
            &[0.5629320579401522, 0.4073311576698734],
        );
        let mut projected = [0.0; 2];
        pca.project(&ROWS[3], &mut projected);
        assert_close(&projected, &[-1.086720931658466, -1.473069445505127]);
    }

    #[test]
    fn rows_that_do_not_count_change_nothing() {
        let mut rows = ROWS.to_vec();
        rows.insert(3, [9.0; 3]);
        let without = Pca::fit(rows.len(), 3, 3, |row, out| {
            out.copy_from_slice(&rows[row]);
            row != 3
        });
        assert_eq!(without.unwrap(), fit(&ROWS, 3));
    }

    #[test]
    fn only_components_with_variance_are_kept() {
        let line: Vec<[f64; 3]> = (0..50)
            .map(|n| [f64::from(n), 2.0 * f64::from(n), 1.0])
            .collect();
        assert_eq!(fit(&line, 3).dim(), 1);
        assert_eq!(fit(&line[..1], 3).dim(), 0);
        assert_eq!(fit(&[], 3).dim(), 0);
        assert_eq!(Pca::fit(5, 0, 3, |_, _| false).unwrap().dim(), 0);
    }
}
