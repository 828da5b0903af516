use std::{path::Path, sync::Arc};

use arrow_array::{Float64Array, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};

use super::table::{Table, plain, properties};
use crate::Error;

/// Bounds what a writer holds in memory: about 20 MB a row group.
const ROW_GROUP_ROWS: usize = 1 << 18;

/// Rows of batch scoring, column by column; all columns have the same length.
///
/// `score` is the sum of the three others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores<'a> {
    /// For whom.
    pub user_id: Vec<&'a str>,
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
}

/// Writes batch scores: `user_id`, `rank`, `track_id`, `score`, `collaborative_score`, `content_score` and
/// `popularity_score`.
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same batches give the
/// same bytes.
#[derive(Debug)]
pub struct ScoreWriter {
    table: Table,
}

impl ScoreWriter {
    /// Starts the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let scores = [
            "score",
            "collaborative_score",
            "content_score",
            "popularity_score",
        ];
        let mut fields = vec![
            Field::new("user_id", DataType::Utf8, false),
            Field::new("rank", DataType::UInt32, false),
            Field::new("track_id", DataType::Utf8, false),
        ];
        fields.extend(scores.map(|name| Field::new(name, DataType::Float64, false)));
        let properties = scores.into_iter().fold(properties(ROW_GROUP_ROWS), plain);
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
            Arc::new(UInt32Array::from(scores.rank)),
            Arc::new(StringArray::from(scores.track_id)),
            Arc::new(Float64Array::from(scores.score)),
            Arc::new(Float64Array::from(scores.collaborative_score)),
            Arc::new(Float64Array::from(scores.content_score)),
            Arc::new(Float64Array::from(scores.popularity_score)),
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
