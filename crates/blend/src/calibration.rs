use crossfade_matrix::Dense;
use rayon::prelude::*;

/// How many rows a moment is taken over at most; more change it by less than users differ.
const SAMPLE: usize = 16_384;

/// Sums kept side by side, so that no addition waits for the one before.
const LANES: usize = 8;

/// The uncentred second moment `M = (1/n) sum_i v_i v_i'` of the nonzero rows of a matrix, with which the root mean square
/// of any listener's scores over the catalogue, `sqrt(q' M q)`, costs `dim^2 / 2` instead of one product per track.
#[derive(Debug)]
pub(crate) struct SecondMoment {
    /// The upper triangle, row by row; what is right of the diagonal counts twice, for both sides.
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
        let mut values = vec![0.0; dim * (dim + 1) / 2];
        let mut count = 0_usize;
        for &row in rows.iter().step_by(step) {
            let vector: Vec<f64> = vectors.row(row).iter().copied().map(f64::from).collect();
            let mut rest = values.as_mut_slice();
            for at in 0..dim {
                let (line, below) = rest.split_at_mut(dim - at);
                for (sum, &right) in line.iter_mut().zip(&vector[at..]) {
                    *sum += vector[at] * right;
                }
                rest = below;
            }
            count += 1;
        }
        let mut rest = values.as_mut_slice();
        for at in 0..dim {
            let (line, below) = rest.split_at_mut(dim - at);
            for value in line.iter_mut() {
                *value *= 2.0 / count.max(1) as f64;
            }
            line[0] /= 2.0;
            rest = below;
        }
        Self { values }
    }

    /// `sqrt(q' M q)`: the root mean square of the products of `query` with the rows.
    pub(crate) fn root_mean_square(&self, query: &[f32]) -> f64 {
        let query: Vec<f64> = query.iter().copied().map(f64::from).collect();
        let mut rest = self.values.as_slice();
        let mut square = 0.0;
        for (at, &left) in query.iter().enumerate() {
            let (line, below) = rest.split_at(query.len() - at);
            square += left * product(line, &query[at..]);
            rest = below;
        }
        // Rounding may leave a tiny negative number where the truth is zero.
        square.max(0.0).sqrt()
    }
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    let ((a, last_of_a), (b, last_of_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let last = last_of_a.iter().zip(last_of_b).map(|(a, b)| a * b);
    sums.iter().sum::<f64>() + last.sum::<f64>()
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
    fn it_is_that_of_the_scores_whatever_the_length() {
        for dim in [1, 7, 8, 9, 21] {
            let wave = |n: usize| (n as f32 * 0.7 + 0.1).sin();
            let vectors = Dense::new(30, dim, (0..30 * dim).map(wave).collect::<Vec<f32>>());
            let query: Vec<f32> = (0..dim).map(|n| wave(n * n + 3)).collect();
            let score = |row: usize| -> f64 {
                let both = vectors.row(row).iter().zip(&query);
                both.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            let squares: f64 = (0..30).map(|row| score(row).powi(2)).sum();
            let expected = (squares / 30.0).sqrt();
            let found = SecondMoment::of(&vectors, |_| true).root_mean_square(&query);
            // Sums of 30 and of dim^2 numbers of either sign, none of which is above dim.
            let tolerance = 4.0 * (30 + dim * dim) as f64 * f64::EPSILON * dim as f64;
            assert!((found - expected).abs() < tolerance, "{found} {expected}");
        }
    }

    #[test]
    fn nothing_known_scales_to_nothing() {
        let moment = SecondMoment::of(&Dense::zeros(3, 2), |_| true);
        assert_eq!(scale(moment.root_mean_square(&[1.0, 1.0]), 2.0), 0.0);
    }
}
