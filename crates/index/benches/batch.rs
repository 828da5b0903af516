//! The best 100 of 194,000 items of 128 columns for 1,000 queries, in the current pool: the search, and the bare matrix
//! product in tiles of the same shape. Norms are as heavy-tailed as those of implicit-feedback factors.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossfade_index::Batch;
use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const DIM: usize = 128;
const ITEMS: usize = 194_000;
const QUERIES: usize = 1_000;

fn vectors(random: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(count * DIM);
    for _ in 0..count {
        let norm = 0.02 / random.random_range(0.02_f32..1.0);
        values.extend((0..DIM).map(|_| norm * random.random_range(-1.0_f32..1.0)));
    }
    values
}

fn product(queries: &[f32], items: &[f32]) {
    queries
        .par_chunks(128 * DIM)
        .with_max_len(1)
        .for_each(|queries| {
            let count = queries.len() / DIM;
            let queries = MatRef::from_column_major_slice(queries, DIM, count);
            let mut scores = vec![0.0; 512 * count];
            for items in items.chunks(512 * DIM) {
                let rows = items.len() / DIM;
                let items = MatRef::from_row_major_slice(items, rows, DIM);
                let scores = &mut scores[..rows * count];
                let out = MatMut::from_column_major_slice_mut(scores, rows, count);
                matmul(out, Accum::Replace, items, queries, 1.0, Par::Seq);
                black_box(scores);
            }
        });
}

fn batch(c: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let items = vectors(&mut random, ITEMS);
    let queries = vectors(&mut random, QUERIES);
    let batch = Batch::new(&items, DIM).expect("the items are finite");
    let mut group = c.benchmark_group("batch");
    group.sample_size(10);
    // An element is a multiply-add.
    group.throughput(Throughput::Elements((QUERIES * ITEMS * DIM) as u64));
    group.bench_function("search", |b| {
        b.iter(|| batch.search(&queries, 100, |_| &[]))
    });
    group.bench_function("product", |b| b.iter(|| product(&queries, &items)));
    group.finish();
}

criterion_group!(benches, batch);
criterion_main!(benches);
