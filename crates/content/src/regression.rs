use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::describe::is_constant;
use crate::pca::{eigen, sum_blocks};
use crate::scale::mean_std;
use crate::{Error, Points};

/// What a number is like as a sum of others, by ordinary least squares with an intercept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// How many rows it was learned from.
    pub rows: usize,
    /// The share of the target's variance that it explains.
    pub r2: f64,
    /// The same, less what as many columns of noise would explain.
    pub adjusted_r2: f64,
    /// The target where every column is at its mean.
    pub intercept: f64,
    /// The standard deviation of what is left, with `rows - columns - 1` degrees of freedom.
    pub residual_std: f64,
    /// One for each column.
    pub coefficients: Vec<Coefficient>,
}

/// What one column does, the others held fixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// How much the target rises with one standard deviation of the column.
    pub per_std: f64,
    /// Its standard error, residuals being taken as independent and equally large.
    pub std_error: f64,
    /// Lower end of its 95 % interval (Student's t).
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// `per_std` in standard deviations of the target.
    pub beta: f64,
}

impl Regression {
    /// Explains `target`, one number for each row.
    ///
    /// Columns and target are brought to mean 0 and the columns to standard deviation 1; the normal equations of the
    /// columns' correlations are solved through their eigenvectors. Columns that follow from others share what they have in
    /// common (the solution of least norm), and a constant column has coefficient 0.
    ///
    /// # Errors
    ///
    /// If there are not more rows than columns and intercept, or the eigenvalues do not converge.
    ///
    /// # Panics
    ///
    /// If there is not a target for each row.
    pub fn fit(points: &Points, target: &[f64]) -> Result<Self, Error> {
        let (rows, dim) = (points.len(), points.dim());
        assert_eq!(target.len(), rows, "a target for each row");
        if rows <= dim + 1 {
            return Err(Error::TooFewRows {
                rows,
                needed: dim + 2,
            });
        }
        let scales: Vec<(f64, f64)> = (0..dim).map(|column| scale(points, column)).collect();
        let (mean, std) = mean_std(target);
        // A standardised row with the centred target behind it.
        let write = |row: usize, out: &mut [f64]| {
            for ((out, x), (mean, std)) in out.iter_mut().zip(points.row(row)).zip(&scales) {
                *out = if *std > 0.0 { (x - mean) / std } else { 0.0 };
            }
            out[dim] = target[row] - mean;
            true
        };
        let width = dim + 1;
        let products = sum_blocks(
            rows,
            width,
            width * width,
            |row, sums| {
                for (x, sums) in row.iter().zip(sums.chunks_exact_mut(width)) {
                    sums.iter_mut()
                        .zip(&*row)
                        .for_each(|(sum, y)| *sum += x * y);
                }
            },
            &write,
        );
        let product = |i: usize, j: usize| products.sums[i * width + j];
        let inverse = pseudo_inverse(&Mat::from_fn(dim, dim, &product))?;
        let solution: Vec<f64> = (0..dim)
            .map(|i| {
                (0..dim)
                    .map(|j| inverse.matrix[(i, j)] * product(j, dim))
                    .sum()
            })
            .collect();
        let residuals = sum_blocks(
            rows,
            width,
            1,
            |row, sum| {
                let explained: f64 = row.iter().zip(&solution).map(|(x, b)| x * b).sum();
                sum[0] += (row[dim] - explained).powi(2);
            },
            &write,
        );
        let (left, total) = (residuals.sums[0], product(dim, dim));
        let freedom = (rows - inverse.rank - 1) as f64;
        let variance = left / freedom;
        let width = student_quantile(freedom);
        let coefficient = |column: usize| {
            let per_std = solution[column];
            let std_error = (variance * inverse.matrix[(column, column)].max(0.0)).sqrt();
            Coefficient {
                per_std,
                std_error,
                low: per_std - width * std_error,
                high: per_std + width * std_error,
                beta: if std > 0.0 { per_std / std } else { 0.0 },
            }
        };
        let unexplained = if total > 0.0 { left / total } else { 1.0 };
        Ok(Self {
            rows,
            r2: 1.0 - unexplained,
            adjusted_r2: 1.0 - unexplained * (rows - 1) as f64 / freedom,
            intercept: mean,
            residual_std: variance.sqrt(),
            coefficients: (0..dim).map(coefficient).collect(),
        })
    }
}

