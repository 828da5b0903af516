//! What a catalogue is like: its columns, how they go together, the clusters of its tracks, and what goes with popularity.
//!
//! [`analyze`] reads and computes, [`write`](Analysis::write) makes `analysis.html` and `analysis.json` of it. All that is
//! drawn is also in the JSON.

use std::path::{Path, PathBuf};

use anyhow::Context;
use crossfade_catalog::TrackTable;
use crossfade_content::{
    ClusterConfig, Error, Features, LabelReports, Standardised, correlations, predict_labels,
};
use crossfade_ingest::{PlayLog, Report};
use serde::Serialize;

use crate::{
    files::write_atomically,
    pipeline::{Observer, StageTime, Stages, features, read_log, read_table, years},
    settings::Settings,
};

mod clusters;
mod columns;
mod genres;
mod map;
mod page;
mod popularity;

pub use clusters::{ClusterEntry, ClusterReport, Example};
pub use columns::{Column, Odd};
pub use genres::{Genre, Genres};
pub use map::{Map, MapPoint};
pub use popularity::{Curve, Effect, Popularity, Step};

/// What to analyze.
#[derive(Debug, Clone)]
pub struct AnalysisSources {
    /// The track table.
    pub tracks: PathBuf,
    /// The play log, for what goes with popularity.
    pub plays: Option<PathBuf>,
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Analysis {
    /// Version of the program.
    pub program_version: &'static str,
    /// What was read.
    pub sources: Names,
    /// How much there is.
    pub counts: Counts,
    /// How clusters were asked for.
    pub cluster_settings: ClusterConfig,
    /// The numeric columns of the schema that the data has, in the schema's order.
    pub columns: Vec<Column>,
    /// How they go together.
    pub correlations: Correlations,
    /// The tracks along their two main directions; absent where fewer than two columns vary.
    pub map: Option<Map>,
    /// The clusters of the tracks.
    pub clusters: ClusterReport,
    /// How alike the genres are; absent where fewer than three are known well enough.
    pub genres: Option<Genres>,
    /// How well labels are predicted that only some tracks have; nothing where none can be.
    pub labels: LabelReports,
    /// What goes with popularity; absent without plays.
    pub popularity: Option<Popularity>,
    /// What was wrong with rows of the track table.
    pub track_report: Report,
    /// The same of the play log.
    pub play_report: Option<Report>,
    /// How long each stage took; not written, so that the same data give the same bytes.
    #[serde(skip)]
    pub stages: Vec<StageTime>,
}

/// Names of the files or directories that were read, without where they lie.
#[derive(Debug, Clone, Serialize)]
pub struct Names {
    /// The track table.
    pub tracks: String,
    /// The play log.
    pub plays: Option<String>,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// Tracks of the table.
    pub tracks: usize,
    /// Of these, tracks with at least one of the numeric columns known.
    pub described: usize,
    /// Of these, tracks all of whose columns have the same values as an earlier track's.
    pub repeated: usize,
    /// Artists.
    pub artists: usize,
    /// Genres.
    pub genres: usize,
    /// Rows of the play log.
    pub plays: Option<u64>,
    /// Users in it.
    pub users: Option<usize>,
}

/// Pearson's correlation of every pair of columns. Cyclic columns are left out: there is no line through a circle.
#[derive(Debug, Clone, Serialize)]
pub struct Correlations {
    /// Names of the columns; with plays, the last is `ln(1 + plays)`.
    pub columns: Vec<String>,
    /// The correlations over the tracks where both are known; null where one does not vary.
    pub values: Vec<Vec<Option<f64>>>,
}

/// What the parts of an analysis are made from.
struct World<'a> {
    table: &'a TrackTable,
    features: &'a Features<'a>,
    /// The columns that clusters depend on.
    clustered: Standardised,
    /// All numeric columns.
    told: Standardised,
    settings: &'a Settings,
}

