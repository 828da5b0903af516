//! Worlds of rows to search in.

use crossfade_index::JointRows;
use crossfade_matrix::Dense;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A world shaped like a model's: factors with heavy-tailed norms of which every tenth is zero, unit embeddings in
/// clusters, and a prior that follows the norm.
pub(crate) struct World {
    pub(crate) rows: JointRows,
    random: ChaCha8Rng,
    blocks: [usize; 3],
}

impl World {
    pub(crate) fn new(rows: usize, factors: usize, embedding: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut y = Vec::new();
        let mut g = Vec::new();
        let mut p = Vec::new();
        let centres: Vec<Vec<f32>> = (0..20).map(|_| unit(&mut random, embedding)).collect();
        for row in 0..rows {
            let tail = random.random_range(0.02_f32..1.0);
            let norm = if row % 10 == 3 { 0.0 } else { 0.2 / tail };
            y.extend(unit(&mut random, factors).iter().map(|x| x * norm));
            let noise = unit(&mut random, embedding);
            let centre = &centres[row % centres.len()];
            g.extend(normalised(
                centre.iter().zip(noise).map(|(c, n)| c + 0.8 * n),
            ));
            p.push(norm / 10.0);
        }
        let blocks = vec![
            Dense::new(rows, factors, y),
            Dense::new(rows, embedding, g),
            Dense::new(rows, 1, p),
        ];
        Self {
            rows: JointRows::new(blocks).unwrap(),
            random,
            blocks: [factors, embedding, 1],
        }
    }

    /// A query at weight `w` of the second block.
    pub(crate) fn query(&mut self, w: f32) -> Vec<f32> {
        let [factors, embedding, _] = self.blocks;
        let x = unit(&mut self.random, factors);
        let t = unit(&mut self.random, embedding);
        x.iter()
            .map(|x| x * (1.0 - w))
            .chain(t.iter().map(|t| t * w))
            .chain([0.1])
            .collect()
    }

    pub(crate) fn queries(&mut self, w: f32, count: usize) -> Vec<Vec<f32>> {
        (0..count).map(|_| self.query(w)).collect()
    }
}

fn unit(random: &mut ChaCha8Rng, columns: usize) -> Vec<f32> {
    // A sum of uniforms is round enough.
    let mut uniform = || random.random_range(-1.0_f32..1.0);
    let values: Vec<f32> = (0..columns)
        .map(|_| uniform() + uniform() + uniform())
        .collect();
    normalised(values.into_iter())
}

fn normalised(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let values: Vec<f32> = values.collect();
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter().map(|x| x / norm).collect()
}
