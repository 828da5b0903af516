use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use crate::{Error, Points};

/// Keeps columns that follow from others from making the system singular; too little to change a prediction.
const JITTER: f64 = 1e-9;

/// Least squares with an intercept, for several targets at once: what a prediction has to be better than.
#[derive(Debug)]
pub(super) struct Linear {
    /// Columns and intercept x targets.
    coefficients: Mat<f64>,
}

impl Linear {
    /// `y` has a row for each of the points.
    ///
    /// # Errors
    ///
    /// If the system cannot be solved, which finite data do not cause.
    pub(super) fn fit(points: &Points, y: &Mat<f64>) -> Result<Self, Error> {
        let x = extended(points);
        let mut gram = x.transpose() * &x;
        let scale = (0..gram.nrows()).map(|i| gram[(i, i)]).fold(1.0, f64::max);
        for i in 0..gram.nrows() {
            gram[(i, i)] += JITTER * scale;
        }
        let factor = gram.llt(Side::Lower).map_err(|_| Error::NoConvergence)?;
        Ok(Self {
            coefficients: factor.solve(x.transpose() * y),
        })
    }

    /// Predictions for each of the points.
    pub(super) fn predict(&self, points: &Points) -> Mat<f64> {
        extended(points) * &self.coefficients
    }
}

/// The rows with a one behind each.
fn extended(points: &Points) -> Mat<f64> {
    let dim = points.dim();
    Mat::from_fn(points.len(), dim + 1, |row, column| {
        if column == dim {
            1.0
        } else {
            points.row(row)[column]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_found_again_even_where_columns_repeat() {
        let rows = (0..20).map(|i| f64::from(i * 7 % 20));
        let points = Points::new(2, rows.flat_map(|x| [x, x]).collect());
        let y = Mat::from_fn(20, 1, |row, _| 3.0 - 2.0 * points.row(row)[0]);
        let found = Linear::fit(&points, &y).unwrap().predict(&points);
        for row in 0..20 {
            // The jitter is 1e-9 of the largest diagonal, 2,470, on coefficients of which the intercept is worst known,
            // by a condition below 20.
            assert!((found[(row, 0)] - y[(row, 0)]).abs() < 1e-5, "{row}");
        }
    }
}
