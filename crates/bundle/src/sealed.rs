//! Files that end in the BLAKE3 hash of all their other bytes, and are replaced in one step.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{Error, damaged, draft::sync_directory};

/// Bytes that are gathered before they are hashed and written.
const CHUNK: usize = 1 << 20;

/// Puts what `write` writes in the place of the file at `path`. Until it is complete and durable, the earlier file stays
/// what it was. There may be only one writer at a time.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let aside = path.with_extension("part");
    let written = write_aside(&aside, write)
        .map_err(Error::io("write", &aside))
        .and_then(|()| fs::rename(&aside, path).map_err(Error::io("replace", path)));
    if written.is_err() {
        // Best effort, and most welcome where the disk is full.
        let _ = fs::remove_file(&aside);
    }
    written?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn write_aside(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let hashed = Hashed {
        file: File::create(path)?,
        hasher: blake3::Hasher::new(),
    };
    let mut writer = BufWriter::with_capacity(CHUNK, hashed);
    write(&mut writer)?;
    let Hashed { mut file, hasher } = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    file.write_all(hasher.finalize().as_bytes())?;
    file.sync_all()
}

/// A file and the hash of what was written to it so far.
struct Hashed {
    file: File,
    hasher: blake3::Hasher,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that [`replace`] wrote, verified and mapped.
#[derive(Debug)]
pub(crate) struct Sealed {
    path: PathBuf,
    map: memmap2::Mmap,
}

impl Sealed {
    /// Opens and verifies a file; `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, Error> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(Error::io("open", path))?,
        };
        #[expect(
            unsafe_code,
            reason = "sealed files are replaced and never written again"
        )]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("map", path))?;
        let path = path.to_owned();
        let sealed = Self { path, map };
        let Some((content, hash)) = sealed.map.split_last_chunk::<{ blake3::OUT_LEN }>() else {
            return Err(sealed.damaged("it is cut short"));
        };
        if blake3::Hasher::new().update_rayon(content).finalize() != *hash {
            return Err(sealed.damaged("its BLAKE3 hash is not the one it ends in"));
        }
        Ok(Some(sealed))
    }

    /// What was written.
    pub(crate) fn content(&self) -> &[u8] {
        &self.map[..self.map.len() - blake3::OUT_LEN]
    }

    /// The error for a file that is intact but makes no sense.
    pub(crate) fn damaged(&self, found: impl ToString) -> Error {
        damaged(&self.path, found)
    }
}
