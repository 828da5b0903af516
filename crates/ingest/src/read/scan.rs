use super::{
    files::Part,
    source::{Batch, Source, Want},
};
use crate::{Error, Observer, Progress};

/// A pass over all rows of some files.
pub(super) struct Scan<'a> {
    pub(super) parts: &'a [Part],
    pub(super) wants: &'a [Want],
    pub(super) batch_rows: usize,
    pub(super) progress: Observer<'a>,
}

/// Something that takes in rows.
pub(super) trait Sink {
    /// A file has been opened; its rows follow.
    fn open(&mut self, _source: &Source<'_>) {}

    /// The next rows.
    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error>;
}

impl Scan<'_> {
    /// Hands every batch to `sink`, file after file.
    pub(super) fn run(&self, sink: &mut impl Sink) -> Result<(), Error> {
        let total_bytes = self.parts.iter().map(|part| part.bytes).sum();
        let (mut rows, mut done) = (0, 0);
        for part in self.parts {
            let source = Source::open(part, self.wants, self.batch_rows)?;
            sink.open(&source);
            let expected = source.rows().max(1) as f64;
            let mut row = 0;
            for group in 0..source.row_groups() {
                row += source.read_group(group, row, |batch| {
                    sink.take(&batch)?;
                    let so_far = batch.first_row + batch.rows as u64;
                    let share = (so_far as f64 / expected).min(1.0);
                    (self.progress)(Progress {
                        rows: rows + so_far,
                        bytes: done + (part.bytes as f64 * share) as u64,
                        total_bytes,
                    });
                    Ok(())
                })?;
            }
            rows += row;
            done += part.bytes;
            (self.progress)(Progress {
                rows,
                bytes: done,
                total_bytes,
            });
        }
        Ok(())
    }
}
