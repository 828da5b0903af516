use std::path::{Path, PathBuf};

use anyhow::Context;
use crossfade_events::{Event, read_all};
use crossfade_experiments::{Exposure, Ledger, Played, Report, Trial};
use crossfade_ingest::{PlayColumns, read_recorded};

use super::Defined;

/// What a report is made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// Directories of lists that were shown; those of all servers.
    pub exposures: Vec<PathBuf>,
    /// Directories of plays that were recorded.
    pub events: Vec<PathBuf>,
    /// Other logs of plays, Parquet files or directories of them, which know of no tokens.
    pub plays: Vec<PathBuf>,
    /// What their columns are called.
    pub columns: PlayColumns,
}

/// A trial of a list.
pub(super) struct Kept {
    pub(super) user_id: String,
    pub(super) request_id: String,
    pub(super) trial: Trial,
}

/// What came of an experiment by a time in milliseconds since 1970.
///
/// # Errors
///
/// If something cannot be read or is damaged.
pub fn report(defined: &Defined, sources: &Sources, as_of_ms: i64) -> anyhow::Result<Report> {
    let ledger = gather(defined, (sources, as_of_ms), |_| {})?;
    let outcomes = ledger.finish(as_of_ms);
    Ok(Report::new(
        &defined.name,
        &defined.experiment,
        &outcomes,
        as_of_ms,
    ))
}

/// Enters the lists of an experiment, each of which is handed on besides, and then the plays.
pub(super) fn gather(
    defined: &Defined,
    (sources, as_of_ms): (&Sources, i64),
    mut listed: impl FnMut(Exposure),
) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::new(&defined.name, &defined.experiment);
    for directory in &sources.exposures {
        read_directory(directory, |exposure: Exposure| {
            if exposure.experiment == defined.name && exposure.shown_at_ms <= as_of_ms {
                ledger.show(&exposure.shown());
                listed(exposure);
            }
        })
        .context("what was shown cannot be read")?;
    }
    let mut enter = |played: Played<'_>, experiment: Option<&str>| {
        // A list of another experiment earns it nothing here.
        let is_here = experiment.is_none_or(|experiment| experiment == defined.name);
        if is_here && played.played_at_ms <= as_of_ms {
            ledger.play(&played);
        }
    };
    for directory in &sources.events {
        read_directory(directory, |event: Event| {
            let list = event.attribution.as_ref();
            let played = Played {
                user_id: &event.user_id,
                track_id: &event.track_id,
                played_at_ms: event.played_at_ms,
                request_id: list.map(|list| list.request_id.as_str()),
                skipped: event.skipped,
            };
            enter(played, list.map(|list| list.experiment.as_str()));
        })
        .context("what was played cannot be read")?;
    }
    for path in &sources.plays {
        read_recorded(path, &sources.columns, &mut |play| {
            let list = play.attribution;
            let played = Played {
                user_id: play.user_id,
                track_id: play.track_id,
                played_at_ms: play.played_at_ms,
                request_id: list.map(|list| list.request_id),
                skipped: play.skipped,
            };
            enter(played, list.map(|list| list.experiment));
        })
        .context("what was played cannot be read")?;
    }
    Ok(ledger)
}

fn read_directory<R: crossfade_events::Record>(
    directory: &Path,
    each: impl FnMut(R),
) -> anyhow::Result<()> {
    anyhow::ensure!(
        directory.is_dir(),
        "there is no directory {}; name one that serve records in",
        directory.display()
    );
    Ok(read_all(directory, each)?)
}
