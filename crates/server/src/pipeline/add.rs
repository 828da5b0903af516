//! New tracks for a bundle, without training anew.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use chrono::Utc;
use crossfade_blend::{Engine, Model};
use crossfade_bundle::{Bundle, Publication, Store};
use crossfade_catalog::TrackTable;
use crossfade_content::{Embedder, EmbeddingModel, Known};
use crossfade_matrix::Dense;
use serde::Serialize;

use super::{
    Observer, StageTime, Stages, check_recall,
    content::{features, join_clusters, label, placed, years},
    fit::liked,
    read_table, with_graph,
};
use crate::settings::{ContentSettings, Settings};

/// What became of new tracks.
#[derive(Debug, Clone, Serialize)]
pub struct AddReport {
    /// The bundle that is active now.
    pub version: String,
    /// The bundle that the tracks were added to; the same where there were none.
    pub base: String,
    /// Tracks of the table that the bundle did not have.
    pub added: usize,
    /// Of these, tracks whose factors were predicted of what is known of them.
    pub predicted: usize,
    /// All tracks.
    pub tracks: usize,
    /// Time of each stage.
    pub stages: Vec<StageTime>,
    /// Rows of the track table that were rejected or changed, by reason.
    pub track_report: crossfade_ingest::Report,
    /// Bundles that were removed to keep `bundles.keep`.
    pub removed: Vec<String>,
}

/// Publishes the store's active bundle with those tracks of a table that it does not have. They get what training would give
/// to tracks without listeners: embedding, predicted factor and cluster. Users, and all tracks that were there, keep their
/// vectors to the bit.
///
/// # Errors
///
/// If any stage fails, or another bundle becomes active meanwhile; the active bundle then stays what it was.
pub fn add_tracks(
    (store, tracks): (&Store, &Path),
    settings: &Settings,
    observer: Observer<'_>,
) -> anyhow::Result<AddReport> {
    let mut stages = Stages::new(settings, observer);
    let bundle = stages.run("open the bundle", |_, _| {
        let version = store.current()?;
        Ok(store.load(&version)?)
    })?;
    let (table, track_report) = stages.run("read tracks", |settings, observer| {
        read_table(tracks, (settings, observer))
    })?;
    let base = bundle.engine.model();
    let rows: Vec<u32> = (0..table.len() as u32)
        .filter(|&row| base.tracks.ids.index_of(table.ids.id(row)).is_none())
        .collect();
    let mut report = AddReport {
        version: bundle.version.clone(),
        base: bundle.version.clone(),
        added: rows.len(),
        predicted: 0,
        tracks: base.tracks.len() + rows.len(),
        stages: Vec::new(),
        track_report,
        removed: Vec::new(),
    };
    if !rows.is_empty() {
        let mut added = TrackTable::default();
        added.append(&table, &rows);
        let engine = stages.run("describe the new tracks", |_, _| {
            Ok(Engine::new(extended(&bundle, &added)?)?)
        })?;
        report.predicted = engine.predicted_tracks() - bundle.engine.predicted_tracks();
        report.version = publish(engine, (&bundle, store), &mut stages)?;
        report.removed = store.prune(settings.bundles.keep)?;
    }
    report.stages = stages.times;
    Ok(report)
}

/// The bundle's model with further tracks.
fn extended(bundle: &Bundle, added: &TrackTable) -> anyhow::Result<Model> {
    let base = bundle.engine.model();
    let settings = described_by(bundle)?;
    if let (EmbeddingModel::Provided(_), Some(vectors)) = (&base.encoder, &added.embedding) {
        let (found, expected) = (vectors.dim, base.embeddings.columns());
        anyhow::ensure!(
            found == expected,
            "the new tracks come with vectors of {found} numbers, those of the bundle with {expected}; have them made by the \
             same model, or train anew"
        );
    }
    let mut tracks = (*base.tracks).clone();
    tracks.append(added, &Vec::from_iter(0..added.len() as u32));
    let new_years = years(added);
    let embeddings = base.encoder.embed(&features(added, &new_years));
    let history = base.history.widened(tracks.len());
    let known = Known {
        factors: &behind(
            &base.track_factors,
            &Dense::zeros(added.len(), base.track_factors.columns()),
        ),
        listeners: &liked(&history).column_counts(),
    };
    let all = placed(&tracks, &settings, known)?;
    let new = base.tracks.len() * all.columns();
    let new = Dense::new(added.len(), all.columns(), all.as_slice()[new..].to_vec());
    Ok(Model {
        users: Arc::clone(&base.users),
        user_factors: base.user_factors.clone(),
        track_factors: behind(&base.track_factors, &new),
        tastes: base.tastes.clone(),
        embeddings: behind(&base.embeddings, &embeddings),
        history,
        last_played: base.last_played.clone(),
        encoder: base.encoder.clone(),
        clusters: match &base.clusters {
            Some(clusters) => Some(join_clusters(clusters, &tracks, &settings)?),
            None => None,
        },
        labels: label(&tracks, &settings)?,
        factorisation: base.factorisation.clone(),
        learned_tracks: base.learned_tracks,
        taste: base.taste.clone(),
        index: base.index.clone(),
        parameters: base.parameters.clone(),
        tracks: Arc::new(tracks),
    })
}

/// How the training described tracks: new ones are to be described alike, whatever the settings are now.
fn described_by(bundle: &Bundle) -> anyhow::Result<ContentSettings> {
    let settings = bundle.manifest.training["settings"]["content"].clone();
    serde_json::from_value(settings).with_context(|| {
        format!(
            "bundle {} does not say how its tracks were described; train anew to add some",
            bundle.version
        )
    })
}

fn behind(first: &Dense, second: &Dense) -> Dense {
    let values = [first.as_slice(), second.as_slice()].concat();
    Dense::new(first.rows() + second.rows(), first.columns(), values)
}

fn publish(
    engine: Engine,
    (bundle, store): (&Bundle, &Store),
    stages: &mut Stages<'_>,
) -> anyhow::Result<String> {
    let (engine, recall) = stages.run("build and check the index", |_, observer| {
        with_graph(engine, observer)
    })?;
    stages.run("publish", |_, _| {
        let mut training = bundle.manifest.training.clone();
        training["tracks_added_to"] = bundle.version.clone().into();
        let publication = Publication {
            engine: &engine,
            recall: recall.clone(),
            program_version: env!("CARGO_PKG_VERSION"),
            created_at: Utc::now(),
            training,
        };
        store.publish(&publication, |reopened| {
            let active = store.current()?;
            anyhow::ensure!(
                active == bundle.version,
                "bundle {active} became active while tracks were added to {}; add them to that one",
                bundle.version
            );
            check_recall(reopened, &recall)
        })
    })
}
