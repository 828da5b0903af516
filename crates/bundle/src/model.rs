//! The files of a bundle: which there are, and what each holds.

use std::{fs::File, io::Write, path::Path, sync::Arc, time::Duration};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use crossfade_blend::{Engine, Model};
use crossfade_content::Labels;
use crossfade_index::{Approximate, Costs};

use crate::{Error, Manifest, arrow_file, damaged};

mod labels;
mod tracks;

/// External ids, factors and taste vectors of the users.
const USERS: &str = "users.arrow";
/// The tracks and strengths of each user's plays, and times.
const HISTORY: &str = "history.arrow";
/// The list of times in it, where tastes depend on them.
const LAST_PLAYED: &str = "last_played";
/// What is known of the tracks.
const TRACKS: &str = "tracks.arrow";
/// Factors and content embeddings of the tracks.
const VECTORS: &str = "vectors.arrow";
/// Labels of the tracks as they are predicted; only where any are.
const LABELS: &str = "labels.arrow";
/// The fitted content encoder.
const ENCODER: &str = "encoder.json";

/// A graph over a part of the joint vectors; only large catalogues have any. (`graph.usearch` in bundles of earlier
/// versions is another format and left alone: exact search answers.)
fn graph_name(part: usize) -> String {
    format!("graph-{part}.usearch")
}

/// Writes the engine's files, durably, and returns their names.
pub(crate) fn write(directory: &Path, engine: &Engine) -> Result<Vec<String>, Error> {
    let model = engine.model();
    let batch = |name, columns: Result<Vec<(&str, ArrayRef)>, ArrowError>| {
        let path = directory.join(name);
        let batch = columns
            .and_then(RecordBatch::try_from_iter)
            .map_err(Error::arrow("write", &path))?;
        arrow_file::write(&path, &batch)
    };
    batch(USERS, user_columns(model))?;
    batch(HISTORY, history_columns(model))?;
    batch(VECTORS, vector_columns(model))?;
    let tracks = directory.join(TRACKS);
    let table = tracks::to_batch(&model.tracks, model.clusters.as_ref())
        .map_err(Error::arrow("write", &tracks))?;
    arrow_file::write(&tracks, &table)?;
    write_json(&directory.join(ENCODER), &model.encoder)?;

    let mut names = [USERS, HISTORY, TRACKS, VECTORS, ENCODER]
        .map(str::to_owned)
        .to_vec();
    if !model.labels.is_empty() {
        let path = directory.join(LABELS);
        let table = labels::to_batch(&model.labels).map_err(Error::arrow("write", &path))?;
        arrow_file::write(&path, &table)?;
        names.push(LABELS.to_owned());
    }
    if let Some(graph) = engine.index().approximate() {
        write_graph(directory, graph)?;
        names.extend((0..graph.parts()).map(graph_name));
    }
    Ok(names)
}

/// Maps the files of a verified bundle.
pub(crate) fn open(directory: &Path, manifest: &Manifest) -> Result<Engine, Error> {
    let users = Opened::map(directory, USERS)?;
    let history = Opened::map(directory, HISTORY)?;
    let tracks = Opened::map(directory, TRACKS)?;
    let vectors = Opened::map(directory, VECTORS)?;
    let clusters = tracks.get(|batch| tracks::clusters(batch, &manifest.clusters))?;
    let labels = read_labels(directory, manifest)?;
    let (tracks, user_ids) = rayon::join(
        || tracks.get(tracks::from_batch),
        || users.get(|batch| tracks::vocab(batch, "user_id")),
    );
    let (tracks, user_ids) = (tracks?, user_ids?);
    let learned = manifest.learned_tracks.map(|count| count as usize);
    let model = Model {
        learned_tracks: learned.unwrap_or(tracks.len()),
        users: Arc::new(user_ids),
        user_factors: users.get(|batch| arrow_file::dense(batch, "factors"))?,
        tastes: users.get(|batch| arrow_file::dense(batch, "taste"))?,
        history: history
            .get(|batch| arrow_file::sparse(batch, ["tracks", "strengths"], tracks.len()))?,
        last_played: history.get(|batch| arrow_file::listed(batch, LAST_PLAYED))?,
        tracks: Arc::new(tracks),
        track_factors: vectors.get(|batch| arrow_file::dense(batch, "factors"))?,
        embeddings: vectors.get(|batch| arrow_file::dense(batch, "embedding"))?,
        encoder: read_json(&directory.join(ENCODER))?,
        clusters,
        labels,
        factorisation: manifest.factorisation.clone(),
        taste: manifest.taste.clone(),
        index: manifest.index.clone(),
        parameters: manifest.blend.clone(),
    };
    let engine = Engine::new(model).map_err(|source| Error::Engine {
        path: directory.to_owned(),
        source,
    })?;
    let engine = open_graph(directory, manifest, engine)?;
    with_costs(directory, manifest, engine)
}

