//! Time of a whole epoch of [`fit`] on a listening matrix with a long tail: 20,000 users, 30,000 items, about 20 plays a
//! user, item popularity falling off as a power law.
//!
//! Run with `cargo bench -p crossfade-mf --bench sweep`; `RAYON_NUM_THREADS` sets the number of threads.

use std::{ops::ControlFlow, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossfade_matrix::Csr;
use crossfade_mf::{Config, fit};

const USERS: u32 = 20_000;
const ITEMS: u32 = 30_000;
const PLAYS_PER_USER: u32 = 24;

fn sweep(criterion: &mut Criterion) {
    let plays = plays();
    let mut group = criterion.benchmark_group("sweep");
    group.sample_size(10);
    group.throughput(Throughput::Elements(plays.nnz() as u64));
    for dim in [64, 128, 256] {
        group.bench_function(BenchmarkId::from_parameter(format!("d={dim}")), |bencher| {
            bencher.iter_custom(|epochs| epoch_time(&plays, dim, epochs));
        });
    }
}

/// The time of `epochs` epochs, without drawing the first factors and transposing the matrix.
fn epoch_time(plays: &Csr, dim: usize, epochs: u64) -> Duration {
    let config = Config {
        dim,
        epochs: epochs as usize,
        ..Config::default()
    };
    let mut time = Duration::ZERO;
    fit(plays, &config, |epoch| {
        time += epoch.item_time + epoch.user_time;
        ControlFlow::Continue(())
    })
    .expect("a valid configuration");
    time
}

fn plays() -> Csr {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let mut triplets = Vec::new();
    for user in 0..USERS {
        for _ in 0..PLAYS_PER_USER {
            // Density falling as 1 / rank.
            let item = (f64::from(ITEMS).powf(uniform()) - 1.0) as u32;
            triplets.push((user, item.min(ITEMS - 1), 1.0));
        }
    }
    Csr::from_triplets(USERS as usize, ITEMS as usize, triplets).expect("entries inside the shape")
}

criterion_group!(benches, sweep);
criterion_main!(benches);
