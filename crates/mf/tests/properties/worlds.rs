//! Configurations, plays and factors to try promises on, and how exact single precision can be.

use std::ops::ControlFlow;

use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{Confidence, Config, Factors, Solver, fit, reference};
use proptest::prelude::*;

/// The unit roundoff of single precision.
pub(crate) const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

pub(crate) fn config(dim: usize) -> Config {
    Config {
        dim,
        epochs: 4,
        alpha0: 0.1,
        regularization: 0.02,
        confidence: plain(),
        ..Config::default()
    }
}

/// Every entry weighs 1: what can be computed for a part of the matrix alone.
pub(crate) fn plain() -> Confidence {
    Confidence {
        popularity_exponent: 0.0,
        ..Confidence::default()
    }
}

/// One configuration for each way to solve.
pub(crate) fn every_solver(config: Config) -> impl Iterator<Item = Config> {
    let solvers = [Solver::Exact, Solver::ConjugateGradients, Solver::Subspace];
    solvers.into_iter().map(move |solver| Config {
        solver,
        subspace_block: 5,
        ..config.clone()
    })
}

/// Pseudo-random numbers in [-1, 1), enough for test data.
pub(crate) fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x5851_f42d_4c95_7f2d);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

pub(crate) fn dense(rows: usize, columns: usize, seed: u64) -> Dense {
    let mut noise = noise(seed);
    Dense::new(
        rows,
        columns,
        (0..rows * columns).map(|_| noise()).collect::<Vec<_>>(),
    )
}

/// About a fraction `density` of all pairs, with strengths up to 10.
pub(crate) fn plays(users: usize, items: usize, density: f32, seed: u64) -> Csr {
    let mut noise = noise(seed);
    let mut triplets = Vec::new();
    for user in 0..users as u32 {
        for item in 0..items as u32 {
            if (noise() + 1.0) / 2.0 < density {
                triplets.push((user, item, 5.01 + 5.0 * noise()));
            }
        }
    }
    Csr::from_triplets(users, items, triplets).expect("entries inside the shape")
}

pub(crate) fn doubles(matrix: &Dense) -> Vec<Vec<f64>> {
    let rows = (0..matrix.rows()).map(|row| matrix.row(row));
    rows.map(|row| row.iter().map(|&v| f64::from(v)).collect())
        .collect()
}

pub(crate) fn train(plays: &Csr, config: &Config) -> (Factors, Vec<f64>) {
    let mut losses = Vec::new();
    let factors = fit(plays, config, |epoch| {
        losses.push(epoch.loss);
        ControlFlow::Continue(())
    })
    .expect("training succeeds");
    (factors, losses)
}

pub(crate) fn norm(vector: &[f64]) -> f64 {
    reference::dot(vector, vector).sqrt()
}

/// How far `x` may be from satisfying `A x = b`, for the entries (row of `fixed`, confidence).
///
/// To first order in the roundoff u, with n entries, d numbers in a factor, and every norm bounded by a trace:
/// - sums of n or d products, the rotation and the Cholesky factorisation of A each perturb A by no more than
///   (n + d) u trace(A), and b by no more than (n + d) u |Z'c|;
/// - the dual way solves (M + E) w = 1 with |E| <= (n + d) u trace(M), where M = C^-1 + Z D^-1 Z' and w = C (1 - Z x);
///   that shows in the residual of x as Z'C E w;
/// - it then sums Z'w with an error of n u |Z| |w|, which A D^-1 (of norm at most trace(A) / pull) carries over.
///
/// Four such roundings of each kind happen at most.
pub(crate) fn residual_bound(
    entries: &[(usize, f64)],
    fixed: &[Vec<f64>],
    x: &[f64],
    (pull, trace): (f64, f64),
) -> f64 {
    let mut largest = 0.0_f64;
    let (mut z, mut zc, mut w, mut dual_trace) = (0.0, 0.0, 0.0, 0.0);
    for &(row, c) in entries {
        let square = reference::dot(&fixed[row], &fixed[row]);
        z += square;
        zc += c * c * square;
        w += (c * (1.0 - reference::dot(&fixed[row], x))).powi(2);
        dual_trace += 1.0 / c + square / pull;
        largest = largest.max(c);
    }
    let (z, zc, w) = (f64::sqrt(z), f64::sqrt(zc), f64::sqrt(w));
    let primal = trace * norm(x) + zc * (entries.len() as f64).sqrt();
    let dual = zc * dual_trace * w + trace / pull * z * w;
    4.0 * (entries.len() + x.len()) as f64 * ROUNDOFF * (primal + dual)
}

pub(crate) fn trace(a: &[Vec<f64>]) -> f64 {
    (0..a.len()).map(|i| a[i][i]).sum()
}

/// Numbers of rows, of columns and in a factor, density, and seed.
pub(crate) fn shapes() -> impl Strategy<Value = (usize, usize, usize, f32, u64)> {
    (
        1..8_usize,
        1..30_usize,
        1..40_usize,
        0.0..1.0_f32,
        0..1000_u64,
    )
}

/// The confidences of `plays`.
pub(crate) fn weigh(plays: &Csr, config: &Config) -> Csr {
    let strengths = plays.values().iter();
    let values: Vec<f32> = strengths.map(|&s| config.confidence.of(s)).collect();
    let (offsets, indices) = (plays.offsets().to_vec(), plays.indices().to_vec());
    Csr::new(plays.columns(), offsets, indices, values).expect("the same shape")
}
