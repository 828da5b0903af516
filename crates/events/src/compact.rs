use std::fs;

use crate::{
    Error, Record,
    log::{Shared, lock},
    segment,
};

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments that were written as Parquet.
    pub segments: u64,
    /// How many records they hold.
    pub records: u64,
    /// Segments that were removed, because they were there as Parquet and their ids are no longer needed.
    pub removed: u64,
}

pub(crate) fn compact<R: Record>(shared: &Shared<R>) -> Result<Compacted, Error> {
    let _turn = lock(&shared.compacting);
    let directory = &shared.directory;
    // Asked for first: a segment that is closed only after the listing waits for the next time.
    let (open, oldest) = (shared.open_segment(), shared.oldest_kept());
    let listing = directory.list()?;
    let mut done = Compacted::default();
    for &number in listing.segments.range(..open) {
        if !listing.compacted.contains(&number) {
            done.records += write(shared, number)?;
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

fn write<R: Record>(shared: &Shared<R>, number: u64) -> Result<u64, Error> {
    let directory = &shared.directory;
    let batches = segment::read::<R>(&directory.segment(number), number)?;
    let mut records = batches.into_iter().flat_map(|batch| batch.records);
    Ok(R::write(&directory.compacted(number), &mut records)?)
}
