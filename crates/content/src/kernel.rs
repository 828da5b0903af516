use faer::Mat;
use rayon::prelude::*;

/// Sums kept side by side, so that no addition waits for the one before.
const LANES: usize = 4;

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

    /// How alike each row of `a` is to each of `b`, rows of `dim` numbers.
    pub(crate) fn between(&self, a: &[f64], b: &[f64], dim: usize) -> Mat<f64> {
        let squares: Vec<f64> = match self.directions > 0.0 {
            true => a.chunks_exact(dim).map(square).collect(),
            false => Vec::new(),
        };
        let column = |b: &[f64]| -> Vec<f64> {
            let rows = a.chunks_exact(dim);
            let mut column: Vec<f64> = rows.map(|a| squared_distance(a, b)).collect();
            match squares.is_empty() {
                true => column.iter_mut().for_each(|x| *x = self.near(*x)),
                false => {
                    let of_b = square(b);
                    let pairs = column.iter_mut().zip(&squares);
                    pairs.for_each(|(x, &of_a)| *x = self.mixed(*x, (of_a, of_b)));
                }
            }
            column
        };
        let columns: Vec<Vec<f64>> = b.par_chunks_exact(dim).map(column).collect();
        Mat::from_fn(a.len() / dim, columns.len(), |i, j| columns[j][i])
    }

    fn near(&self, squared_distance: f64) -> f64 {
        (-self.gamma * squared_distance).exp()
    }

    /// Both parts, by the squared distance of two rows and their squared lengths.
    fn mixed(&self, squared: f64, (of_a, of_b): (f64, f64)) -> f64 {
        let between_directions = match (of_a > 0.0, of_b > 0.0) {
            // 2 - 2 cos, where |a - b|^2 = |a|^2 + |b|^2 - 2 |a| |b| cos.
            (true, true) => (2.0 - (of_a + of_b - squared) / (of_a * of_b).sqrt()).max(0.0),
            (false, false) => 0.0,
            _ => 1.0,
        };
        (1.0 - self.directions) * self.near(squared)
            + self.directions * self.near(between_directions)
    }
}

fn square(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let ((a, last_of_a), (b, last_of_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]).powi(2);
        }
    }
    let last = last_of_a.iter().zip(last_of_b);
    sums.iter().sum::<f64>() + last.map(|(a, b)| (a - b).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(row: &[f64]) -> Vec<f64> {
        let length = square(row).sqrt();
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
        let found = kernel.between(&rows, &rows, dim);
        let near = |a: &[f64], b: &[f64]| {
            let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
            (-0.3 * squared).exp()
        };
        for (i, a) in rows.chunks_exact(dim).enumerate() {
            for (j, b) in rows.chunks_exact(dim).enumerate() {
                let expected = 0.6 * near(a, b) + 0.4 * near(&unit(a), &unit(b));
                // A cosine by lengths and distance: a few eps, times (|a|^2 + |b|^2) / (|a| |b|), below 20 here.
                let difference = found[(i, j)] - expected;
                assert!(
                    difference.abs() < 20.0 * 20.0 * f64::EPSILON,
                    "{difference}"
                );
            }
        }
    }

    #[test]
    fn without_directions_it_is_the_gaussian_kernel() {
        let (a, b) = ([1.0, 2.0, -0.5], [0.5, 2.0, 0.5]);
        let found = Kernel::gaussian(0.8).between(&a, &b, 3);
        assert_eq!(found[(0, 0)], (-0.8_f64 * 1.25).exp());
    }
}
