use std::{fmt::Debug, path::Path};

use crossfade_ingest::Error as ParquetError;

use crate::{Error, Options};

/// A kind of record that a log can be of.
pub trait Record: Debug + Send + Sync + Sized + 'static {
    /// What a segment begins with; the last byte is the version of the format.
    const HEADER: &'static [u8; 16];
    /// What is held in memory of the records of the segments that are kept.
    type Memory: Memory<Self>;

    /// Tells the record from all others: records with the same key are the same.
    fn key(&self) -> u128;

    /// Whether it can be recorded.
    ///
    /// # Errors
    ///
    /// If a part of it is too long.
    fn check(&self) -> Result<(), Error>;

    /// Appends a [checked](Self::check) record.
    fn encode(&self, into: &mut Vec<u8>);

    /// Takes the first record off `bytes`; `None` if it is none.
    fn decode(bytes: &mut &[u8]) -> Option<Self>;

    /// Writes records as the Parquet file `path`, which appears when it is complete, and returns how many they are.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    fn write(path: &Path, records: &mut dyn Iterator<Item = Self>) -> Result<u64, ParquetError>;

    /// Hands on every record of such a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no such file.
    fn read(path: &Path, each: &mut dyn FnMut(Self)) -> Result<(), ParquetError>;
}

/// What is held of the records of the segments that are kept.
pub trait Memory<R>: Debug + Default + Send {
    /// Takes in what was recorded in a segment.
    fn add(&mut self, segment: u64, batch: Batch<R>, options: &Options);

    /// Forgets what lies in segments before `oldest`.
    fn forget(&mut self, oldest: u64);
}

/// Nothing is held.
impl<R> Memory<R> for () {
    fn add(&mut self, _segment: u64, _batch: Batch<R>, _options: &Options) {}

    fn forget(&mut self, _oldest: u64) {}
}

/// Records that were recorded at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<R> {
    /// In milliseconds since 1970.
    pub recorded_at_ms: i64,
    /// What was recorded.
    pub records: Vec<R>,
}

impl<R: Record> Batch<R> {
    /// Reads a frame's payload; `None` if it is none.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let (time, mut records) = payload.split_first_chunk()?;
        let recorded_at_ms = i64::from_le_bytes(*time);
        let mut batch = Self {
            recorded_at_ms,
            records: Vec::new(),
        };
        while !records.is_empty() {
            batch.records.push(R::decode(&mut records)?);
        }
        Some(batch)
    }
}
