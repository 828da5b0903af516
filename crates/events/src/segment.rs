use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use crate::{Batch, Error, Record, directory::Directory, frame};

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Segment<R> {
    pub(crate) number: u64,
    path: PathBuf,
    file: File,
    /// Where the next frame goes; all before it is on disk.
    end: u64,
    /// When its first frame was recorded, in milliseconds since 1970.
    pub(crate) first_at_ms: Option<i64>,
    broken: bool,
    _kind: PhantomData<fn(R)>,
}

impl<R: Record> Segment<R> {
    /// Starts a segment.
    pub(crate) fn create(directory: &Directory, number: u64) -> Result<Self, Error> {
        let path = directory.segment(number);
        let mut file = File::create_new(&path).map_err(Error::io("create", &path))?;
        let written = file.write_all(R::HEADER).and_then(|()| file.sync_all());
        let durable = written
            .map_err(Error::io("write", &path))
            .and_then(|()| directory.sync());
        if let Err(error) = durable {
            // Best effort: the next attempt must find the name free.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            number,
            path,
            file,
            end: R::HEADER.len() as u64,
            first_at_ms: None,
            broken: false,
            _kind: PhantomData,
        })
    }

    /// Opens the last segment of a log to go on with it. A frame that was not completed is moved aside.
    pub(crate) fn open(directory: &Directory, number: u64) -> Result<(Self, Vec<Batch<R>>), Error> {
        let path = directory.segment(number);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let scan = frame::scan(R::HEADER, number, &bytes);
        if let Some(fault) = &scan.fault {
            if !fault.last {
                return Err(damaged(&path, scan.end, fault.found));
            }
            if scan.end < bytes.len() {
                let torn = directory.torn(number);
                write_durably(&torn, &bytes[scan.end..]).map_err(Error::io("write", &torn))?;
            }
        }
        let batches = decode(&path, &scan.payloads)?;
        let open = || -> io::Result<(File, u64)> {
            let mut file = File::options().write(true).open(&path)?;
            file.set_len(scan.end as u64)?;
            let mut end = scan.end as u64;
            if end == 0 {
                file.write_all(R::HEADER)?;
                end = R::HEADER.len() as u64;
            }
            // What a killed process wrote may be complete and yet not be on disk.
            file.sync_all()?;
            Ok((file, end))
        };
        let (file, end) = open().map_err(Error::io("write", &path))?;
        directory.sync()?;
        let segment = Self {
            number,
            path,
            file,
            end,
            first_at_ms: batches.first().map(|batch: &Batch<R>| batch.recorded_at_ms),
            broken: false,
            _kind: PhantomData,
        };
        Ok((segment, batches))
    }

    /// How many bytes it has.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    /// Whether nothing was recorded in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == R::HEADER.len() as u64
    }

    /// Writes a frame and waits until it is on disk. After an error the frame is not part of the segment, unless the disk
    /// kept it against its word; then nothing more is written until the segment was opened anew.
    pub(crate) fn append(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.check()?;
        let frame = frame::encode(self.number, self.end, payload);
        if let Err(error) = self.write(&frame) {
            self.broken = self.truncate().is_err();
            return Err(Error::io("write", &self.path)(error));
        }
        if let Err(error) = self.file.sync_data() {
            // The system may have dropped the pages and forgotten the failure: trying again would prove nothing.
            self.broken = true;
            return Err(Error::io("sync", &self.path)(error));
        }
        self.end += frame.len() as u64;
        Ok(())
    }

    /// # Errors
    ///
    /// If nobody can say what the disk has of it. Such a segment must stay the last: only that one may have a torn end.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let path = self.path.clone();
        match self.broken {
            true => Err(Error::Broken { path }),
            false => Ok(()),
        }
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(frame)
    }

    /// Takes back what was written of a frame, most often for want of room.
    fn truncate(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.sync_all()
    }
}

/// Reads a segment that is complete.
pub(crate) fn read<R: Record>(path: &Path, number: u64) -> Result<Vec<Batch<R>>, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let scan = frame::scan(R::HEADER, number, &bytes);
    match &scan.fault {
        Some(fault) => Err(damaged(path, scan.end, fault.found)),
        None => decode(path, &scan.payloads),
    }
}

/// Reads a segment that may be written to at the same time: what does not fit at its end is not there yet.
pub(crate) fn peek<R: Record>(path: &Path, number: u64) -> Result<Vec<Batch<R>>, Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let scan = frame::scan(R::HEADER, number, &bytes);
    match &scan.fault {
        Some(fault) if !fault.last => Err(damaged(path, scan.end, fault.found)),
        _ => decode(path, &scan.payloads),
    }
}

fn decode<R: Record>(path: &Path, payloads: &[(usize, &[u8])]) -> Result<Vec<Batch<R>>, Error> {
    payloads
        .iter()
        .map(|&(offset, payload)| {
            Batch::decode(payload)
                .ok_or_else(|| damaged(path, offset, "a frame holds other records"))
        })
        .collect()
}

fn damaged(path: &Path, offset: usize, found: &'static str) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        offset: offset as u64,
        found,
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
