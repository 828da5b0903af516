use std::{io, path::PathBuf};

/// Why something could not be recorded, read or compacted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: no permission, disk full. Nothing that was acknowledged is affected.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes that were once acknowledged are not what they were.
    #[error(
        "{} is damaged at byte {offset}: {found}; restore it from a copy, or move it away to go on without its records",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where, in bytes.
        offset: u64,
        /// What does not fit.
        found: &'static str,
    },
    /// Another process has the log open.
    #[error("{} is in use; a server that records there also compacts there, so either ask that one or stop it", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A sync failed earlier, after which nobody can say what is on disk; the log is read anew when it is next opened.
    #[error("{} failed to reach the disk earlier; see to the disk and start again", path.display())]
    Broken {
        /// The segment.
        path: PathBuf,
    },
    /// A text or a list is longer than a record can hold.
    #[error("a text or list has {length} bytes or entries, at most 65,535 can be recorded")]
    Long {
        /// Its length.
        length: usize,
    },
    /// As many requests as may wait are waiting.
    #[error("too much is waiting to be written; try again")]
    Overloaded,
    /// The log was closed, or its thread ended by a defect.
    #[error("the log is closed")]
    Closed,
    /// A segment could not be written as Parquet, and stays as it is to be tried again; or what was compacted cannot be read.
    #[error("what was recorded cannot be compacted")]
    Compaction {
        /// What the writer said.
        #[from]
        source: crossfade_ingest::Error,
    },
}

impl Error {
    /// Names the place of an I/O error; for `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
