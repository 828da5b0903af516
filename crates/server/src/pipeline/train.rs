use chrono::Utc;
use crossfade_blend::Engine;
use crossfade_bundle::{Publication, Store};
use crossfade_index::Recall;
use serde::Serialize;

use super::{
    Content, Findings, Observer, Sources, StageTime, Stages, Stop, World, check_recall, cluster,
    embed,
    fit::{EpochReport, Plays, liked, model},
    keeper::Keeper,
    label, load, validate, with_graph,
};
use crate::settings::Settings;

/// What to train on, and where to.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// Plays and tracks.
    pub sources: &'a Sources,
    /// Where checkpoints are kept meanwhile, and the bundle is published.
    pub store: &'a Store,
    /// Whether to go on from the checkpoint that an earlier training left in the store; otherwise, and where there is none,
    /// training starts anew.
    pub resume: bool,
    /// Asks it to stop.
    pub stop: &'a Stop,
}

/// What a training did.
#[derive(Debug, Clone, Serialize)]
pub struct TrainReport {
    /// The bundle that was published and activated.
    pub version: String,
    /// Rows of the play log.
    pub rows: u64,
    /// Users.
    pub users: usize,
    /// Tracks, cold ones included.
    pub tracks: usize,
    /// Tracks without listeners.
    pub cold_tracks: usize,
    /// Of these, tracks whose factors were predicted of what is known of them.
    pub predicted_tracks: usize,
    /// Distinct pairs of user and track.
    pub pairs: usize,
    /// Length of the factors.
    pub dim: usize,
    /// Length of the content embeddings.
    pub content_dim: usize,
    /// How rows were solved.
    pub solver: crossfade_mf::Solver,
    /// Every epoch of the final training.
    pub epochs: Vec<EpochReport>,
    /// How many of them an earlier training had done, where it was gone on from.
    pub resumed_after: Option<usize>,
    /// Mean seconds of an epoch.
    pub seconds_per_epoch: f64,
    /// Rankings on hidden plays; absent where validation was skipped.
    pub validation: Option<Findings>,
    /// How much the graph finds; empty where the catalogue is searched exactly.
    pub index_recall: Vec<Recall>,
    /// Time of each stage.
    pub stages: Vec<StageTime>,
    /// Rows of the play log that were rejected or changed, by reason.
    pub play_report: crossfade_ingest::Report,
    /// The same of the track table.
    pub track_report: crossfade_ingest::Report,
    /// Bundles that were removed to keep `bundles.keep`.
    pub removed: Vec<String>,
}

/// Reads, learns, checks and publishes. What was learned is kept in the store on the way, so that a training that ends
/// early, however it does, can be resumed to the same factors.
///
/// # Errors
///
/// If any stage fails; the store's active bundle then stays what it was. [`Interrupted`](super::Interrupted) if it was
/// asked to stop.
pub fn train(
    job: &Job<'_>,
    settings: &Settings,
    observer: Observer<'_>,
) -> anyhow::Result<TrainReport> {
    let checkpoints = job.store.checkpoints()?;
    let mut stages = Stages::new(settings, observer);
    let world = stages.run("read plays and tracks", |settings, observer| {
        load(job.sources, settings, observer)
    })?;
    let keeper = Keeper::new(checkpoints, job, &world, (settings, observer))?;
    let content = stages.run("embed tracks", |settings, _| {
        embed(&world.tracks, &settings.content)
    })?;
    let findings = match settings.validation.users {
        0 => None,
        _ => stages.run("validate on hidden plays", |settings, observer| {
            keeper.findings((&world, &content), (settings, observer), || {
                validate(&world, &content, (settings, observer))
            })
        })?,
    };
    publish(world, content, findings, (stages, job.store, keeper))
}

fn publish(
    mut world: World,
    content: Content,
    findings: Option<Findings>,
    (mut stages, store, mut keeper): (Stages<'_>, &Store, Keeper<'_>),
) -> anyhow::Result<TrainReport> {
    let plays = Plays::all(&mut world, stages.settings);
    let resumed_after = keeper.resumed_after();
    let most = stages.settings.factorisation.epochs;
    let enough = findings.as_ref().and_then(|found| found.enough_epochs);
    // What an earlier training has done already is not undone.
    let wanted = enough
        .unwrap_or(most)
        .clamp(resumed_after.unwrap_or(1), most);
    let (mut model, epochs) = stages.run("factorise", |settings, observer| {
        let (factors, epochs) = keeper.factorise(
            (&liked(&plays.strengths), &world.tracks),
            wanted,
            (settings, observer),
        )?;
        let model = model((&world, &content), plays, factors, settings)?;
        Ok((model, epochs))
    })?;
    model.factorisation.epochs = wanted;
    model.clusters = stages.run("cluster tracks", |settings, _| {
        cluster(&world.tracks, &settings.content)
    })?;
    model.labels = stages.run("predict labels", |settings, _| {
        label(&world.tracks, &settings.content)
    })?;
    if let Some(findings) = &findings {
        model.parameters = findings.parameters.clone();
    }
    let (engine, recall) = stages.run("build and check the index", |_, observer| {
        with_graph(Engine::new(model)?, observer)
    })?;
    let version = stages.run("publish", |settings, _| {
        let publication = Publication {
            engine: &engine,
            recall: recall.clone(),
            program_version: env!("CARGO_PKG_VERSION"),
            created_at: Utc::now(),
            training: serde_json::json!({
                "settings": settings,
                "validation": findings,
                "epochs": epochs,
                "rows": world.rows,
            }),
        };
        // What was measured above is in memory; what will be served is what can be read back.
        store.publish(&publication, |reopened| check_recall(reopened, &recall))
    })?;
    keeper.discard(stages.observer);
    let model = engine.model();
    let removed = store.prune(stages.settings.bundles.keep)?;
    let seconds: f64 = epochs.iter().map(|epoch| epoch.seconds).sum();
    Ok(TrainReport {
        version,
        rows: world.rows,
        users: model.users.len(),
        tracks: model.tracks.len(),
        cold_tracks: engine.cold_tracks(),
        predicted_tracks: engine.predicted_tracks(),
        pairs: model.history.nnz(),
        dim: model.track_factors.columns(),
        content_dim: model.embeddings.columns(),
        solver: model.factorisation.solver,
        seconds_per_epoch: seconds / epochs.len().max(1) as f64,
        epochs,
        resumed_after,
        validation: findings,
        index_recall: recall,
        stages: stages.times,
        play_report: world.play_report,
        track_report: world.track_report,
        removed,
    })
}
