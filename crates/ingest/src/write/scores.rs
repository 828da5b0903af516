use std::{fs::File, io, ops::Range, path::Path, sync::Arc};

use arrow_array::{Float64Array, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};
use bytes::{Buf, Bytes};
use parquet::{
    errors::ParquetError,
    file::{
        metadata::{KeyValue, ParquetMetaDataReader},
        reader::{ChunkReader, Length},
    },
};

use super::{
    atomic,
    table::{Table, plain, properties},
};
use crate::Error;

/// Bounds what a writer holds in memory: about 20 MB a row group.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// Name of the file's metadata that says which run of scoring wrote it.
const RUN: &str = "crossfade.run";

/// Rows of batch scoring, column by column; all columns have the same length.
///
/// `score` is the sum of the four others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores<'a> {
    /// For whom.
    pub user_id: Vec<&'a str>,
    /// By which ranking.
    pub arm: Vec<&'a str>,
    /// Place in the user's list, from 1.
    pub rank: Vec<u32>,
    /// What is recommended.
    pub track_id: Vec<&'a str>,
    /// What the list is sorted by.
    pub score: Vec<f64>,
    /// The part from collaborative filtering.
    pub collaborative_score: Vec<f64>,
    /// The part from content.
    pub content_score: Vec<f64>,
    /// The part from popularity.
    pub popularity_score: Vec<f64>,
    /// The part from the preference for much or little played tracks.
    pub discovery_score: Vec<f64>,
}

/// Writes batch scores: `user_id`, `arm`, `rank`, `track_id`, `score`, `collaborative_score`, `content_score`,
/// `popularity_score` and `discovery_score`.
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same batches give the
/// same bytes.
#[derive(Debug)]
pub struct ScoreWriter {
    table: Table,
}

impl ScoreWriter {
    /// Starts the file that will be at `path`, of the run of that name; [`run_of_scores`] reads it back. What killed writers of
    /// that file have left is removed.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>, run: &str) -> Result<Self, Error> {
        let scores = [
            "score",
            "collaborative_score",
            "content_score",
            "popularity_score",
            "discovery_score",
        ];
        let mut fields = vec![
            Field::new("user_id", DataType::Utf8, false),
            Field::new("arm", DataType::Utf8, false),
            Field::new("rank", DataType::UInt32, false),
            Field::new("track_id", DataType::Utf8, false),
        ];
        fields.extend(scores.map(|name| Field::new(name, DataType::Float64, false)));
        let run = KeyValue::new(RUN.to_owned(), run.to_owned());
        let properties = properties(ROW_GROUP_ROWS).set_key_value_metadata(Some(vec![run]));
        let properties = scores.into_iter().fold(properties, plain);
        atomic::sweep(path.as_ref())?;
        Ok(Self {
            table: Table::create(path.as_ref(), fields, properties.build())?,
        })
    }

    /// Appends rows. Batches of some thousand rows are the most efficient.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    ///
    /// # Panics
    ///
    /// If the columns differ in length.
    pub fn write(&mut self, scores: Scores<'_>) -> Result<(), Error> {
        self.table.write(vec![
            Arc::new(StringArray::from(scores.user_id)),
            Arc::new(StringArray::from(scores.arm)),
            Arc::new(UInt32Array::from(scores.rank)),
            Arc::new(StringArray::from(scores.track_id)),
            Arc::new(Float64Array::from(scores.score)),
            Arc::new(Float64Array::from(scores.collaborative_score)),
            Arc::new(Float64Array::from(scores.content_score)),
            Arc::new(Float64Array::from(scores.popularity_score)),
            Arc::new(Float64Array::from(scores.discovery_score)),
        ])
    }

    /// Completes the file and returns how many rows it has.
    ///
    /// # Errors
    ///
    /// If the disk refuses; then there is no file.
    pub fn finish(self) -> Result<u64, Error> {
        self.table.finish()
    }
}

/// Which run of scoring wrote a file; none if it is a Parquet file from elsewhere.
///
/// # Errors
///
/// If it cannot be read or is not Parquet.
pub fn run_of_scores(path: &Path) -> Result<Option<String>, Error> {
    let file = File::open(path).map_err(|source| Error::Io {
        action: "open",
        path: path.to_path_buf(),
        source,
    })?;
    run_of(&file).map_err(|source| damaged(path, source))
}

/// The same of a file elsewhere, of `length` bytes, whose bytes `read` fetches; `path` is what errors call it. Only the
/// file's end is read.
///
/// # Errors
///
/// If it cannot be read or is not Parquet.
pub fn run_of_remote_scores(
    path: &Path,
    length: u64,
    read: &(dyn Fn(Range<u64>) -> io::Result<Bytes> + Send + Sync),
) -> Result<Option<String>, Error> {
    run_of(&Remote { length, read }).map_err(|source| damaged(path, source))
}

fn run_of(file: &impl ChunkReader) -> Result<Option<String>, ParquetError> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(file)?;
    let entries = metadata.file_metadata().key_value_metadata();
    let mut run = entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.key == RUN);
    Ok(run.find_map(|entry| entry.value.clone()))
}

fn damaged(path: &Path, source: ParquetError) -> Error {
    Error::Damaged {
        path: path.to_path_buf(),
        row_group: None,
        column: None,
        source,
    }
}

/// A file whose bytes are fetched when they are wanted.
struct Remote<'a> {
    length: u64,
    read: &'a (dyn Fn(Range<u64>) -> io::Result<Bytes> + Send + Sync),
}

impl Length for Remote<'_> {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Remote<'_> {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok((self.read)(start..self.length)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok((self.read)(start..start + length as u64)?)
    }
}
