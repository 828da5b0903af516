use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::Points;
use crate::kmeans::BLOCK;
use crate::points::squared_distance;

/// Centroids to start k-means from: rows drawn one after another, each with a chance in proportion to its squared distance
/// from those drawn before (k-means++, Arthur and Vassilvitskii 2007, algorithm 1). Of `2 + ln(clusters)` draws the one
/// that leaves the least total is kept, as scikit-learn does.
///
/// Where all rows are drawn, some repeat.
///
/// # Panics
///
/// If there are no rows or no clusters.
pub(crate) fn plus_plus(points: &Points, clusters: usize, rng: &mut ChaCha8Rng) -> Points {
    assert!(!points.is_empty() && clusters > 0, "nothing to start from");
    let draws = 2 + (clusters as f64).ln() as usize;
    let mut chosen = vec![rng.random_range(0..points.len()) as u32];
    let mut nearest = vec![f64::INFINITY; points.len()];
    let mut totals = take(points, chosen[0], &mut nearest);
    while chosen.len() < clusters {
        let candidates: Vec<u32> = (0..draws).map(|_| draw(&nearest, &totals, rng)).collect();
        let best = best_of(points, &candidates, &nearest);
        totals = take(points, best, &mut nearest);
        chosen.push(best);
    }
    points.select(&chosen)
}

/// Lowers the distances to those from `row` where it is nearer, and returns their sums by block.
fn take(points: &Points, row: u32, nearest: &mut [f64]) -> Vec<f64> {
    let centre = points.row(row as usize);
    let blocks = points.as_slice().par_chunks(BLOCK * points.dim());
    let lower = |(rows, nearest): (&[f64], &mut [f64])| {
        let rows = rows.chunks_exact(points.dim());
        for (nearest, row) in nearest.iter_mut().zip(rows) {
            *nearest = nearest.min(squared_distance(row, centre));
        }
        nearest.iter().sum()
    };
    blocks
        .zip(nearest.par_chunks_mut(BLOCK))
        .map(lower)
        .collect()
}

/// A row with a chance in proportion to its distance; any row where all are 0.
fn draw(nearest: &[f64], totals: &[f64], rng: &mut ChaCha8Rng) -> u32 {
    let total: f64 = totals.iter().sum();
    let mut left = rng.random::<f64>() * total;
    if !(total > 0.0 && total.is_finite()) {
        return rng.random_range(0..nearest.len()) as u32;
    }
    let mut last = 0;
    for (block, sum) in totals.iter().enumerate() {
        if left >= *sum {
            left -= sum;
            continue;
        }
        for (row, distance) in nearest.iter().enumerate().skip(block * BLOCK).take(BLOCK) {
            if *distance > 0.0 {
                last = row as u32;
                if left < *distance {
                    return last;
                }
                left -= distance;
            }
        }
    }
    // Rounding led past the end.
    last
}

/// The candidate that leaves the least sum of distances, the first among equals.
fn best_of(points: &Points, candidates: &[u32], nearest: &[f64]) -> u32 {
    let centres = points.select(candidates);
    let blocks = points.as_slice().par_chunks(BLOCK * points.dim());
    let part = |(rows, nearest): (&[f64], &[f64])| {
        let mut sums = vec![0.0; candidates.len()];
        for (row, nearest) in rows.chunks_exact(points.dim()).zip(nearest) {
            for (sum, centre) in sums.iter_mut().zip(centres.rows()) {
                *sum += nearest.min(squared_distance(row, centre));
            }
        }
        sums
    };
    let parts: Vec<Vec<f64>> = blocks.zip(nearest.par_chunks(BLOCK)).map(part).collect();
    let mut best = (f64::INFINITY, candidates[0]);
    for (at, &candidate) in candidates.iter().enumerate() {
        let total: f64 = parts.iter().map(|sums| sums[at]).sum();
        if total < best.0 {
            best = (total, candidate);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn far_groups_each_get_a_start() {
        let rows = (0..300).map(|row| f64::from(row % 3) * 1e6 + f64::from(row) * 1e-3);
        let points = Points::new(1, rows.collect());
        for seed in 0..20 {
            let start = plus_plus(&points, 3, &mut ChaCha8Rng::seed_from_u64(seed));
            let mut groups: Vec<i64> = start
                .rows()
                .map(|row| (row[0] / 1e6).round() as i64)
                .collect();
            groups.sort_unstable();
            assert_eq!(groups, [0, 1, 2], "seed {seed}");
        }
    }

    #[test]
    fn equal_rows_are_drawn_all_the_same() {
        let points = Points::new(2, vec![1.0; 10]);
        assert_eq!(
            plus_plus(&points, 4, &mut ChaCha8Rng::seed_from_u64(1)).len(),
            4
        );
    }
}
