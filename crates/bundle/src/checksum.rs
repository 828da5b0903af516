use std::{fs, path::Path};

use crate::{Error, FileEntry, damaged};

/// Hashes a file of a bundle.
pub(crate) fn entry(directory: &Path, name: &str) -> Result<FileEntry, Error> {
    let path = directory.join(name);
    let bytes = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_mmap_rayon(&path)
        .map_err(Error::io("read", &path))?;
    Ok(FileEntry {
        name: name.to_owned(),
        bytes,
        blake3: hasher.finalize().to_hex().to_string(),
    })
}

/// Checks that a file still has the bytes it was published with.
pub(crate) fn verify(directory: &Path, expected: &FileEntry) -> Result<(), Error> {
    let path = directory.join(&expected.name);
    let length = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
    // The length first: it is cheap, and hashing a huge stray file is not.
    if length != expected.bytes {
        let found = format!("it has {length} bytes instead of {}", expected.bytes);
        return Err(damaged(&path, found));
    }
    let found = entry(directory, &expected.name)?;
    if found.blake3 != expected.blake3 {
        return Err(damaged(
            &path,
            "its BLAKE3 hash is not the one in the manifest",
        ));
    }
    Ok(())
}
