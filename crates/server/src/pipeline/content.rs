use anyhow::Context;
use crossfade_catalog::{CategoryColumn, TrackTable};
use crossfade_content::{
    AutoencoderEmbedder, Choice, ClusterCount, Clustering, Clusters, Described, Embedder,
    EmbeddingModel, Error, Features, Known, Labels, PcaEmbedder, Prediction, ProvidedEmbedder,
    Standardised, mostly_measured, predict_factors, predict_labels,
};
use crossfade_matrix::Dense;

use super::World;
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
        EmbedderKind::Autoencoder => {
            AutoencoderEmbedder::fit(&settings.schema, &settings.autoencoder, &features)
                .map(EmbeddingModel::Autoencoder)
                .context(
                    "tracks cannot be embedded by their numbers; see [content.schema] for the columns that count",
                )?
        }
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

/// Clusters the tracks by their numeric columns; `None` where they are not wanted or no column tells tracks apart.
///
/// # Errors
///
/// If the schema is invalid.
pub fn cluster(table: &TrackTable, settings: &ContentSettings) -> anyhow::Result<Option<Clusters>> {
    let config = &settings.clusters;
    if config.count == ClusterCount::Given(0) {
        return Ok(None);
    }
    let years = years(table);
    let features = features(table, &years);
    let fit = |leave_out: &[String]| Standardised::fit(&settings.schema, leave_out, &features);
    let (clustered, told) = match (fit(&config.leave_out), fit(&[])) {
        (Ok(clustered), Ok(told)) => (clustered, told),
        (Err(Error::NothingKnown), _) | (_, Err(Error::NothingKnown)) => return Ok(None),
        (Err(error), _) | (_, Err(error)) => return Err(error.into()),
    };
    let count = match config.count {
        ClusterCount::Given(count) => count,
        ClusterCount::Auto => {
            let choices = Choice::compare(&clustered.points, config.seed);
            Choice::best(&choices).unwrap_or(1)
        }
    };
    let described = Described {
        clustered: &clustered,
        clustering: &Clustering::fit(&clustered.points, count, config.seed),
        told: &told,
        features: &features,
    };
    let is_named = |track| table.title.get(track).is_some();
    Ok(Some(Clusters::new(table.len(), &described, is_named)))
}

/// Predicts labels that only some tracks have by what is known of all.
///
/// # Errors
///
/// If the schema or [`ContentSettings::labels`] is invalid.
pub fn label(table: &TrackTable, settings: &ContentSettings) -> anyhow::Result<Labels> {
    let years = years(table);
    let features = features(table, &years);
    predict_labels(&settings.schema, &settings.labels, &features)
        .context("labels cannot be predicted; see [content.labels]")
}

/// The clusters, joined by the tracks behind those that they were made of.
///
/// # Errors
///
/// If the schema is invalid.
pub(super) fn join_clusters(
    clusters: &Clusters,
    table: &TrackTable,
    settings: &ContentSettings,
) -> anyhow::Result<Clusters> {
    let years = years(table);
    let leave_out = &settings.clusters.leave_out;
    let scaled = Standardised::fit(&settings.schema, leave_out, &features(table, &years))?;
    Ok(clusters.joined_by_new(table.len(), &scaled))
}

/// The factors, with those of tracks without listeners as they are predicted of what is known of them, if that is wanted; of
/// tracks of which nothing tells, they stay zero.
///
/// # Errors
///
/// As [`predicted`].
pub(super) fn placed(
    table: &TrackTable,
    settings: &ContentSettings,
    known: Known<'_>,
) -> anyhow::Result<Dense> {
    let is_cold = |track: usize| known.listeners[track] == 0;
    let tracks = table.len();
    if !settings.factors.enabled || !(0..tracks).any(is_cold) {
        return Ok(known.factors.clone());
    }
    let Prediction { factors, is_told } = predicted(table, settings, known)?;
    let dim = factors.columns();
    let mut placed = known.factors.as_slice().to_vec();
    for track in (0..tracks).filter(|&track| is_cold(track) && is_told[track]) {
        placed[track * dim..(track + 1) * dim].copy_from_slice(factors.row(track));
    }
    Ok(Dense::new(tracks, dim, placed))
}

/// A factor for every track by what is known of it, learned from those with listeners.
///
/// # Errors
///
/// If the schema or [`ContentSettings::factors`] is invalid.
pub(super) fn predicted(
    table: &TrackTable,
    settings: &ContentSettings,
    known: Known<'_>,
) -> anyhow::Result<Prediction> {
    let years = years(table);
    let features = features(table, &years);
    predict_factors(&settings.schema, &settings.factors, &features, known)
        .context("factors cannot be predicted; see [content.factors]")
}

/// Whether enough is known of each track to ask what can be said of it without plays: most of its numbers, or anything at
/// all where no track has numbers.
pub(super) fn described(world: &World, content: &Content, settings: &ContentSettings) -> Vec<bool> {
    let years = years(&world.tracks);
    let measured = mostly_measured(&settings.schema, &features(&world.tracks, &years));
    if measured.contains(&true) {
        return measured;
    }
    let known = |track| content.embeddings.row(track).iter().any(|&x| x != 0.0);
    (0..world.tracks.len()).map(known).collect()
}

/// The year of each track as a number.
pub(crate) fn years(table: &TrackTable) -> Vec<f32> {
    let year = |year: &Option<i16>| year.map_or(f32::NAN, f32::from);
    table.year.iter().map(year).collect()
}

/// The track table as the encoder sees it.
pub(crate) fn features<'a>(table: &'a TrackTable, years: &'a [f32]) -> Features<'a> {
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
