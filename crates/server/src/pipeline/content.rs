use anyhow::Context;
use crossfade_catalog::{CategoryColumn, TrackTable};
use crossfade_content::{Embedder, EmbeddingModel, Features, PcaEmbedder, ProvidedEmbedder};
use crossfade_matrix::Dense;

use crate::settings::{ContentSettings, EmbedderKind};

/// Column of the vectors that came with the tracks.
const EMBEDDING: &str = "embedding";

/// A fitted encoder and what it says of each track.
#[derive(Debug, Clone)]
pub struct Content {
    /// The encoder.
    pub encoder: EmbeddingModel,
    /// Tracks x content dim, unit or zero rows.
    pub embeddings: Dense,
}

/// Fits the encoder to the tracks and embeds them.
///
/// # Errors
///
/// If none of the columns that count tells tracks apart.
pub fn embed(table: &TrackTable, settings: &ContentSettings) -> anyhow::Result<Content> {
    let years = years(table);
    let features = features(table, &years);
    let encoder = match settings.embedder {
        EmbedderKind::Pca => PcaEmbedder::fit(&settings.schema, &settings.pca, &features)
            .map(EmbeddingModel::Pca)
            .context(
                "tracks cannot be embedded; see [content.schema] for the columns that count",
            )?,
        EmbedderKind::Provided => ProvidedEmbedder::fit(EMBEDDING, &features)
            .map(EmbeddingModel::Provided)
            .context("content.embedder is \"provided\", which needs a column of vectors")?,
    };
    let embeddings = encoder.embed(&features);
    Ok(Content {
        encoder,
        embeddings,
    })
}

fn years(table: &TrackTable) -> Vec<f32> {
    let year = |year: &Option<i16>| year.map_or(f32::NAN, f32::from);
    table.year.iter().map(year).collect()
}

/// The track table as the encoder sees it.
fn features<'a>(table: &'a TrackTable, years: &'a [f32]) -> Features<'a> {
    let mut features = Features::new(table.len());
    for column in &table.features {
        features = features.numeric(&column.name, column.values.as_slice());
    }
    if table.feature("year").is_none() {
        features = features.numeric("year", years);
    }
    for (name, column) in [
        ("artist", &table.artist),
        ("album", &table.album),
        ("genre", &table.genre),
    ] {
        features = category(features, name, column);
    }
    let lists = (0..table.tags.len() as u32).map(|track| table.tags.codes(track));
    features = features.tags("tags", lists, table.tags.names().iter());
    match &table.embedding {
        Some(provided) => features.vectors(EMBEDDING, provided.dim, provided.values.as_slice()),
        None => features,
    }
}

fn category<'a>(features: Features<'a>, name: &'a str, column: &'a CategoryColumn) -> Features<'a> {
    // Both crates mark a missing name by the largest code.
    const { assert!(CategoryColumn::MISSING == Features::MISSING) };
    features.category(name, column.codes(), column.names().iter())
}
