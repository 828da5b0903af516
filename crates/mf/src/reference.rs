//! The same mathematics in double precision, slow and obviously right: what the fast code is tested against.
//!
//! Vectors are plain `Vec<f64>`s; every sum runs over what the formula of [`Config`] says it runs over.

use crossfade_matrix::Csr;

use crate::Config;

/// The normal equations `A x = b` of a row, for `entries` of (row of `fixed`, confidence).
pub fn normal_equations(
    entries: &[(usize, f64)],
    fixed: &[Vec<f64>],
    prior: &[f64],
    config: &Config,
) -> (Vec<Vec<f64>>, Vec<f64>) {
    let dim = config.dim;
    let pull = config.pull(entries.len(), fixed.len());
    let mut a = vec![vec![0.0; dim]; dim];
    let mut b: Vec<f64> = prior.iter().map(|p| pull * p).collect();
    for i in 0..dim {
        for j in 0..dim {
            let unobserved: f64 = fixed.iter().map(|y| y[i] * y[j]).sum();
            let observed: f64 = entries
                .iter()
                .map(|&(n, c)| c * fixed[n][i] * fixed[n][j])
                .sum();
            a[i][j] = config.alpha0 * unobserved + observed;
        }
        a[i][i] += pull;
        b[i] += entries.iter().map(|&(n, c)| c * fixed[n][i]).sum::<f64>();
    }
    (a, b)
}

/// Solves `A x = b` for a symmetric positive definite A by Gaussian elimination.
pub fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let dim = b.len();
    for k in 0..dim {
        let pivot = a[k].clone();
        for i in k + 1..dim {
            let factor = a[i][k] / pivot[k];
            for (entry, pivot) in a[i].iter_mut().zip(&pivot) {
                *entry -= factor * pivot;
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..dim).rev() {
        let known: f64 = (k + 1..dim).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}

/// A user's entries as (item, confidence).
pub fn entries(plays: &Csr, user: usize, config: &Config) -> Vec<(usize, f64)> {
    let confidence = &config.confidence;
    let counts = plays.column_counts();
    let held_back = |item: usize| f64::from(counts[item]).powf(-confidence.popularity_exponent);
    let mean: f64 = plays
        .indices()
        .iter()
        .map(|&item| held_back(item as usize) / plays.nnz() as f64)
        .sum();
    let entries = plays.row(user).iter();
    entries
        .map(|(item, strength)| {
            let item = item as usize;
            let strength = f64::from(confidence.of(strength));
            (item, strength * held_back(item) / mean)
        })
        .collect()
}

/// The objective, over all pairs.
pub fn loss(plays: &Csr, users: &[Vec<f64>], items: &[Vec<f64>], config: &Config) -> f64 {
    let mut loss = 0.0;
    for (u, user) in users.iter().enumerate() {
        for item in items {
            loss += config.alpha0 * dot(user, item).powi(2);
        }
        let entries = entries(plays, u, config);
        for &(i, c) in &entries {
            loss += c * (1.0 - dot(user, &items[i])).powi(2);
        }
        loss += config.pull(entries.len(), items.len()) * dot(user, user);
    }
    let counts = plays.column_counts();
    for (item, &count) in items.iter().zip(&counts) {
        loss += config.pull(count as usize, users.len()) * dot(item, item);
    }
    loss
}

/// The inner product.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
