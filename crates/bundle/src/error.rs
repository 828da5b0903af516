use std::{io, path::PathBuf};

use arrow_schema::ArrowError;

/// Why a bundle could not be written, read or trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused. The bundle served before is untouched.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file's bytes are not those that were published. Roll back to another bundle or publish again.
    #[error("{} is damaged: {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        found: String,
    },
    /// An Arrow file could not be written or read.
    #[error("cannot {action} {}", path.display())]
    Arrow {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What Arrow said.
        source: ArrowError,
    },
    /// The bundle was written in a format this program does not read. Train again with this version, or serve the bundle
    /// with the version that wrote it.
    #[error("{} has bundle format {found}, this program reads format {supported}", path.display())]
    Format {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// What can be read.
        supported: u32,
    },
    /// The store has no bundle of that version; `bundle list` shows what it has.
    #[error("{} has no bundle {version}", root.display())]
    UnknownVersion {
        /// The store.
        root: PathBuf,
        /// The version asked for.
        version: String,
    },
    /// The store has no active bundle. Train one, or activate one that is there.
    #[error("{} has no active bundle", root.display())]
    NoneActive {
        /// The store.
        root: PathBuf,
    },
    /// Another training is going on in the store, and a store keeps one checkpoint. Wait for it, or use another store.
    #[error("another training is going on in {}", root.display())]
    Busy {
        /// The store.
        root: PathBuf,
    },
    /// There is no bundle older than the active one.
    #[error("{} has no bundle older than {version} to roll back to", root.display())]
    NothingOlder {
        /// The store.
        root: PathBuf,
        /// The active version.
        version: String,
    },
    /// The bundle is intact, but its parts cannot be answered from together.
    #[error("bundle {} cannot be served", path.display())]
    Engine {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it.
        source: crossfade_blend::Error,
    },
    /// The graph index could not be written or read.
    #[error("cannot {action} {}", path.display())]
    Index {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the index said.
        source: crossfade_index::Error,
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

    /// Names the place of an Arrow error; for `map_err`.
    pub(crate) fn arrow(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(ArrowError) -> Self {
        let path = path.into();
        move |source| Self::Arrow {
            action,
            path,
            source,
        }
    }
}
