//! Time to solve a row, by solver, entries (n) and length of a factor (d); at request time through [`FoldIn`]; and with the
//! double-precision reference. One thread; the Gramian's share of the rows is not in it.
//!
//! The crossover of [`Exact`] belongs where the dual and the primal lines meet. Run with
//! `cargo bench -p crossfade-mf --bench solve`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{
    Config, ConjugateGradients, Exact, FoldIn, HalfSweep, Rotated, RowSolver, Subspace, reference,
};

/// Rows of the fixed side: enough that they do not fit the first caches.
const FIXED: usize = 4096;

/// Rows solved in one iteration, with different entries.
const ROWS: usize = 512;

fn solve(criterion: &mut Criterion) {
    for dim in [64, 128, 256] {
        let config = Config {
            dim,
            ..Config::default()
        };
        let fixed = fixed(dim);
        for entries in [1, 4, 16, 64, 96, 128, 256] {
            let plays = plays(entries);
            let mut rotated = fixed.clone().into_vec();
            let half = HalfSweep {
                confidences: &plays,
                fixed: &mut rotated,
                prior: None,
                config: &config,
            };
            let half = Rotated::new(half).expect("finite factors");
            let id = || id(dim, entries);
            let primal = Exact { crossover: 0 };
            let dual = Exact {
                crossover: usize::MAX,
            };
            bench(criterion, ("dual", id()), &half, &dual);
            bench(criterion, ("primal", id()), &half, &primal);
            let steps = config.cg_steps;
            bench(
                criterion,
                ("cg", id()),
                &half,
                &ConjugateGradients { steps },
            );
            let block = config.subspace_block;
            bench(criterion, ("subspace", id()), &half, &Subspace { block });
            let fold_in =
                FoldIn::new(fixed.clone(), &[1; FIXED], &config).expect("a valid configuration");
            let history: Vec<(u32, f32)> = plays.row(0).iter().collect();
            let mut group = criterion.benchmark_group("solve/fold_in");
            group.bench_function(id(), |bencher| {
                bencher.iter(|| fold_in.fold_in(black_box(&history)));
            });
        }
    }
}

fn bench<R: RowSolver>(
    criterion: &mut Criterion,
    (name, id): (&str, BenchmarkId),
    half: &Rotated<'_>,
    solver: &R,
) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("a thread");
    let dim = half.dim();
    let mut rows = vec![0.1; ROWS * dim];
    let mut group = criterion.benchmark_group(format!("solve/{name}"));
    group.throughput(Throughput::Elements(ROWS as u64));
    group.sample_size(20);
    group.bench_function(id, |bencher| {
        pool.install(|| bencher.iter(|| half.solve(solver, black_box(&mut rows))));
    });
}

/// Only the smallest case: the reference is there to compare with, not to wait for.
fn solve_reference(criterion: &mut Criterion) {
    let (dim, entries) = (64, 16);
    let config = Config {
        dim,
        ..Config::default()
    };
    let fixed = fixed(dim);
    let fixed: Vec<Vec<f64>> = (0..FIXED)
        .map(|row| fixed.row(row).iter().map(|&v| f64::from(v)).collect())
        .collect();
    let entries_of_row = reference::entries(&plays(entries), 0, &config);
    let prior = vec![0.0; dim];
    let mut group = criterion.benchmark_group("solve/reference");
    group.sample_size(10);
    group.bench_function(id(dim, entries), |bencher| {
        bencher.iter(|| {
            let (a, b) =
                reference::normal_equations(black_box(&entries_of_row), &fixed, &prior, &config);
            reference::solve(a, b)
        });
    });
}

fn id(dim: usize, entries: usize) -> BenchmarkId {
    BenchmarkId::from_parameter(format!("d={dim}/n={entries}"))
}

fn fixed(dim: usize) -> Dense {
    let values: Vec<f32> = (0..FIXED * dim)
        .map(|k| (k as f32 * 0.73).sin() * 0.2)
        .collect();
    Dense::new(FIXED, dim, values)
}

/// Rows of `entries` entries each, scattered over the columns.
fn plays(entries: usize) -> Csr {
    let triplets = (0..ROWS * entries).map(|k| {
        let (row, entry) = (k / entries, k % entries);
        let column = (row * 977 + entry * 1009) % FIXED;
        (row as u32, column as u32, 1.0)
    });
    Csr::from_triplets(ROWS, FIXED, triplets.collect()).expect("entries inside the shape")
}

criterion_group!(benches, solve, solve_reference);
criterion_main!(benches);
