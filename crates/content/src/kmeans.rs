use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::points::squared_distance;
use crate::{Points, seeding};

/// Rows whose parts of the sums are added up together. Blocks are added in order whatever the number of threads, so that
/// the bits are the same.
pub(crate) const BLOCK: usize = 4_096;
/// Rows multiplied with all centroids at once, so that the products stay in the nearest cache.
const TILE: usize = 256;

/// Settings of [`KMeans::fit`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KMeansConfig {
    /// How many clusters, at least 1; fewer come out where there are fewer different rows.
    pub clusters: usize,
    /// From how many starts to run, at least 1; the result of least inertia is kept.
    pub restarts: usize,
    /// After how many rounds to stop anyway.
    pub max_iterations: usize,
    /// A run has converged when the centroids' squared moves add up to no more than this share of the rows' mean
    /// variance; at 0 when no row changes its cluster any more.
    pub tolerance: f64,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for KMeansConfig {
    fn default() -> Self {
        Self {
            clusters: 8,
            restarts: 8,
            max_iterations: 300,
            tolerance: 1e-4,
            seed: 1,
        }
    }
}

/// Clusters of least squared distance between rows and the mean of their cluster.
///
/// Lloyd's algorithm (1982) from the starts of k-means++ (Arthur and Vassilvitskii 2007), each of which takes the best of
/// several draws, as scikit-learn does. The nearest centroid is found by `|c|^2 - 2 x.c`, a product of matrices; the
/// inertia is summed from the distances themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// The mean of each cluster.
    pub centroids: Points,
    /// The cluster of each row.
    pub labels: Vec<u32>,
    /// The sum of the rows' squared distances to their centroids.
    pub inertia: f64,
    /// Rounds until convergence.
    pub iterations: usize,
}

impl KMeans {
    /// The best of several runs. The same seed gives the same bits on any number of threads.
    ///
    /// # Panics
    ///
    /// If there are no rows, or a setting is below its least value.
    pub fn fit(points: &Points, config: &KMeansConfig) -> Self {
        assert!(config.restarts >= 1, "there must be a start");
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let mut best: Option<Self> = None;
        for _ in 0..config.restarts {
            let start = seeding::plus_plus(points, config.clusters, &mut rng);
            let run = Self::from_start(points, start, config);
            if best.as_ref().is_none_or(|best| run.inertia < best.inertia) {
                best = Some(run);
            }
        }
        best.expect("invariant: there was at least one start")
    }

    /// Runs from the centroids given; only the limits of `config` count.
    ///
    /// # Panics
    ///
    /// If there are no rows or no centroids, or their lengths differ.
    pub fn from_start(points: &Points, start: Points, config: &KMeansConfig) -> Self {
        assert!(
            !points.is_empty() && !start.is_empty() && points.dim() == start.dim(),
            "rows and centroids of the same length are needed"
        );
        let enough = config.tolerance * mean_variance(points);
        let mut centroids = start;
        let mut labels = vec![u32::MAX; points.len()];
        let mut iterations = 0;
        loop {
            let moved = assign(points, &centroids, &mut labels);
            if moved == 0 || iterations == config.max_iterations {
                break;
            }
            iterations += 1;
            fill_empty(points, &centroids, &mut labels);
            let next = means(points, &labels, centroids.len());
            let shift = squared_distance(next.as_slice(), centroids.as_slice());
            centroids = next;
            if config.tolerance > 0.0 && shift <= enough {
                assign(points, &centroids, &mut labels);
                break;
            }
        }
        Self {
            inertia: inertia(points, &centroids, &labels),
            centroids,
            labels,
            iterations,
        }
        .without_empty()
    }

    /// Gives the clusters numbers by falling size, ties by their centroids' first row.
    #[must_use]
    pub fn by_size(self) -> Self {
        let mut sizes = vec![0_usize; self.centroids.len()];
        self.labels
            .iter()
            .for_each(|&label| sizes[label as usize] += 1);
        let mut order: Vec<u32> = (0..sizes.len() as u32).collect();
        order.sort_by_key(|&cluster| std::cmp::Reverse(sizes[cluster as usize]));
        self.renumbered(&order)
    }

