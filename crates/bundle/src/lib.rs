//! Immutable, versioned directories that hold everything serving needs.
//!
//! A [`Store`] is a directory with one subdirectory per version and a file `CURRENT` that names the active one. A version
//! is written aside, made durable and renamed into place; its [`Manifest`] has the BLAKE3 hash of every file, and its
//! name has the hash of the manifest, so that a single flipped bit anywhere is found and named. Opening verifies all of
//! it, then maps factors, embeddings and histories into memory without copying them.
//!
//! A store also keeps the [`Checkpoints`] of a training on its way to a bundle.
//!
//! ```no_run
//! use crossfade_bundle::Store;
//!
//! let store = Store::open("bundles")?;
//! let bundle = store.load(&store.current()?)?;
//! println!("{} knows {} tracks", bundle.version, bundle.manifest.counts.tracks);
//! # Ok::<(), crossfade_bundle::Error>(())
//! ```

use std::path::Path;

mod arrow_file;
mod checkpoint;
mod checksum;
mod draft;
mod error;
mod fingerprint;
mod manifest;
mod model;
mod publish;
mod sealed;
mod store;

pub use checkpoint::{Checkpoint, CheckpointHead, Checkpoints, Origin};
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use manifest::{Counts, FORMAT, FileEntry, Manifest};
pub use publish::Publication;
pub use store::{Store, Summary};

/// A verified bundle, open for serving.
#[derive(Debug)]
pub struct Bundle {
    /// Its version.
    pub version: String,
    /// Its description.
    pub manifest: Manifest,
    /// What answers from it.
    pub engine: crossfade_blend::Engine,
}

fn damaged(path: &Path, found: impl ToString) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        found: found.to_string(),
    }
}
