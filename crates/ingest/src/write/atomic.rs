use std::{
    fs::{File, Permissions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::Error;

/// How the hidden name ends under which a file is written.
const SUFFIX: &str = ".tmp";

/// A file that appears under its name only when it is complete.
///
/// It is written under a hidden temporary name in the same directory, which [`commit`](Self::commit) flushes to disk and
/// renames over the target. Dropped before that, it is removed and the target stays as it was. (A killed process leaves the
/// temporary file behind; directories are read without it.)
#[derive(Debug)]
pub(super) struct AtomicFile {
    file: NamedTempFile,
    target: PathBuf,
}

impl AtomicFile {
    pub(super) fn create(target: &Path) -> Result<Self, Error> {
        let mut builder = tempfile::Builder::new();
        let prefix = prefix(target);
        builder.prefix(&prefix).suffix(SUFFIX);
        if let Some(permissions) = default_permissions() {
            builder.permissions(permissions);
        }
        let file = builder
            .tempfile_in(directory(target))
            .map_err(|source| failed("create", target, source))?;
        Ok(Self {
            file,
            target: target.to_path_buf(),
        })
    }

    pub(super) fn commit(self) -> Result<(), Error> {
        let Self { file, target } = self;
        let done = file
            .as_file()
            .sync_all()
            .and_then(|()| file.persist(&target).map_err(|error| error.error))
            .and_then(|_| sync_directory(&target));
        done.map_err(|source| failed("finish writing", &target, source))
    }
}

/// Removes what killed writers of `target` have left. A writer that is still at it then fails when it is done.
pub(super) fn sweep(target: &Path) -> Result<(), Error> {
    let prefix = prefix(target);
    // A directory that cannot be listed cannot be written to either, and whoever tries says why.
    let listed = std::fs::read_dir(directory(target)).into_iter().flatten();
    for entry in listed.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&*prefix) && name.ends_with(SUFFIX) {
            std::fs::remove_file(entry.path())
                .map_err(|source| failed("remove what is left of", target, source))?;
        }
    }
    Ok(())
}

/// How the hidden name begins under which a file is written.
fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default();
    format!(".writing-{}-", name.to_string_lossy())
}

/// What any new file gets, and not the privacy of other temporary files; the umask still applies.
#[cfg(unix)]
fn default_permissions() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn default_permissions() -> Option<Permissions> {
    None
}

/// Makes the rename itself last. Only Unix lets a directory be opened for that.
fn sync_directory(target: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(directory(target))?.sync_all(),
        false => Ok(()),
    }
}

fn directory(target: &Path) -> &Path {
    let parent = target.parent();
    let named = parent.filter(|parent| !parent.as_os_str().is_empty());
    named.unwrap_or(Path::new("."))
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}
