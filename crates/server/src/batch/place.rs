//! Where a run's files are.

use std::path::{Path, PathBuf};

mod directory;
#[cfg(feature = "object-store")]
mod store;

/// A place that files appear in complete or not at all.
pub trait Place: Send + Sync {
    /// What messages call a file.
    fn name(&self, file: &str) -> String;

    /// A file's bytes; `None` if there is none.
    fn read(&self, file: &str) -> anyhow::Result<Option<Vec<u8>>>;

    /// Puts a small file there.
    fn write(&self, file: &str, bytes: &[u8]) -> anyhow::Result<()>;

    /// The Parquet files, by name, and which run each is of.
    fn scores(&self) -> anyhow::Result<Vec<(String, Option<String>)>>;

    /// The path to write a file to before it is [put in its place](Self::publish).
    fn draft(&self, file: &str) -> PathBuf;

    /// Puts a written file in its place.
    fn publish(&self, file: &str) -> anyhow::Result<()>;
}

/// The place that `out` names: a directory, which is made if there is none, or a URL in an object store, as
/// `s3://bucket/scores`.
///
/// # Errors
///
/// If there is no such place, or the program was built without object stores.
pub fn place(out: &str) -> anyhow::Result<Box<dyn Place>> {
    match out.contains("://") {
        true => remote(out),
        false => Ok(Box::new(directory::Directory::open(Path::new(out))?)),
    }
}

#[cfg(feature = "object-store")]
fn remote(url: &str) -> anyhow::Result<Box<dyn Place>> {
    Ok(Box::new(store::Store::open(url)?))
}

#[cfg(not(feature = "object-store"))]
fn remote(url: &str) -> anyhow::Result<Box<dyn Place>> {
    anyhow::bail!(
        "{url} is in an object store, which this program was built without. Build it with --features object-store, or name a directory"
    )
}

/// Whether a file in the place is one that readers of Parquet take.
fn is_scores(name: &str) -> bool {
    !name.starts_with(['_', '.']) && name.ends_with(".parquet")
}
