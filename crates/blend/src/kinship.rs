use crossfade_matrix::Dense;

use crate::Engine;

/// How similar some tracks are to each other: the mean of the cosines of their factors and of their embeddings, of those of
/// the two that are known of both; 0 where neither is. It is what `SimilarTracks` ranks by when both count the same.
pub(crate) struct Kinship {
    factors: Units,
    embeddings: Units,
}

impl Kinship {
    pub(crate) fn of(engine: &Engine, tracks: impl Iterator<Item = u32> + Clone) -> Self {
        let model = engine.model();
        Self {
            factors: Units::of(&model.track_factors, tracks.clone()),
            embeddings: Units::of(&model.embeddings, tracks),
        }
    }

    /// The similarity of two tracks by their places among the tracks.
    pub(crate) fn between(&self, first: usize, second: usize) -> f64 {
        let cosines = [&self.factors, &self.embeddings].map(|units| units.cosine(first, second));
        let known = cosines.iter().flatten();
        known.clone().sum::<f64>() / known.count().max(1) as f64
    }
}

/// Vectors brought to length 1, side by side.
struct Units {
    dim: usize,
    values: Vec<f32>,
    /// Which vectors are not zero.
    known: Vec<bool>,
}

impl Units {
    fn of(rows: &Dense, tracks: impl Iterator<Item = u32>) -> Self {
        let mut units = Self {
            dim: rows.columns(),
            values: Vec::new(),
            known: Vec::new(),
        };
        for track in tracks {
            let row = rows.row(track as usize);
            let length = dot(row, row).sqrt();
            let is_known = length > 0.0;
            units.known.push(is_known);
            let scale = if is_known { 1.0 / length } else { 0.0 };
            units.values.extend(row.iter().map(|value| value * scale));
        }
        units
    }

    fn cosine(&self, first: usize, second: usize) -> Option<f64> {
        let unit = |place: usize| &self.values[place * self.dim..][..self.dim];
        let both = self.known[first] && self.known[second];
        both.then(|| f64::from(dot(unit(first), unit(second))))
    }
}

/// The inner product, in eight sums so that none waits for another.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, rest_of_a) = a.as_chunks::<8>();
    let (b, rest_of_b) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (place, sum) in sums.iter_mut().enumerate() {
            *sum += a[place] * b[place];
        }
    }
    let rest: f32 = rest_of_a.iter().zip(rest_of_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
