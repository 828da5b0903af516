//! Time of a whole epoch of [`Training`] by solver and length of a factor, on a listening matrix with a long tail: 20,000
//! users, 30,000 items, about 20 plays a user, item popularity falling off as a power law.
//!
//! Beside each time stands the rate of its necessary operations ([`operations`]) as a share of what faer's product of
//! matrices reaches on as many threads in the same run, and the time of one epoch of the double-precision reference on a
//! thousandth of the rows.
//!
//! Run with `cargo bench -p crossfade-mf --bench sweep`; `RAYON_NUM_THREADS` sets the number of threads.

#![expect(
    clippy::print_stderr,
    reason = "rates stand beside the times that criterion prints"
)]

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossfade_matrix::Csr;
use crossfade_mf::{Config, Solver, Training, reference};
use faer::{Accum, Mat, Par, linalg::matmul::matmul};

const USERS: u32 = 20_000;
const ITEMS: u32 = 30_000;
const PLAYS_PER_USER: u32 = 24;

fn sweep(criterion: &mut Criterion) {
    let plays = plays();
    let peak = matmul_rate();
    let threads = rayon::current_num_threads();
    eprintln!(
        "faer's product of matrices: {:.0} GFLOP/s on {threads} threads",
        peak / 1e9
    );
    for solver in [Solver::Exact, Solver::ConjugateGradients, Solver::Subspace] {
        for dim in [64, 128, 256] {
            let config = Config {
                dim,
                solver,
                epochs: usize::MAX,
                ..Config::default()
            };
            let mut group = criterion.benchmark_group(format!("sweep/{solver:?}"));
            group.sample_size(10);
            group.throughput(Throughput::Elements(plays.nnz() as u64));
            let fastest = Cell::new(f64::INFINITY);
            group.bench_function(BenchmarkId::from_parameter(format!("d={dim}")), |bencher| {
                bencher.iter_custom(|epochs| {
                    let time = epoch_time(&plays, &config, epochs);
                    fastest.set(fastest.get().min(time.as_secs_f64() / epochs as f64));
                    time
                });
            });
            let operations = operations(&plays, &config);
            let rate = operations / fastest.get();
            eprintln!(
                "    {:.2} G operations, {:.0} GFLOP/s: {:.0} % of the product of matrices",
                operations / 1e9,
                rate / 1e9,
                100.0 * rate / peak
            );
        }
    }
}

/// The time of `epochs` epochs, after a first one that makes all rows as they usually are.
fn epoch_time(plays: &Csr, config: &Config, epochs: u64) -> Duration {
    let mut training = Training::new(plays, config).expect("a valid configuration");
    training.epoch().expect("definite systems");
    let start = Instant::now();
    for _ in 0..epochs {
        training.epoch().expect("definite systems");
    }
    start.elapsed()
}

/// Floating-point operations that an epoch needs, additions and multiplications counted one each: for both sides the Gramian
/// (half of it, being symmetric), the rotation of the fixed side, and what the solver does for each row of n entries, the
/// rotation of its first guess included; not the eigendecompositions, the copying and the bookkeeping.
fn operations(plays: &Csr, config: &Config) -> f64 {
    let d = config.dim as f64;
    let rows = (plays.rows() + plays.columns()) as f64;
    let shared = rows * 3.0 * d * d;
    let by_item = plays.transpose();
    let lengths = [plays, &by_item].map(|side| side.offsets().windows(2));
    let rows = lengths.into_iter().flatten();
    let own = rows.map(|ends| row_operations((ends[1] - ends[0]) as f64, config));
    shared + own.sum::<f64>()
}

/// What a row of n entries takes, the rotation of its first guess included, the parts of lower order left out.
fn row_operations(n: f64, config: &Config) -> f64 {
    let d = config.dim as f64;
    let cholesky = |size: f64| size.powi(3) / 3.0 + 2.0 * size * size;
    match config.solver {
        Solver::Exact if n < 0.75 * d => n * n * d + cholesky(n) + 2.0 * n * d,
        Solver::Exact => n * d * d + cholesky(d) + 2.0 * n * d,
        Solver::ConjugateGradients if n <= 4.0 => n * (n + 3.0) * d,
        Solver::ConjugateGradients => {
            // The last step leaves out the image, the residual and the next direction.
            let further = config.cg_steps as f64 - 1.0;
            let entries = (4.0 + 4.0 * further + 2.0) * n * d;
            let vectors = (10.0 + 13.0 * further + 2.0) * d;
            2.0 * d * d + entries + vectors
        }
        Solver::Subspace => {
            let b = (config.subspace_block as f64).min(d);
            2.0 * d * d + d / b * (n * b * b + cholesky(b) + 4.0 * n * b) + 2.0 * n * d
        }
        _ => unreachable!("every solver is listed"),
    }
}

/// Operations a second of faer's product of matrices that fit the caches, all threads at once.
fn matmul_rate() -> f64 {
    const SIZE: usize = 512;
    const PRODUCTS: usize = 64;
    let rate = || {
        let start = Instant::now();
        rayon::broadcast(|_| {
            let (a, b) = (
                Mat::<f32>::full(SIZE, SIZE, 0.5),
                Mat::<f32>::full(SIZE, SIZE, 0.25),
            );
            let mut product = Mat::zeros(SIZE, SIZE);
            for _ in 0..PRODUCTS {
                let out = product.as_mut();
                matmul(out, Accum::Replace, &a, &b, 1.0, Par::Seq);
            }
        });
        let operations = 2 * SIZE.pow(3) * PRODUCTS * rayon::current_num_threads();
        operations as f64 / start.elapsed().as_secs_f64()
    };
    (0..5).map(|_| rate()).fold(0.0, f64::max)
}

/// A thousandth of one half-sweep with the reference, which is there to compare with, not to wait for.
fn sweep_reference(criterion: &mut Criterion) {
    let plays = plays();
    let config = Config {
        dim: 64,
        ..Config::default()
    };
    let first = Training::new(&plays, &config).expect("a valid configuration");
    let fixed: Vec<Vec<f64>> = first
        .items()
        .chunks(config.dim)
        .map(|row| row.iter().map(|&v| f64::from(v)).collect())
        .collect();
    let mut group = criterion.benchmark_group("sweep/reference");
    group.sample_size(10);
    group.bench_function("d=64, one row", |bencher| {
        bencher.iter(|| {
            let entries = reference::entries(&plays, 7, &config);
            let prior = vec![0.0; config.dim];
            let (a, b) = reference::normal_equations(&entries, &fixed, &prior, &config);
            reference::solve(a, b)
        });
    });
}

fn plays() -> Csr {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut triplets = Vec::new();
    for user in 0..USERS {
        for _ in 0..PLAYS_PER_USER {
            // Density proportional to 1 / (rank + 1): a long tail, with few items that nobody plays.
            let item = (f64::from(ITEMS + 1).powf(uniform()) - 1.0) as u32;
            triplets.push((user, item.min(ITEMS - 1), 1.0));
        }
    }
    Csr::from_triplets(USERS as usize, ITEMS as usize, triplets).expect("entries inside the shape")
}

criterion_group!(benches, sweep, sweep_reference);
criterion_main!(benches);
