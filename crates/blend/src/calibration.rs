use crossfade_matrix::Dense;
use rayon::prelude::*;

/// How many rows a moment is taken over at most; more change it by less than users differ.
const SAMPLE: usize = 16_384;

/// The uncentred second moment `M = (1/n) sum_i v_i v_i'` of the nonzero rows of a matrix, with which the root mean square
/// of any listener's scores over the catalogue, `sqrt(q' M q)`, costs `dim^2` instead of one product per track.
#[derive(Debug)]
pub(crate) struct SecondMoment {
    dim: usize,
    /// Row-major `dim x dim`.
    values: Vec<f64>,
}

impl SecondMoment {
    /// Taken over evenly spaced nonzero rows among those that `counts` holds for. All zero when every row is.
    pub(crate) fn of(vectors: &Dense, counts: impl Fn(usize) -> bool + Sync) -> Self {
        let dim = vectors.columns();
        let rows: Vec<usize> = (0..vectors.rows())
            .into_par_iter()
            .filter(|&row| counts(row) && vectors.row(row).iter().any(|&value| value != 0.0))
            .collect();
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let mut values = vec![0.0; dim * dim];
        let mut count = 0_usize;
        for &row in rows.iter().step_by(step) {
            let vector = vectors.row(row);
            for (line, &left) in values.chunks_exact_mut(dim).zip(vector) {
                for (sum, &right) in line.iter_mut().zip(vector) {
                    *sum += f64::from(left) * f64::from(right);
                }
            }
            count += 1;
        }
        for value in &mut values {
            *value /= count.max(1) as f64;
        }
        Self { dim, values }
    }

    /// `sqrt(q' M q)`: the root mean square of the products of `query` with the rows.
    pub(crate) fn root_mean_square(&self, query: &[f32]) -> f64 {
        let square: f64 = self
            .values
            .chunks_exact(self.dim.max(1))
            .zip(query)
            .map(|(line, &left)| {
                let product: f64 = line
                    .iter()
                    .zip(query)
                    .map(|(&moment, &right)| moment * f64::from(right))
                    .sum();
                f64::from(left) * product
            })
            .sum();
        // Rounding may leave a tiny negative number where the truth is zero.
        square.max(0.0).sqrt()
    }
}

/// The factor that brings scores with this root mean square to a scale on which the 100th best is about 1; 0 where all
/// scores are 0.
pub(crate) fn scale(root_mean_square: f64, reach: f64) -> f64 {
    match root_mean_square > 0.0 {
        true => 1.0 / (reach * root_mean_square),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_gives_the_root_mean_square_of_the_scores() {
        let vectors = Dense::new(4, 2, vec![1.0, 2.0, 0.0, 0.0, -3.0, 1.0, 7.0, 8.0]);
        let query = [2.0, 1.0];
        // Scores of the two nonzero rows that count: 4 and -5.
        let expected = ((16.0 + 25.0) / 2.0_f64).sqrt();
        let found = SecondMoment::of(&vectors, |row| row < 3).root_mean_square(&query);
        assert!((found - expected).abs() < 8.0 * f64::EPSILON * expected);
    }

    #[test]
    fn nothing_known_scales_to_nothing() {
        let moment = SecondMoment::of(&Dense::zeros(3, 2), |_| true);
        assert_eq!(scale(moment.root_mean_square(&[1.0, 1.0]), 2.0), 0.0);
    }
}
