use std::fs;

use crossfade_ingest::{EventWriter, RecordedPlay};

use crate::{
    Error,
    log::{Shared, lock},
    segment,
};

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments that were written as Parquet.
    pub segments: u64,
    /// How many plays they hold.
    pub plays: u64,
    /// Segments that were removed, because they were there as Parquet and their ids are no longer needed.
    pub removed: u64,
}

pub(crate) fn compact(shared: &Shared) -> Result<Compacted, Error> {
    let _turn = lock(&shared.compacting);
    let directory = &shared.directory;
    // Asked for first: a segment that is closed only after the listing waits for the next time.
    let (open, oldest) = (shared.open_segment(), shared.oldest_kept());
    let listing = directory.list()?;
    let mut done = Compacted::default();
    for &number in listing.segments.range(..open) {
        if !listing.compacted.contains(&number) {
            done.plays += write(shared, number)?;
            done.segments += 1;
        }
        if number < oldest {
            let path = directory.segment(number);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
            // Most often there is none.
            let _ = fs::remove_file(directory.torn(number));
            done.removed += 1;
        }
    }
    Ok(done)
}

fn write(shared: &Shared, number: u64) -> Result<u64, Error> {
    let mut writer = EventWriter::create(shared.directory.compacted(number))?;
    for batch in segment::read(&shared.directory, number)? {
        for event in batch.events {
            writer.write(&RecordedPlay {
                event_id: &event.event_id,
                user_id: &event.user_id,
                track_id: &event.track_id,
                played_at_ms: event.played_at_ms,
                play_count: event.play_count,
                ms_played: event.ms_played,
                skipped: event.skipped,
            })?;
        }
    }
    Ok(writer.finish()?)
}