/// Mean and standard deviation of a column; 0 for the latter if it is constant.
fn scale(points: &Points, column: usize) -> (f64, f64) {
    let values: Vec<f64> = points.rows().map(|row| row[column]).collect();
    match is_constant(&values) {
        true => (values[0], 0.0),
        false => mean_std(&values),
    }
}

struct Inverse {
    matrix: Mat<f64>,
    rank: usize,
}

/// The Moore-Penrose inverse of a symmetric matrix without negative eigenvalues.
fn pseudo_inverse(matrix: &Mat<f64>) -> Result<Inverse, Error> {
    let dim = matrix.nrows();
    let (values, vectors) = eigen(matrix)?;
    let largest = values.iter().copied().fold(0.0, f64::max);
    // What a dependence leaves of an eigenvalue is rounding, some dim * eps * the largest; the sums over rows add to it.
    let floor = 1e-10 * largest;
    let kept: Vec<usize> = (0..dim).filter(|&k| values[k] > floor).collect();
    let entry = |i, j| {
        kept.iter()
            .map(|&k| vectors[(i, k)] * vectors[(j, k)] / values[k])
            .sum()
    };
    Ok(Inverse {
        matrix: Mat::from_fn(dim, dim, entry),
        rank: kept.len(),
    })
}

/// What Student's t stays below with a chance of 97.5 %: Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5),
/// good to 1e-3 from 6 degrees of freedom on and to 1e-6 from 30 on.
fn student_quantile(freedom: f64) -> f64 {
    let z = 1.959_963_984_540_054_f64;
    let terms = [
        (z.powi(3) + z) / 4.0,
        (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
        (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5)
            - 1920.0 * z.powi(3)
            - 945.0 * z)
            / 92_160.0,
    ];
    let series = terms.iter().rev();
    z + series.fold(0.0, |sum, term| (sum + term) / freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found() {
        let points = Points::new(1, (0..10).map(f64::from).collect());
        let target: Vec<f64> = (0..10).map(|x| 3.0 - 2.0 * f64::from(x)).collect();
        let found = Regression::fit(&points, &target).unwrap();
        let std = (99.0_f64 / 12.0).sqrt();
        assert!((found.coefficients[0].per_std + 2.0 * std).abs() < 1e-13);
        assert!((found.coefficients[0].beta + 1.0).abs() < 1e-14);
        assert!((found.intercept + 6.0).abs() < 1e-13);
        assert!((found.r2 - 1.0).abs() < 1e-14);
    }

    #[test]
    fn columns_that_say_the_same_share_it_and_a_constant_says_nothing() {
        let noise = [0.3, -0.1, 0.2, 0.4, -0.6, 0.1, -0.2, 0.5];
        let rows = (0..8).flat_map(|x| [f64::from(x), 7.0 - f64::from(x), 5.0]);
        let target: Vec<f64> = (0..8).map(|x| f64::from(x) + noise[x as usize]).collect();
        let found = Regression::fit(&Points::new(3, rows.collect()), &target).unwrap();
        let [a, b, c] = [0, 1, 2].map(|column| found.coefficients[column].per_std);
        assert!((a + b).abs() < 1e-12 && a > 0.5 && c == 0.0, "{a} {b} {c}");
        let alone: Vec<f64> = (0..8).map(f64::from).collect();
        let alone = Regression::fit(&Points::new(1, alone), &target).unwrap();
        assert!((found.r2 - alone.r2).abs() < 1e-12);
        assert!((found.residual_std - alone.residual_std).abs() < 1e-12);
    }

    #[test]
    fn as_many_columns_as_rows_explain_nothing() {
        let points = Points::new(2, vec![1.0, 2.0, 3.0, 5.0, 8.0, 1.0]);
        assert_eq!(
            Regression::fit(&points, &[1.0, 2.0, 3.0]),
            Err(Error::TooFewRows { rows: 3, needed: 4 })
        );
    }

    #[test]
    fn quantiles_agree_with_scipy() {
        // scipy.stats.t.ppf(0.975, df)
        for (freedom, expected, tolerance) in [
            (6.0, 2.446_911_851_144_969, 1e-3),
            (30.0, 2.042_272_456_301_237_8, 1e-6),
            (1e5, 1.959_987_707_534_661_4, 1e-12),
        ] {
            let found = student_quantile(freedom);
            assert!((found - expected).abs() < tolerance, "{freedom}: {found}");
        }
    }
}
