use std::{io::ErrorKind, path::Path};

use crate::{
    Error, Record,
    directory::{Listing, compacted, segment},
    segment::peek,
};

/// Hands on everything that was recorded in a directory, in order: each record once, and what was acknowledged before the call
/// in any case. The log may be open elsewhere, recording and compacting meanwhile.
///
/// # Errors
///
/// If the directory or a file cannot be read, or is damaged.
pub fn read_all<R: Record>(directory: &Path, mut each: impl FnMut(R)) -> Result<(), Error> {
    let listing = Listing::of(directory)?;
    let numbers = listing.segments.union(&listing.compacted);
    for &number in numbers {
        let segment = segment(directory, number);
        // Of two files that hold the same, the one that no process removes.
        if listing.compacted.contains(&number) {
            R::read(&compacted(directory, number), &mut each)?;
            continue;
        }
        match peek::<R>(&segment, number) {
            Ok(batches) => {
                let records = batches.into_iter().flat_map(|batch| batch.records);
                records.for_each(&mut each);
            }
            // It was compacted and removed since it was listed.
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                R::read(&compacted(directory, number), &mut each)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
