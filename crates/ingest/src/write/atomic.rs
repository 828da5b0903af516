use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Error;

/// A file that appears under its name only when it is complete.
///
/// It is written under a hidden temporary name in the same directory, which [`commit`](Self::commit) flushes to disk and
/// renames over the target. Dropped before that, it is removed and the target stays as it was. (A killed process leaves the
/// temporary file behind; directories are read without it.)
#[derive(Debug)]
pub(super) struct AtomicFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl AtomicFile {
    pub(super) fn create(target: &Path) -> Result<Self, Error> {
        // Several writers of one process may have the same target; the last to commit wins.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}-{unique}.tmp", process::id()));
        let temporary = target.with_file_name(name);
        let file = File::create(&temporary).map_err(|source| failed("create", target, source))?;
        Ok(Self {
            file,
            temporary,
            target: target.to_path_buf(),
            committed: false,
        })
    }

    pub(super) fn commit(mut self) -> Result<(), Error> {
        let done = self
            .file
            .sync_all()
            .and_then(|()| fs::rename(&self.temporary, &self.target));
        done.map_err(|source| failed("finish writing", &self.target, source))?;
        self.committed = true;
        sync_directory(&self.target)
            .map_err(|source| failed("finish writing", &self.target, source))
    }
}

/// Makes the rename itself last. Only Unix lets a directory be opened for that.
fn sync_directory(target: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = target
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nobody is left to tell if this fails, and the name is ignored by readers.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}
