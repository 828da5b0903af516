use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use super::{
    files::Part,
    source::{Batch, Source, Want},
};
use crate::{Error, Observer, Progress};

/// Batches decoded before they are asked for.
const AHEAD: usize = 4;

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
    /// Hands every batch to `sink`, file after file. A thread of its own decodes the next batches meanwhile, in the
    /// same order.
    pub(super) fn run(&self, sink: &mut impl Sink) -> Result<(), Error> {
        let (sender, receiver) = sync_channel(AHEAD);
        let (parts, wants, batch_rows) = (self.parts, self.wants, self.batch_rows);
        thread::scope(|scope| {
            scope.spawn(move || {
                let decoder = Decoder { sender };
                if let Err(Halt::Failed(error)) = decoder.run(parts, wants, batch_rows) {
                    // Should nobody wait for it any more, there is an earlier error.
                    let _ = decoder.sender.send(Err(error));
                }
            });
            let mut place = Place::new(parts);
            // Leaving the loop drops the receiver, which stops the decoder.
            for step in receiver {
                match step? {
                    Step::Opened(source) => {
                        place.open(&source);
                        sink.open(&source);
                        continue;
                    }
                    Step::Rows(batch) => {
                        sink.take(&batch)?;
                        place.advance(&batch);
                    }
                    Step::Closed => place.close(),
                }
                (self.progress)(place.progress());
            }
            Ok(())
        })
    }
}

/// What a decoder has come to.
enum Step<'a> {
    Opened(Arc<Source<'a>>),
    Rows(Batch<'a>),
    /// The file has no more rows.
    Closed,
}

/// Why a decoder ends early.
enum Halt {
    Failed(Error),
    /// Nobody takes the rows any more.
    Unwanted,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Decoder<'a> {
    sender: SyncSender<Result<Step<'a>, Error>>,
}

impl<'a> Decoder<'a> {
    fn run(&self, parts: &'a [Part], wants: &'a [Want], batch_rows: usize) -> Result<(), Halt> {
        for part in parts {
            let source = Arc::new(Source::open(part, wants, batch_rows)?);
            self.send(Step::Opened(Arc::clone(&source)))?;
            let mut row = 0;
            for group in 0..source.row_groups() {
                row += source.read_group(group, row, |batch| self.send(Step::Rows(batch)))?;
            }
            self.send(Step::Closed)?;
        }
        Ok(())
    }

    fn send(&self, step: Step<'a>) -> Result<(), Halt> {
        self.sender.send(Ok(step)).map_err(|_| Halt::Unwanted)
    }
}

/// How far a pass has come.
struct Place {
    /// Rows of the files before this one.
    rows: u64,
    /// Bytes of the files before this one.
    bytes: u64,
    total_bytes: u64,
    /// Rows of this file that were taken, and those its footer announces.
    taken: u64,
    announced: u64,
    file_bytes: u64,
}

impl Place {
    fn new(parts: &[Part]) -> Self {
        Self {
            rows: 0,
            bytes: 0,
            total_bytes: parts.iter().map(|part| part.bytes).sum(),
            taken: 0,
            announced: 0,
            file_bytes: 0,
        }
    }

    fn open(&mut self, source: &Source<'_>) {
        self.announced = source.rows();
        self.file_bytes = source.part.bytes;
    }

    fn advance(&mut self, batch: &Batch<'_>) {
        self.taken = batch.first_row + batch.rows as u64;
    }

    fn close(&mut self) {
        self.rows += self.taken;
        self.bytes += self.file_bytes;
        (self.taken, self.file_bytes) = (0, 0);
    }

    fn progress(&self) -> Progress {
        let share = (self.taken as f64 / self.announced.max(1) as f64).min(1.0);
        Progress {
            rows: self.rows + self.taken,
            bytes: self.bytes + (self.file_bytes as f64 * share) as u64,
            total_bytes: self.total_bytes,
        }
    }
}
