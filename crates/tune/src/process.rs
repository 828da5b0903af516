//! Regression by a Gaussian process (Rasmussen and Williams 2006, algorithm 2.1).

/// Distances over which values are alike, in units of the cube, among which each axis gets its own.
const LENGTHS: [f64; 5] = [0.15, 0.3, 0.6, 1.2, 3.0];
/// Variances of the noise, relative to that of the values.
const NOISES: [f64; 3] = [1e-4, 1e-3, 1e-2];
/// How often every axis is looked at.
const ROUNDS: usize = 2;

/// What is believed of a function after some noisy values of it.
#[derive(Debug)]
pub(crate) struct Process {
    points: Vec<Vec<f64>>,
    lengths: Vec<f64>,
    mean: f64,
    deviation: f64,
    lower: Lower,
    /// The inverse of the covariances times the standardised values.
    weights: Vec<f64>,
}

impl Process {
    /// Fits lengths and noise by the likelihood of the values, one axis after the other.
    ///
    /// # Panics
    ///
    /// If there are no points, or not one value for each.
    pub(crate) fn fit(points: Vec<Vec<f64>>, values: &[f64]) -> Self {
        assert!(!points.is_empty(), "a process needs points");
        assert_eq!(points.len(), values.len(), "one value for each point");
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt().max(1e-9);
        let standard: Vec<f64> = values.iter().map(|v| (v - mean) / deviation).collect();

        let mut lengths = vec![LENGTHS[2]; points[0].len()];
        let mut best: Option<Fitted> = None;
        for _ in 0..ROUNDS {
            for axis in 0..lengths.len().max(1) {
                for length in LENGTHS {
                    let mut tried = lengths.clone();
                    if let Some(place) = tried.get_mut(axis) {
                        *place = length;
                    }
                    for noise in NOISES {
                        let fitted = Fitted::new(&points, &standard, (&tried, noise));
                        if best
                            .as_ref()
                            .is_none_or(|best| fitted.likelihood > best.likelihood)
                        {
                            best = Some(fitted);
                        }
                    }
                }
                if let Some(best) = &best {
                    lengths.clone_from(&best.lengths);
                }
            }
        }
        let best = best.expect("at least one combination was tried");
        Self {
            points,
            lengths: best.lengths,
            mean,
            deviation,
            lower: best.lower,
            weights: best.weights,
        }
    }

    /// The expected value at a point and its standard deviation.
    pub(crate) fn predict(&self, at: &[f64]) -> (f64, f64) {
        let covariances: Vec<f64> = self
            .points
            .iter()
            .map(|point| covariance(point, at, &self.lengths))
            .collect();
        let mean: f64 = covariances
            .iter()
            .zip(&self.weights)
            .map(|(k, w)| k * w)
            .sum();
        let explained: f64 = self.lower.solve(&covariances).iter().map(|v| v * v).sum();
        let deviation = (1.0 - explained).max(0.0).sqrt();
        (
            self.mean + self.deviation * mean,
            self.deviation * deviation,
        )
    }
}

struct Fitted {
    lengths: Vec<f64>,
    lower: Lower,
    weights: Vec<f64>,
    /// Logarithm of the values' density, up to a constant.
    likelihood: f64,
}

impl Fitted {
    fn new(points: &[Vec<f64>], values: &[f64], (lengths, noise): (&[f64], f64)) -> Self {
        let entry = |row: usize, column: usize| {
            let own = if row == column { noise } else { 0.0 };
            covariance(&points[row], &points[column], lengths) + own
        };
        let lower = Lower::of(points.len(), entry);
        let half = lower.solve(values);
        let fit: f64 = half.iter().map(|v| v * v).sum();
        let likelihood = -0.5 * fit - lower.log_diagonal();
        Self {
            weights: lower.solve_transposed(&half),
            lengths: lengths.to_vec(),
            lower,
            likelihood,
        }
    }
}

/// Matérn covariance of smoothness 5/2 and variance 1.
fn covariance(a: &[f64], b: &[f64], lengths: &[f64]) -> f64 {
    let square: f64 = a
        .iter()
        .zip(b)
        .zip(lengths)
        .map(|((a, b), length)| ((a - b) / length).powi(2))
        .sum();
    let distance = (5.0 * square).sqrt();
    (1.0 + distance + distance * distance / 3.0) * (-distance).exp()
}

/// A Cholesky factor, by rows.
#[derive(Debug)]
struct Lower {
    rows: Vec<Vec<f64>>,
}

impl Lower {
    fn of(size: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
        for row in 0..size {
            let mut new: Vec<f64> = Vec::with_capacity(row + 1);
            for column in 0..=row {
                let other = rows.get(column).unwrap_or(&new);
                let done: f64 = new.iter().zip(other).map(|(a, b)| a * b).sum();
                let rest = entry(row, column) - done;
                new.push(match column == row {
                    // The noise on the diagonal keeps this above zero; rounding must not make it less.
                    true => rest.max(1e-12).sqrt(),
                    false => rest / other[column],
                });
            }
            rows.push(new);
        }
        Self { rows }
    }

    fn solve(&self, values: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(values.len());
        for (row, value) in self.rows.iter().zip(values) {
            let done: f64 = row.iter().zip(&solved).map(|(a, b)| a * b).sum();
            solved.push((value - done) / row[row.len() - 1]);
        }
        solved
    }

    fn solve_transposed(&self, values: &[f64]) -> Vec<f64> {
        let mut solved = values.to_vec();
        for (at, row) in self.rows.iter().enumerate().rev() {
            solved[at] /= row[at];
            for (column, factor) in row[..at].iter().enumerate() {
                solved[column] -= factor * solved[at];
            }
        }
        solved
    }

    fn log_diagonal(&self) -> f64 {
        self.rows
            .iter()
            .enumerate()
            .map(|(at, row)| row[at].ln())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_goes_through_its_points_and_is_unsure_between_them() {
        let points: Vec<Vec<f64>> = (0..6).map(|n| vec![f64::from(n) / 5.0]).collect();
        let values: Vec<f64> = points.iter().map(|at| (4.0 * at[0]).sin()).collect();
        let process = Process::fit(points.clone(), &values);
        for (point, value) in points.iter().zip(&values) {
            let (mean, deviation) = process.predict(point);
            assert!(
                (mean - value).abs() < 0.05,
                "{mean} at {point:?} is not {value}"
            );
            assert!(deviation < 0.1);
        }
        let (between, _) = process.predict(&[0.5]);
        assert!((between - 2_f64.sin()).abs() < 0.1, "{between}");
        let far = process.predict(&[9.0]).1;
        assert!(far > 10.0 * process.predict(&[0.4]).1, "{far}");
    }

    #[test]
    fn an_axis_without_effect_gets_a_great_length() {
        let points: Vec<Vec<f64>> = (0..25)
            .map(|n| vec![f64::from(n % 5) / 4.0, f64::from(n / 5) / 4.0])
            .collect();
        let values: Vec<f64> = points.iter().map(|at| (5.0 * at[0]).sin()).collect();
        let process = Process::fit(points, &values);
        assert!(
            process.lengths[1] > 3.0 * process.lengths[0],
            "{:?}",
            process.lengths
        );
    }

    #[test]
    fn equal_values_and_repeated_points_are_no_problem() {
        let process = Process::fit(vec![vec![0.5]; 4], &[2.0; 4]);
        let (mean, deviation) = process.predict(&[0.5]);
        assert!((mean - 2.0).abs() < 1e-6 && deviation.is_finite());
    }
}
