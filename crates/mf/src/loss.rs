use crossfade_matrix::{Csr, Row};
use rayon::prelude::*;

use crate::{Config, Factors, basis::gramian, item_weights::ItemWeights, row_system::product};

/// Rows that one partial sum covers: fixed, so that the bits do not depend on the number of threads.
const BLOCK: usize = 1024;

/// The objective of [`Config`] at `factors`, in O(entries * dim + (users + items) * dim^2): the sum over all pairs is
/// `sum of (X'X) * (Y'Y)`, entry by entry.
///
/// # Panics
///
/// If the shapes of `plays` and `factors` differ.
pub fn loss(plays: &Csr, factors: &Factors, config: &Config) -> f64 {
    let Factors { users, items } = factors;
    assert_eq!(
        (plays.rows(), plays.columns()),
        (users.rows(), items.rows()),
        "one factor for each row and column"
    );
    let counts = plays.column_counts();
    let weights = ItemWeights::new(&counts, &config.confidence);
    let data = sum_rows(plays.rows(), |user| {
        let Row { indices, values } = plays.row(user);
        let entries = indices.iter().zip(values);
        entries
            .map(|(&item, &strength)| {
                let score = product(users.row(user), items.row(item as usize));
                let confidence = config.confidence.of(strength) * weights.of(item);
                f64::from(confidence) * (1.0 - score).powi(2)
            })
            .sum()
    });
    let of_users = gramian(users.as_slice(), users.columns());
    let of_items = gramian(items.as_slice(), items.columns());
    let unobserved: f64 = (0..of_users.ncols())
        .map(|column| of_users.col(column).transpose() * of_items.col(column))
        .sum();
    data + config.alpha0 * unobserved
        + pull(config, users.as_slice(), plays.columns(), |user| {
            plays.row(user).len()
        })
        + pull(config, items.as_slice(), plays.rows(), |item| {
            counts[item] as usize
        })
}

/// `sum over rows of lambda |x|^2`, for rows with `entries(row)` entries of `opposite` possible ones.
pub(crate) fn pull(
    config: &Config,
    rows: &[f32],
    opposite: usize,
    entries: impl Fn(usize) -> usize + Sync,
) -> f64 {
    sum_rows(rows.len() / config.dim, |row| {
        let vector = &rows[row * config.dim..][..config.dim];
        config.pull(entries(row), opposite) * square(vector)
    })
}

/// `|v|^2` in sixteen single-precision sums: training asks for it after every epoch.
fn square(vector: &[f32]) -> f64 {
    let (lanes, rest) = vector.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for lane in lanes {
        for (sum, v) in sums.iter_mut().zip(lane) {
            *sum += v * v;
        }
    }
    let rest = rest.iter().map(|v| v * v);
    sums.into_iter().chain(rest).map(f64::from).sum()
}

/// The sum of `value(row)` by fixed blocks.
fn sum_rows(rows: usize, value: impl Fn(usize) -> f64 + Sync) -> f64 {
    let blocks: Vec<f64> = (0..rows.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            (block * BLOCK..rows.min((block + 1) * BLOCK))
                .map(&value)
                .sum()
        })
        .collect();
    blocks.into_iter().sum()
}
