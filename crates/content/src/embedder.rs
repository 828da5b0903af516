use crossfade_matrix::Dense;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{AutoencoderEmbedder, Features, PcaEmbedder, ProvidedEmbedder};

/// Turns what is known of tracks into vectors. Fitting is each embedder's own affair.
pub trait Embedder {
    /// The length of a vector.
    fn dim(&self) -> usize;

    /// One row per track, of length 1, or of zeros where nothing is known. The bits do not depend on the number of
    /// threads.
    fn embed(&self, features: &Features<'_>) -> Dense;
}

/// Any fitted embedder, for storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmbeddingModel {
    /// Principal components and name codes.
    Pca(PcaEmbedder),
    /// Codes of an autoencoder and name codes.
    Autoencoder(AutoencoderEmbedder),
    /// Ready-made vectors.
    Provided(ProvidedEmbedder),
}

impl Embedder for EmbeddingModel {
    fn dim(&self) -> usize {
        match self {
            Self::Pca(embedder) => embedder.dim(),
            Self::Autoencoder(embedder) => embedder.dim(),
            Self::Provided(embedder) => embedder.dim(),
        }
    }

    fn embed(&self, features: &Features<'_>) -> Dense {
        match self {
            Self::Pca(embedder) => embedder.embed(features),
            Self::Autoencoder(embedder) => embedder.embed(features),
            Self::Provided(embedder) => embedder.embed(features),
        }
    }
}

/// Rows handed to a thread at once.
const BLOCK: usize = 1_024;

/// Builds the rows in parallel: `write` fills a row of zeros in f64, which is then normalised. `scratch` makes what
/// `write` needs, once per block.
pub(crate) fn unit_rows<S>(
    rows: usize,
    dim: usize,
    scratch: impl Fn() -> S + Sync,
    write: impl Fn(usize, &mut S, &mut [f64]) + Sync,
) -> Dense {
    let mut values = vec![0.0_f32; rows * dim];
    if dim > 0 {
        let blocks = values.par_chunks_mut(BLOCK * dim).enumerate();
        blocks.for_each(|(block, rows)| {
            let mut row = vec![0.0; dim];
            let mut scratch = scratch();
            for (index, out) in rows.chunks_exact_mut(dim).enumerate() {
                row.fill(0.0);
                write(block * BLOCK + index, &mut scratch, &mut row);
                normalise_into(&row, out);
            }
        });
    }
    Dense::new(rows, dim, values)
}

/// Writes `row` at length 1 to `out`, or zeros if it has no length.
pub(crate) fn normalise_into(row: &[f64], out: &mut [f32]) {
    // Divided by the largest magnitude first: the squares of very large or small numbers leave the range of f64.
    let largest = row.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
    if !(largest > 0.0 && largest.is_finite()) {
        out.fill(0.0);
        return;
    }
    let norm = row
        .iter()
        .map(|x| (x / largest) * (x / largest))
        .sum::<f64>()
        .sqrt();
    for (out, x) in out.iter_mut().zip(row) {
        *out = (x / largest / norm) as f32;
    }
}
