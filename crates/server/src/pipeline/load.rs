use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crossfade_catalog::{TrackTable, Vocab};
use crossfade_ingest::{PlayLog, Progress, Report, read_plays, read_tracks};
use crossfade_matrix::Csr;

use super::{Event, Observer};
use crate::settings::Settings;

/// Where plays and tracks lie: files, directories or partitioned directories of Parquet.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The play log.
    pub plays: PathBuf,
    /// The track table.
    pub tracks: PathBuf,
}

/// Plays and tracks as they were read.
#[derive(Debug)]
pub struct World {
    /// Ids of the users.
    pub users: Arc<Vocab>,
    /// Ids and descriptions of the tracks; first those of the table, then those only played.
    pub tracks: Arc<TrackTable>,
    /// Strength of each user's plays, users x tracks.
    pub plays: Csr,
    /// When each pair was last played, in seconds since 1970, where plays have times.
    pub last_played: Option<Vec<u32>>,
    /// Rows of the play log.
    pub rows: u64,
    /// What was wrong with rows of the play log.
    pub play_report: Report,
    /// What was wrong with rows of the track table.
    pub track_report: Report,
}

/// Reads both sources.
///
/// # Errors
///
/// If a file cannot be read; the message names file, row group, column and remedy.
pub fn load(
    sources: &Sources,
    settings: &Settings,
    observer: Observer<'_>,
) -> anyhow::Result<World> {
    read_world(&sources.plays, Some(&sources.tracks), (settings, observer))
}

/// Reads plays, and the track table if there is one; otherwise tracks are known by their plays alone.
///
/// # Errors
///
/// As [`load`].
pub fn read_world(
    plays: &Path,
    tracks: Option<&Path>,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<World> {
    let (mut tracks, track_report) = match tracks {
        Some(path) => read_table(path, (settings, observer))?,
        None => <(TrackTable, Report)>::default(),
    };
    let log = read_log(plays, &mut tracks, (settings, observer))?;
    Ok(World {
        users: Arc::new(log.users),
        tracks: Arc::new(tracks),
        plays: log.strengths,
        last_played: log.last_played,
        rows: log.rows,
        play_report: log.report,
        track_report,
    })
}

/// Reads a track table.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn read_table(
    path: &Path,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<(TrackTable, Report)> {
    let (tracks, report) = read_tracks(path, &settings.tracks, &|read| progress(read, observer))?;
    note(&report, observer);
    Ok((tracks, report))
}

/// Reads a play log; tracks that are only in it are added to the table.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn read_log(
    path: &Path,
    tracks: &mut TrackTable,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<PlayLog> {
    let log = read_plays(path, &settings.plays, tracks, &|read| {
        progress(read, observer)
    })?;
    note(&log.report, observer);
    Ok(log)
}

fn progress(progress: Progress, observer: Observer<'_>) {
    observer(Event::Progress {
        done: progress.bytes,
        total: progress.total_bytes,
    });
}

fn note(report: &Report, observer: Observer<'_>) {
    if !report.is_clean() {
        observer(Event::Note(&report.to_string()));
    }
}
