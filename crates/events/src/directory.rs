//! The files of a log and their names.

use std::{
    collections::BTreeSet,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use crate::Error;

const LOCK: &str = ".lock";
const SEGMENT: &str = "log";
const COMPACTED: &str = "parquet";
const TORN: &str = "torn";

/// A log's directory, held locked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// What is in a log's directory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Numbers of the segments that are there.
    pub(crate) segments: BTreeSet<u64>,
    /// Numbers of the segments that are there as Parquet.
    pub(crate) compacted: BTreeSet<u64>,
}

impl Directory {
    /// Makes the directory if it is missing, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(Error::io("make", path))?;
        let lock = path.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(Error::io("open", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &lock)(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    pub(crate) fn list(&self) -> Result<Listing, Error> {
        Listing::of(&self.path)
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        segment(&self.path, number)
    }

    pub(crate) fn compacted(&self, number: u64) -> PathBuf {
        compacted(&self.path, number)
    }

    pub(crate) fn torn(&self, number: u64) -> PathBuf {
        file(&self.path, number, TORN)
    }

    /// Makes new and removed names last. Only Unix lets a directory be opened for that.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        match cfg!(unix) {
            true => File::open(&self.path).and_then(|directory| directory.sync_all()),
            false => Ok(()),
        }
        .map_err(Error::io("sync", &self.path))
    }
}

impl Listing {
    pub(crate) fn of(directory: &Path) -> Result<Self, Error> {
        let mut listing = Self::default();
        for entry in fs::read_dir(directory).map_err(Error::io("list", directory))? {
            let path = entry.map_err(Error::io("list", directory))?.path();
            let part = |part: Option<&std::ffi::OsStr>| part?.to_str().map(str::to_owned);
            let number = part(path.file_stem()).and_then(|stem| stem.parse::<u64>().ok());
            match (number, part(path.extension()).as_deref()) {
                (Some(number), Some(SEGMENT)) => drop(listing.segments.insert(number)),
                (Some(number), Some(COMPACTED)) => drop(listing.compacted.insert(number)),
                _ => {}
            }
        }
        Ok(listing)
    }
}

pub(crate) fn segment(directory: &Path, number: u64) -> PathBuf {
    file(directory, number, SEGMENT)
}

pub(crate) fn compacted(directory: &Path, number: u64) -> PathBuf {
    file(directory, number, COMPACTED)
}

fn file(directory: &Path, number: u64, extension: &str) -> PathBuf {
    directory.join(format!("{number:010}.{extension}"))
}
