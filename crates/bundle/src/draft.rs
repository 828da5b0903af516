use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::Error;

/// Prefix of directories that are being written.
const PREFIX: &str = ".draft-";
/// Held locked by the writer of a draft for as long as it lives.
const LOCK: &str = ".lock";

/// A bundle that is being written; removed when dropped before it is published.
#[derive(Debug)]
pub(crate) struct Draft {
    directory: PathBuf,
    /// The lock goes when the process does, however it ends.
    _lock: File,
    published: bool,
}

impl Draft {
    /// Makes a new directory in `root` for a bundle to be written to.
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let directory = root.join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir(&directory).map_err(Error::io("create", &directory))?;
        let path = directory.join(LOCK);
        let lock = File::create_new(&path).map_err(Error::io("create", &path))?;
        lock.lock().map_err(Error::io("lock", &path))?;
        Ok(Self {
            directory,
            _lock: lock,
            published: false,
        })
    }

    /// Where the draft lies.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Gives the complete draft its final name. Until this one rename, no reader can see any of it.
    pub(crate) fn publish(mut self, destination: &Path) -> Result<(), Error> {
        let lock = self.directory.join(LOCK);
        fs::remove_file(&lock).map_err(Error::io("remove", &lock))?;
        sync_directory(&self.directory)?;
        fs::rename(&self.directory, destination).map_err(Error::io("publish", destination))?;
        self.published = true;
        match destination.parent() {
            Some(root) => sync_directory(root),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Best effort: what stays behind is swept by the next writer.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// Removes drafts whose writers are gone. The caller holds the store's lock, so no draft is being made meanwhile.
pub(crate) fn sweep(root: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(root).map_err(Error::io("list", root))? {
        let path = entry.map_err(Error::io("list", root))?.path();
        let is_draft = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if is_draft && is_abandoned(&path) {
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn is_abandoned(draft: &Path) -> bool {
    // Without a lock file its writer died while making or publishing it.
    File::open(draft.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok())
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io("sync", path))
}
