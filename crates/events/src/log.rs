use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, channel, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossfade_experiments::Exposure;

use crate::{
    Compacted, Error, Event, Memory, Record, Recorded, directory::Directory, writer::Writer,
};

/// Requests that may wait to be written.
const WAITING: usize = 1_024;

/// What recording comes to. Callers that shared a write share its error.
pub type Result<T> = std::result::Result<T, Arc<Error>>;

/// How a log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes after which a segment is closed.
    pub segment_bytes: u64,
    /// A record is known for a duplicate while fewer than so many younger ones have been recorded.
    pub window: usize,
    /// Of a log of plays: how many of a user's newest ones are held for answers.
    pub per_user: usize,
}

impl Default for Options {
    /// Segments of 16 MiB, a window of a million records, and 1,000 plays a user.
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            window: 1_000_000,
            per_user: 1_000,
        }
    }
}

/// What became of a record. Either way it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was recorded.
    Accepted,
    /// It had been recorded before, and nothing changed.
    Duplicate,
}

/// Whom to tell what came of it.
pub(crate) type Reply<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// What the writing thread is asked to do.
pub(crate) enum Command<R> {
    Record(Vec<R>, Reply<Vec<Outcome>>),
    /// Close the segment, if its first record is so old.
    Close(Duration, Reply<()>),
}

/// What the writing thread and all others see.
#[derive(Debug)]
pub(crate) struct Shared<R: Record> {
    pub(crate) directory: Directory,
    pub(crate) options: Options,
    pub(crate) memory: Mutex<R::Memory>,
    /// One compaction at a time.
    pub(crate) compacting: Mutex<()>,
    /// Number of the segment that is written to.
    open: AtomicU64,
    /// Number of the oldest segment whose ids are still needed.
    oldest: AtomicU64,
}

impl<R: Record> Shared<R> {
    pub(crate) fn opened(&self, segment: u64) {
        self.open.store(segment, Ordering::Release);
    }

    /// Forgets what lies in segments before `oldest`.
    pub(crate) fn keep_from(&self, oldest: u64) {
        if self.oldest.swap(oldest, Ordering::AcqRel) != oldest {
            lock(&self.memory).forget(oldest);
        }
    }

    pub(crate) fn open_segment(&self) -> u64 {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn oldest_kept(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }
}

/// A log that is open for recording. Dropping it finishes what is under way.
#[derive(Debug)]
pub struct Log<R: Record> {
    shared: Arc<Shared<R>>,
    commands: Option<SyncSender<Command<R>>>,
    writer: Option<JoinHandle<()>>,
}

/// A log of plays.
pub type EventLog = Log<Event>;

/// A log of lists that were shown as part of an experiment.
pub type ExposureLog = Log<Exposure>;

impl<R: Record> Log<R> {
    /// Opens the log in `directory`, which is made if it is missing, and reads what it keeps.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if another process has it open, [`Error::Damaged`] if a segment is not what was written, and
    /// [`Error::Io`].
    pub fn open(directory: impl AsRef<Path>, options: Options) -> std::result::Result<Self, Error> {
        let directory = directory.as_ref();
        let shared = Arc::new(Shared {
            directory: Directory::open(directory)?,
            options,
            memory: Mutex::default(),
            compacting: Mutex::default(),
            open: AtomicU64::new(0),
            oldest: AtomicU64::new(0),
        });
        let writer = Writer::open(Arc::clone(&shared))?;
        let (commands, received) = sync_channel(WAITING);
        let writer = thread::Builder::new()
            .name("events".into())
            .spawn(move || writer.run(&received))
            .map_err(Error::io("start a thread for", directory))?;
        Ok(Self {
            shared,
            commands: Some(commands),
            writer: Some(writer),
        })
    }

    /// Records and waits until it is on disk; an outcome for each. All are recorded or none.
    ///
    /// # Errors
    ///
    /// If they could not be written; then none of them counts, and they may be sent again.
    pub fn record(&self, records: Vec<R>) -> Result<Vec<Outcome>> {
        wait(|reply| self.submit(records, reply))
    }

    /// As [`record`](Self::record), without waiting: `reply` is called once, on the writing thread or at once.
    pub fn submit(
        &self,
        records: Vec<R>,
        reply: impl FnOnce(Result<Vec<Outcome>>) + Send + 'static,
    ) {
        match records.iter().try_for_each(R::check) {
            Ok(()) => self.send(Command::Record(records, Box::new(reply))),
            Err(error) => reply(Err(Arc::new(error))),
        }
    }

    /// Closes the segment that is written to, if its first record was made so long ago, so that it can be compacted.
    ///
    /// # Errors
    ///
    /// If another segment cannot be made.
    pub fn close_segment(&self, older_than: Duration) -> Result<()> {
        wait(|reply| self.send(Command::Close(older_than, Box::new(reply))))
    }

    /// Writes each closed segment that is not there as Parquet yet, and removes those that are and are no longer needed.
    ///
    /// A Parquet file appears in one rename, and a segment goes only after it: killed at any moment, each record is in one
    /// Parquet file or will be.
    ///
    /// # Errors
    ///
    /// If a segment is damaged or the disk refuses. What was not done is done by the next call.
    pub fn compact(&self) -> std::result::Result<Compacted, Error> {
        crate::compact::compact(&self.shared)
    }

    fn send(&self, command: Command<R>) {
        let refused = match &self.commands {
            None => Some((command, Error::Closed)),
            Some(commands) => match commands.try_send(command) {
                Ok(()) => None,
                Err(TrySendError::Full(command)) => Some((command, Error::Overloaded)),
                Err(TrySendError::Disconnected(command)) => Some((command, Error::Closed)),
            },
        };
        match refused {
            Some((Command::Record(_, reply), error)) => reply(Err(Arc::new(error))),
            Some((Command::Close(_, reply), error)) => reply(Err(Arc::new(error))),
            None => {}
        }
    }
}

impl EventLog {
    /// The newest plays of a user, oldest first.
    pub fn recent(&self, user_id: &str) -> Vec<Recorded> {
        lock(&self.shared.memory).of(user_id)
    }
}

impl<R: Record> Drop for Log<R> {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(writer) = self.writer.take() {
            // A panic there has been reported already.
            let _ = writer.join();
        }
    }
}

fn wait<T: Send + 'static>(begin: impl FnOnce(Reply<T>)) -> Result<T> {
    let (sender, answer) = channel();
    begin(Box::new(move |result| drop(sender.send(result))));
    let lost = || Err(Arc::new(Error::Closed));
    answer.recv().unwrap_or_else(|_| lost())
}

/// What these locks guard is changed in single steps: a panic leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
