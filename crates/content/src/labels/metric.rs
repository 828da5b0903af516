use faer::Mat;

use crate::pca::eigen;
use crate::{Error, Points};

/// A linear change of coordinates by which likeness is judged. Distances come out in one unit whatever the number of columns:
/// the mean square distance of the rows from their mean is 1.
#[derive(Debug)]
pub(super) struct Metric {
    /// Columns x columns.
    map: Mat<f64>,
}

impl Metric {
    /// Coordinates as they are.
    pub(super) fn plain(points: &Points) -> Self {
        let dim = points.dim();
        Self::scaled(
            Mat::identity(dim, dim),
            &scatter(points, &vec![0; points.len()], 1),
        )
    }

    /// Coordinates in which the rows of a class scatter more evenly: with `S = V diag(e) V'` the covariance within classes,
    /// `(1 - shrinkage) S + shrinkage mean(e) I` in its place, rows become `x V diag(e)^(-whitening / 2)`. At 1 that is the
    /// metric of linear discriminant analysis; less of it keeps noise from being blown up.
    ///
    /// # Errors
    ///
    /// If the eigenvalues do not converge.
    pub(super) fn within(
        points: &Points,
        (classes, count): (&[u32], usize),
        (whitening, shrinkage): (f64, f64),
    ) -> Result<Self, Error> {
        let within = scatter(points, classes, count);
        let dim = points.dim();
        let mean = (0..dim).map(|i| within[(i, i)]).sum::<f64>() / dim as f64;
        if mean <= 0.0 {
            return Ok(Self::plain(points));
        }
        let shrunk = Mat::from_fn(dim, dim, |i, j| {
            let identity = if i == j { shrinkage * mean } else { 0.0 };
            (1.0 - shrinkage) * within[(i, j)] + identity
        });
        let (values, vectors) = eigen(&shrunk)?;
        let map = Mat::from_fn(dim, dim, |i, j| {
            vectors[(i, j)] * values[j].powf(-whitening / 2.0)
        });
        let all = scatter(points, &vec![0; points.len()], 1);
        Ok(Self::scaled(map, &all))
    }

    /// The rows in these coordinates.
    pub(super) fn apply(&self, points: &Points) -> Points {
        let dim = points.dim();
        let mut out = Vec::with_capacity(points.len() * dim);
        for row in points.rows() {
            let value = |j| {
                row.iter()
                    .enumerate()
                    .map(|(i, x)| x * self.map[(i, j)])
                    .sum::<f64>()
            };
            out.extend((0..dim).map(value));
        }
        Points::new(dim, out)
    }

    /// Brings the total variance of rows with that covariance to 1.
    fn scaled(map: Mat<f64>, covariance: &Mat<f64>) -> Self {
        let after = map.transpose() * covariance * &map;
        let total: f64 = (0..after.nrows()).map(|i| after[(i, i)]).sum();
        let factor = if total > 0.0 {
            total.sqrt().recip()
        } else {
            1.0
        };
        let map = Mat::from_fn(map.nrows(), map.ncols(), |i, j| factor * map[(i, j)]);
        Self { map }
    }
}

/// The covariance of the rows around the means of their classes.
fn scatter(points: &Points, classes: &[u32], count: usize) -> Mat<f64> {
    let means = points.means(classes, count);
    let dim = points.dim();
    let centred = Mat::from_fn(points.len(), dim, |row, column| {
        points.row(row)[column] - means.row(classes[row] as usize)[column]
    });
    let products = centred.transpose() * &centred;
    let rows = points.len().max(1) as f64;
    Mat::from_fn(dim, dim, |i, j| products[(i, j)] / rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes that differ along the second column, and scatter a hundred times as far along the first.
    fn rows() -> (Points, Vec<u32>) {
        let rows = (0..40).flat_map(|row| {
            let class = f64::from(row % 2);
            let wave = |step: f64| (f64::from(row) * step).sin();
            [100.0 * wave(1.3), wave(2.9) + 4.0 * class]
        });
        (
            Points::new(2, rows.collect()),
            (0..40).map(|row| row % 2).collect(),
        )
    }

    fn total_variance(points: &Points) -> f64 {
        let all = scatter(points, &vec![0; points.len()], 1);
        (0..points.dim()).map(|i| all[(i, i)]).sum()
    }

    #[test]
    fn distances_are_in_one_unit() {
        let (points, classes) = rows();
        let metrics = [
            Metric::plain(&points),
            Metric::within(&points, (&classes, 2), (0.5, 0.1)).unwrap(),
        ];
        for metric in metrics {
            // Sums of 40 squares of numbers below 100, in another order.
            assert!((total_variance(&metric.apply(&points)) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn fully_whitened_classes_scatter_alike_in_all_directions() {
        let (points, classes) = rows();
        let metric = Metric::within(&points, (&classes, 2), (1.0, 1e-9)).unwrap();
        let within = scatter(&metric.apply(&points), &classes, 2);
        // The shrinkage of 1e-9 adds as much of the mean, 5,000 / 2, to the least scatter, about .5: 5e-6 of it.
        assert!((within[(0, 0)] / within[(1, 1)] - 1.0).abs() < 1e-5);
        assert!((within[(0, 1)] / within[(0, 0)]).abs() < 1e-9);
    }

    #[test]
    fn rows_that_do_not_differ_within_classes_stay_finite() {
        let points = Points::new(1, vec![0.0, 1.0, 0.0, 1.0]);
        let metric = Metric::within(&points, (&[0, 1, 0, 1], 2), (1.0, 0.1)).unwrap();
        assert!(
            metric
                .apply(&points)
                .as_slice()
                .iter()
                .all(|x| x.is_finite())
        );
        let equal = Points::new(1, vec![2.0; 3]);
        let metric = Metric::plain(&equal);
        assert_eq!(metric.apply(&equal).as_slice(), [2.0; 3]);
    }
}