/// Reads the sources and finds out all that can be.
///
/// # Errors
///
/// If a file cannot be read, or none of the schema's numeric columns has anything to tell; the message names the place and
/// the remedy.
pub fn analyze(
    sources: &AnalysisSources,
    settings: &Settings,
    observer: Observer<'_>,
) -> anyhow::Result<Analysis> {
    let mut stages = Stages::new(settings, observer);
    let (mut table, track_report) = stages.run("read tracks", |settings, observer| {
        read_table(&sources.tracks, (settings, observer))
    })?;
    let tracks = table.len();
    let log = match &sources.plays {
        Some(path) => Some(stages.run("read plays", |settings, observer| {
            read_log(path, &mut table, (settings, observer))
        })?),
        None => None,
    };
    let years = years(&table);
    let features = features(&table, &years);
    let world = World::new(&table, &features, settings).with_context(|| {
        format!(
            "{} has nothing to analyze: [content.schema] names the numeric columns that count, [tracks] features those \
             that are read",
            sources.tracks.display()
        )
    })?;
    let raw = columns::raw(&table, &years, (&settings.content.schema, tracks));
    let popularity = log
        .as_ref()
        .map(|log| popularity::of_tracks(log, table.len()));
    let (columns, correlations) = stages.run("describe columns", |settings, _| {
        let described = columns::describe(&raw);
        let cyclic = &settings.content.schema;
        Ok((described, correlate(&raw, cyclic, popularity.as_deref())))
    })?;
    let clusters = stages.run("cluster tracks", |_, _| clusters::cluster(&world))?;
    let (report, labels) = clusters;
    let map = stages.run("draw the map", |_, _| map::draw(&world, &labels))?;
    let genres = genres::compare(&world, &labels);
    let labels = stages.run("predict labels", |settings, _| {
        let content = &settings.content;
        let labels = predict_labels(&content.schema, &content.labels, &features)
            .context("labels cannot be predicted; see [content.labels]")?;
        Ok(labels.reports())
    })?;
    let popularity = match &popularity {
        Some(plays) => Some(stages.run("explain popularity", |_, _| {
            popularity::explain(&world, &raw, plays)
        })?),
        None => None,
    };
    Ok(Analysis {
        program_version: env!("CARGO_PKG_VERSION"),
        sources: Names {
            tracks: name(&sources.tracks),
            plays: sources.plays.as_deref().map(name),
        },
        counts: counts(&world, tracks, log.as_ref()),
        cluster_settings: settings.content.clusters.clone(),
        columns,
        correlations,
        map,
        clusters: report,
        genres,
        labels,
        popularity,
        track_report,
        play_report: log.map(|log| log.report),
        stages: stages.times,
    })
}

impl Analysis {
    /// Writes `analysis.json` and `analysis.html` to a directory, which is made if it is missing; each appears complete or
    /// not at all. Returns the path of the page.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn write(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let json = serde_json::to_vec(self).context("the numbers cannot be written as JSON")?;
        let page = directory.join("analysis.html");
        for (path, bytes) in [
            (&directory.join("analysis.json"), json.as_slice()),
            (&page, page::render(self).as_bytes()),
        ] {
            write_atomically(path, bytes)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(page)
    }
}

impl<'a> World<'a> {
    fn new(
        table: &'a TrackTable,
        features: &'a Features<'a>,
        settings: &'a Settings,
    ) -> Result<Self, Error> {
        let schema = &settings.content.schema;
        let told = Standardised::fit(schema, &[], features)?;
        let leave_out = &settings.content.clusters.leave_out;
        let clustered = match Standardised::fit(schema, leave_out, features) {
            // Where there is nothing else, what is otherwise left out has to do.
            Err(Error::NothingKnown) => told.clone(),
            fitted => fitted?,
        };
        Ok(Self {
            table,
            features,
            clustered,
            told,
            settings,
        })
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn correlate(
    raw: &[columns::Raw],
    schema: &crossfade_content::Schema,
    plays: Option<&[f64]>,
) -> Correlations {
    let is_linear = |column: &&columns::Raw| !columns::is_cyclic(schema, &column.name);
    let linear: Vec<&columns::Raw> = raw.iter().filter(is_linear).collect();
    let mut names: Vec<String> = linear.iter().map(|column| column.name.clone()).collect();
    let mut values: Vec<&[f32]> = linear
        .iter()
        .map(|column| column.values.as_slice())
        .collect();
    let rows = values.first().map_or(0, |values| values.len());
    let logs: Option<Vec<f32>> = plays.map(|plays| {
        plays
            .iter()
            .take(rows)
            .map(|plays| plays.ln_1p() as f32)
            .collect()
    });
    if let Some(logs) = &logs {
        names.push("ln(1 + plays)".to_owned());
        values.push(logs);
    }
    Correlations {
        values: correlations(&values),
        columns: names,
    }
}

fn counts(world: &World<'_>, tracks: usize, log: Option<&PlayLog>) -> Counts {
    let mut rows: Vec<&[f64]> = world.told.points.rows().collect();
    let described = rows.len();
    let order = |a: &&[f64], b: &&[f64]| {
        let pairs = a.iter().zip(*b).map(|(a, b)| a.total_cmp(b));
        pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    };
    rows.sort_unstable_by(order);
    rows.dedup();
    Counts {
        tracks,
        described,
        repeated: described - rows.len(),
        artists: world.table.artist.names().len(),
        genres: world.table.genre.names().len(),
        plays: log.map(|log| log.rows),
        users: log.map(|log| log.users.len()),
    }
}