    /// Empty clusters, which duplicate rows may leave, are no clusters.
    fn without_empty(self) -> Self {
        let mut used = vec![false; self.centroids.len()];
        self.labels
            .iter()
            .for_each(|&label| used[label as usize] = true);
        match used.iter().all(|&used| used) {
            true => self,
            false => {
                let order = (0..used.len() as u32).filter(|&cluster| used[cluster as usize]);
                let order: Vec<u32> = order.collect();
                self.renumbered(&order)
            }
        }
    }

    /// Only the clusters named, in that order; they must hold all rows.
    fn renumbered(self, order: &[u32]) -> Self {
        let mut number = vec![0; self.centroids.len()];
        for (new, &old) in (0..).zip(order) {
            number[old as usize] = new;
        }
        Self {
            centroids: self.centroids.select(order),
            labels: self
                .labels
                .iter()
                .map(|&label| number[label as usize])
                .collect(),
            ..self
        }
    }
}

/// Gives every row its nearest centroid, the first among equals, and says how many changed.
fn assign(points: &Points, centroids: &Points, labels: &mut [u32]) -> usize {
    let (dim, clusters) = (points.dim(), centroids.len());
    let half_squares: Vec<f64> = centroids
        .rows()
        .map(|row| 0.5 * row.iter().map(|x| x * x).sum::<f64>())
        .collect();
    let centroids = MatRef::from_row_major_slice(centroids.as_slice(), clusters, dim);
    let blocks = points.as_slice().par_chunks(TILE * dim);
    blocks
        .zip(labels.par_chunks_mut(TILE))
        .map_init(
            || vec![0.0; clusters * TILE],
            |products, (rows, labels)| {
                let products = &mut products[..clusters * labels.len()];
                let rows = MatRef::from_column_major_slice(rows, dim, labels.len());
                let out = MatMut::from_column_major_slice_mut(products, clusters, labels.len());
                matmul(out, Accum::Replace, centroids, rows, 1.0, Par::Seq);
                let mut changed = 0;
                for (label, products) in labels.iter_mut().zip(products.chunks_exact(clusters)) {
                    let nearest = nearest(products, &half_squares);
                    changed += usize::from(*label != nearest);
                    *label = nearest;
                }
                changed
            },
        )
        .sum()
}

/// The centroid of least `|c|^2 / 2 - x.c`.
fn nearest(products: &[f64], half_squares: &[f64]) -> u32 {
    let mut best = (f64::INFINITY, 0);
    for (cluster, (product, half)) in (0..).zip(products.iter().zip(half_squares)) {
        let distance = half - product;
        if distance < best.0 {
            best = (distance, cluster);
        }
    }
    best.1
}

/// Gives each empty cluster the row farthest from its centroid, which leaves a cluster of more than one, as scikit-learn
/// does. Where every row lies on its centroid, clusters stay empty.
fn fill_empty(points: &Points, centroids: &Points, labels: &mut [u32]) {
    let mut sizes = vec![0_usize; centroids.len()];
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    for empty in 0..sizes.len() {
        if sizes[empty] > 0 {
            continue;
        }
        let mut farthest = (0.0, None);
        for (row, &label) in labels.iter().enumerate() {
            let label = label as usize;
            // A row that was just moved lies in a cluster of one.
            if sizes[label] > 1 {
                let distance = squared_distance(points.row(row), centroids.row(label));
                if distance > farthest.0 {
                    farthest = (distance, Some(row));
                }
            }
        }
        if let (_, Some(row)) = farthest {
            sizes[labels[row] as usize] -= 1;
            sizes[empty] = 1;
            labels[row] = empty as u32;
        }
    }
}

