use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use crossfade_events::{EventLog, Options};
use serde::Serialize;

use super::{
    args::{Events, EventsVerb, Record},
    client,
    ui::Ui,
};
use crate::pb;

/// What a compaction by hand did.
#[derive(Debug, Serialize)]
struct Report {
    segments: u64,
    plays: u64,
    removed: u64,
}

pub(super) fn run(args: &Events, ui: &Ui) -> anyhow::Result<()> {
    match &args.verb {
        EventsVerb::Compact { events } => compact(events, ui),
    }
}

fn compact(directory: &Path, ui: &Ui) -> anyhow::Result<()> {
    anyhow::ensure!(
        directory.is_dir(),
        "there is no directory {}; name the one that serve records in",
        directory.display()
    );
    let log = EventLog::open(directory, Options::default())?;
    log.close_segment(Duration::ZERO)?;
    let done = log.compact()?;
    let report = Report {
        segments: done.segments,
        plays: done.records,
        removed: done.removed,
    };
    ui.result(&report, |report| {
        format!(
            "{} plays of {} segments are Parquet now in {}, {} old segments were removed",
            report.plays,
            report.segments,
            directory.display(),
            report.removed
        )
    })
}

/// Reports plays to a server.
pub(super) fn record(args: &Record, ui: &Ui) -> anyhow::Result<()> {
    let now = SystemTime::now();
    let unique = now
        .duration_since(UNIX_EPOCH)
        .context("the clock is set before 1970")?
        .as_nanos();
    let events = args.tracks.iter().enumerate().map(|(place, track)| {
        let id = format!("{unique}-{}-{place}", std::process::id());
        pb::PlayEvent {
            event_id: args.event_id.clone().unwrap_or(id),
            user_id: args.user.clone(),
            track_id: track.track_id.clone(),
            played_at: Some(now.into()),
            ms_played: args.ms_played,
            play_count: track.play_count,
            skipped: args.skipped,
            attribution_token: args.attribution_token.clone(),
        }
    });
    let request = pb::RecordPlaysRequest {
        events: events.collect(),
    };
    let response = client::call(&args.server, async |client| {
        client.record_plays(request).await
    })?;
    client::show(ui, "RecordPlaysResponse", &response, |response| {
        let duplicates = response.duplicate_event_ids.len();
        format!(
            "{} plays recorded, {duplicates} known before",
            response.accepted
        ) + &client::unknown(&response.unknown_track_ids, None)
    })
}
