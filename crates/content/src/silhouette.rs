use rayon::prelude::*;

use crate::Points;

/// How well each row lies in its cluster under several clusterings at once: `(b - a) / max(a, b)`, where `a` is the mean
/// distance to the other rows of its cluster and `b` the least mean distance to the rows of another one. 0 for the only
/// row of a cluster and where there is one cluster only (Rousseeuw 1987; scikit-learn's `silhouette_samples`).
///
/// The work is quadratic in the rows; distances are computed once for all clusterings.
///
/// # Panics
///
/// If a clustering has not as many labels as there are rows.
pub fn silhouettes(points: &Points, clusterings: &[&[u32]]) -> Vec<Vec<f64>> {
    let rows = points.len();
    let sizes: Vec<Vec<f64>> = clusterings
        .iter()
        .map(|labels| sizes(labels, rows))
        .collect();
    let columns = transposed(points);
    let of_row = |distances: &mut Vec<f64>, row: usize| -> Vec<f64> {
        fill_distances(points.row(row), &columns, distances);
        let scores = clusterings.iter().zip(&sizes);
        scores
            .map(|(labels, sizes)| score(row, labels, sizes, distances))
            .collect()
    };
    let scores: Vec<Vec<f64>> = (0..rows)
        .into_par_iter()
        .map_init(|| vec![0.0; rows], of_row)
        .collect();
    (0..clusterings.len())
        .map(|clustering| scores.iter().map(|scores| scores[clustering]).collect())
        .collect()
}

/// How many rows each cluster has.
fn sizes(labels: &[u32], rows: usize) -> Vec<f64> {
    assert_eq!(labels.len(), rows, "a label for each row");
    let clusters = labels.iter().max().map_or(0, |&last| last as usize + 1);
    let mut sizes = vec![0.0; clusters];
    labels
        .iter()
        .for_each(|&label| sizes[label as usize] += 1.0);
    sizes
}

/// Dimension after dimension, so that the distances of one row to all others are computed many at a time.
fn transposed(points: &Points) -> Vec<f64> {
    let of_dim = |dim| points.rows().map(move |row: &[f64]| row[dim]);
    (0..points.dim()).flat_map(of_dim).collect()
}

fn fill_distances(row: &[f64], columns: &[f64], distances: &mut [f64]) {
    distances.fill(0.0);
    for (x, column) in row.iter().zip(columns.chunks_exact(distances.len())) {
        for (distance, y) in distances.iter_mut().zip(column) {
            *distance += (x - y) * (x - y);
        }
    }
    distances
        .iter_mut()
        .for_each(|distance| *distance = distance.sqrt());
}

fn score(row: usize, labels: &[u32], sizes: &[f64], distances: &[f64]) -> f64 {
    let own = labels[row] as usize;
    if sizes[own] <= 1.0 {
        return 0.0;
    }
    let mut sums = vec![0.0; sizes.len()];
    for (&label, distance) in labels.iter().zip(distances) {
        sums[label as usize] += distance;
    }
    let within = sums[own] / (sizes[own] - 1.0);
    let others = sums.iter().zip(sizes).enumerate();
    let means = others.filter(|&(cluster, (_, &size))| cluster != own && size > 0.0);
    let nearest = means
        .map(|(_, (sum, size))| sum / size)
        .fold(f64::INFINITY, f64::min);
    let largest = within.max(nearest);
    match nearest.is_finite() && largest > 0.0 {
        true => (nearest - within) / largest,
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_by_hand() {
        let points = Points::new(1, vec![0.0, 2.0, 10.0]);
        let found = silhouettes(&points, &[&[0, 0, 1], &[0, 0, 0], &[2, 0, 2]]);
        // Row 0: a = 2, b = 10. Row 1: a = 2, b = 8. Row 2 is alone.
        assert_eq!(found[0], [0.8, 0.75, 0.0]);
        assert_eq!(found[1], [0.0; 3]);
        // Cluster 1 has no rows. Row 0: a = 10, b = 2. Row 2: a = 10, b = 8.
        assert_eq!(found[2], [-0.8, 0.0, (8.0 - 10.0) / 10.0]);
        assert!(silhouettes(&points.select(&[]), &[&[]])[0].is_empty());
    }
}