/// The mean of each cluster, added up in blocks.
fn means(points: &Points, labels: &[u32], clusters: usize) -> Points {
    let dim = points.dim();
    let width = dim + 1;
    // Behind the sums of each cluster stands its count.
    let part = |(rows, labels): (&[f64], &[u32])| {
        let mut sums = vec![0.0; clusters * width];
        for (row, &label) in rows.chunks_exact(dim).zip(labels) {
            let sums = &mut sums[label as usize * width..][..width];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            sums[dim] += 1.0;
        }
        sums
    };
    let blocks = points.as_slice().par_chunks(BLOCK * dim);
    let parts: Vec<Vec<f64>> = blocks.zip(labels.par_chunks(BLOCK)).map(part).collect();
    let mut total = vec![0.0; clusters * width];
    for part in parts {
        total.iter_mut().zip(&part).for_each(|(sum, x)| *sum += x);
    }
    let mean = |sums: &[f64]| {
        let count = sums[dim].max(1.0);
        sums[..dim]
            .iter()
            .map(|sum| sum / count)
            .collect::<Vec<f64>>()
    };
    Points::new(dim, total.chunks_exact(width).flat_map(mean).collect())
}

fn inertia(points: &Points, centroids: &Points, labels: &[u32]) -> f64 {
    let dim = points.dim();
    let part = |(rows, labels): (&[f64], &[u32])| -> f64 {
        let rows = rows.chunks_exact(dim).zip(labels);
        rows.map(|(row, &label)| squared_distance(row, centroids.row(label as usize)))
            .sum()
    };
    let blocks = points.as_slice().par_chunks(BLOCK * dim);
    let parts: Vec<f64> = blocks.zip(labels.par_chunks(BLOCK)).map(part).collect();
    parts.iter().sum()
}

/// The mean over dimensions of the rows' variance.
fn mean_variance(points: &Points) -> f64 {
    let labels = vec![0; points.len()];
    let mean = means(points, &labels, 1);
    inertia(points, &mean, &labels) / points.as_slice().len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four corners of a square with three rows around each.
    fn corners() -> Points {
        let corners = [(0.0, 0.0), (10.0, 0.0), (0.0, 10.0), (10.0, 10.0)];
        let around = [(0.0, 1.0), (1.0, -0.5), (-1.0, -0.5)];
        let rows = corners
            .iter()
            .flat_map(|(x, y)| around.map(|(dx, dy)| [x + dx, y + dy]));
        Points::new(2, rows.flatten().collect())
    }

    fn config(clusters: usize) -> KMeansConfig {
        KMeansConfig {
            clusters,
            ..KMeansConfig::default()
        }
    }

    #[test]
    fn separate_groups_are_found() {
        let points = corners();
        let found = KMeans::fit(&points, &config(4));
        for group in found.labels.chunks(3) {
            assert_eq!(group, [group[0]; 3]);
        }
        // Around each corner 1 + 2 * 1.25, by hand.
        assert!(
            (found.inertia - 4.0 * 3.5).abs() < 1e-12,
            "{}",
            found.inertia
        );
    }

    #[test]
    fn an_empty_cluster_gets_the_farthest_row() {
        let points = corners();
        // The last centroid is nearest to no row.
        let start = Points::new(2, vec![5.0, 0.0, 5.0, 10.0, 1e6, 1e6]);
        let found = KMeans::from_start(&points, start, &config(3));
        assert_eq!(found.centroids.len(), 3);
        let largest = KMeans::from_start(&points, points.select(&[0, 6]), &config(2));
        assert!(found.inertia < largest.inertia);
    }

    #[test]
    fn there_are_no_more_clusters_than_different_rows() {
        let points = Points::new(1, vec![3.0, 3.0, 7.0, 3.0, 7.0]);
        let found = KMeans::fit(&points, &config(4)).by_size();
        assert_eq!(found.centroids.as_slice(), [3.0, 7.0]);
        assert_eq!(found.labels, [0, 0, 1, 0, 1]);
        assert_eq!(found.inertia, 0.0);
        let one = KMeans::fit(&Points::new(2, vec![1.0, 2.0]), &config(3));
        assert_eq!((one.centroids.len(), one.inertia), (1, 0.0));
    }
}
