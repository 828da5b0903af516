//! Files that appear complete or not at all.

use std::{
    fs::{File, remove_file, rename},
    io::{self, Write},
    path::Path,
};

/// Writes `bytes` beside `path`, makes them durable, and puts them in its place; until then what was there stays.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".writing-{name}-{}", std::process::id()));
    let mut file = File::create(&aside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| rename(&aside, path));
    if renamed.is_err() {
        // The reason is what failed before.
        let _ = remove_file(&aside);
    }
    renamed.and_then(|()| sync_directory(path))
}

/// Makes a new file's name last. Only Unix lets a directory be opened for that.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match cfg!(unix) {
        true => File::open(parent.unwrap_or(Path::new(".")))?.sync_all(),
        false => Ok(()),
    }
}
