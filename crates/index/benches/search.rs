//! One search for 100 hits over 50,000 joint rows of 128 + 64 + 1 columns on one core: every row scored, pruned by norm,
//! and through the graph at several expansions, at the two ends and the middle of the blend. Norms of the first block
//! are as heavy-tailed as those of implicit-feedback factors (log-normal: median 0.25, one in a hundred above 2.5);
//! embeddings are unit vectors.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use crossfade_index::{Approximate, Config, Exact, Filter, JointRows};
use crossfade_matrix::Dense;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 50_000;
const LIMIT: usize = 100;

fn normal(random: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

fn unit(random: &mut ChaCha8Rng, columns: usize) -> Vec<f32> {
    let values: Vec<f32> = (0..columns).map(|_| normal(random)).collect();
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter().map(|x| x / norm).collect()
}

fn world(random: &mut ChaCha8Rng) -> JointRows {
    let (mut y, mut g, mut p) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROWS {
        let norm = 0.25 * normal(random).exp();
        y.extend(unit(random, 128).iter().map(|x| x * norm));
        g.extend(unit(random, 64));
        p.push(norm.ln_1p() / 3.0);
    }
    JointRows::new(vec![
        Dense::new(ROWS, 128, y),
        Dense::new(ROWS, 64, g),
        Dense::new(ROWS, 1, p),
    ])
    .expect("the world is finite")
}

fn search(c: &mut Criterion) {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let rows = world(&mut random);
    let exact = Exact::new(&rows);
    let graph = Approximate::build(&rows, &Config::default(), &|_| ()).expect("the graph builds");
    let all = Filter::all();
    for w in [0.0, 0.5, 1.0] {
        let taste = unit(&mut random, 128);
        let content = unit(&mut random, 64);
        let mut query: Vec<f32> = taste.iter().map(|x| x * (1.0 - w)).collect();
        query.extend(content.iter().map(|t| t * w * 2.0));
        query.push(0.1);
        let query = rows.query(&query).expect("the query is finite");
        let mut group = c.benchmark_group(format!("w={w}"));
        group.bench_function("every row", |b| {
            b.iter(|| exact.scan_all(black_box(&query), LIMIT, &all));
        });
        group.bench_function("pruned", |b| {
            b.iter(|| exact.search(black_box(&query), LIMIT, &all));
        });
        for expansion in [100, 400, 800] {
            group.bench_function(format!("graph, expansion {expansion}"), |b| {
                b.iter(|| graph.search(black_box(&query), LIMIT, expansion, &all));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, search);
criterion_main!(benches);