/// The labels that the manifest tells of.
fn read_labels(directory: &Path, manifest: &Manifest) -> Result<Labels, Error> {
    match manifest.labels.is_empty() {
        true => Ok(Labels::default()),
        false => {
            Opened::map(directory, LABELS)?.get(|batch| labels::from_batch(batch, &manifest.labels))
        }
    }
}

/// A mapped file and its path, for errors that name it.
struct Opened {
    path: std::path::PathBuf,
    batch: RecordBatch,
}

impl Opened {
    fn map(directory: &Path, name: &str) -> Result<Self, Error> {
        let path = directory.join(name);
        let batch = arrow_file::map(&path)?;
        Ok(Self { path, batch })
    }

    fn get<T>(&self, read: impl FnOnce(&RecordBatch) -> Result<T, ArrowError>) -> Result<T, Error> {
        read(&self.batch).map_err(Error::arrow("read", &self.path))
    }
}

type Columns = Result<Vec<(&'static str, ArrayRef)>, ArrowError>;

fn user_columns(model: &Model) -> Columns {
    Ok(vec![
        ("user_id", tracks::ids(&model.users)),
        (
            "factors",
            Arc::new(arrow_file::vectors(&model.user_factors)?),
        ),
        ("taste", Arc::new(arrow_file::vectors(&model.tastes)?)),
    ])
}

fn history_columns(model: &Model) -> Columns {
    let [tracks, strengths] = arrow_file::sparse_columns(&model.history)?;
    let times = model.last_played.as_ref();
    let times = times.map(|times| arrow_file::list_column(&model.history, times));
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("tracks", Arc::new(tracks)),
        ("strengths", Arc::new(strengths)),
    ];
    if let Some(times) = times {
        columns.push((LAST_PLAYED, Arc::new(times?)));
    }
    Ok(columns)
}

fn vector_columns(model: &Model) -> Columns {
    Ok(vec![
        (
            "factors",
            Arc::new(arrow_file::vectors(&model.track_factors)?),
        ),
        (
            "embedding",
            Arc::new(arrow_file::vectors(&model.embeddings)?),
        ),
    ])
}

fn write_graph(directory: &Path, graph: &Approximate) -> Result<(), Error> {
    let path = |part| directory.join(graph_name(part));
    graph.save(path).map_err(|source| Error::Index {
        action: "write the graph in",
        path: directory.to_owned(),
        source,
    })?;
    (0..graph.parts()).map(path).try_for_each(|path| {
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(Error::io("write", &path))
    })
}

fn open_graph(directory: &Path, manifest: &Manifest, engine: Engine) -> Result<Engine, Error> {
    let first = graph_name(0);
    if !manifest.files.iter().any(|file| file.name == first) {
        return Ok(engine);
    }
    let path = |part| directory.join(graph_name(part));
    let graph = Approximate::open(path, engine.index().rows(), &manifest.index);
    match graph {
        Ok(graph) => {
            let config = manifest.index.clone();
            Ok(engine.with_graph(graph, config, manifest.recall.clone()))
        }
        Err(source) => Err(Error::Index {
            action: "open the graph in",
            path: directory.to_owned(),
            source,
        }),
    }
}

/// The longest that opening a bundle measures what searches cost.
const MEASURING: Duration = Duration::from_millis(250);

/// Tells the engine what searches cost: as measured on this machine where that is soon done, or else when the bundle was
/// published. With a graph it is always the latter, since costs say when the graph answers.
fn with_costs(directory: &Path, manifest: &Manifest, mut engine: Engine) -> Result<Engine, Error> {
    let has_graph = engine.index().approximate().is_some();
    let kept = |costs: &&Costs| has_graph || Engine::calibrating(costs) > MEASURING;
    if let Some(costs) = manifest.costs.as_ref().filter(kept) {
        return Ok(engine.with_costs(costs.clone()));
    }
    if !has_graph {
        engine.calibrate().map_err(|source| Error::Engine {
            path: directory.to_owned(),
            source,
        })?;
    }
    Ok(engine)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Error> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| Error::io("write", path)(error.into()))?;
    File::create_new(path)
        .and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        })
        .map_err(Error::io("write", path))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, error))
}
