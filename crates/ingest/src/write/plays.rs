use std::{path::Path, sync::Arc};

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, StringBuilder, TimestampMillisecondBuilder, UInt32Builder,
};
use arrow_schema::{DataType, Field, TimeUnit};

use super::table::{BATCH_ROWS, Table, deltas, properties};
use crate::Error;

const ROW_GROUP_ROWS: usize = 1 << 20;

/// One listening event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Play<'a> {
    /// Who listened.
    pub user_id: &'a str,
    /// What was listened to.
    pub track_id: &'a str,
    /// When, in milliseconds since 1970 (UTC).
    pub played_at_ms: i64,
    /// For how many milliseconds.
    pub ms_played: u32,
    /// Whether the listener skipped the track.
    pub skipped: bool,
}

/// Writes a play log with the default [column names](crate::PlayColumns).
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same plays give the
/// same bytes. Rows stay in the order given; sorted by time or by user they compress best.
#[derive(Debug)]
pub struct PlayWriter {
    table: Table,
    user_id: StringBuilder,
    track_id: StringBuilder,
    played_at: TimestampMillisecondBuilder,
    ms_played: UInt32Builder,
    skipped: BooleanBuilder,
}

impl PlayWriter {
    /// Starts the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let fields = vec![
            Field::new("user_id", DataType::Utf8, false),
            Field::new("track_id", DataType::Utf8, false),
            Field::new("played_at", time, false),
            Field::new("ms_played", DataType::UInt32, false),
            Field::new("skipped", DataType::Boolean, false),
        ];
        let properties = deltas(properties(ROW_GROUP_ROWS), "played_at");
        let properties = deltas(properties, "ms_played");
        Ok(Self {
            table: Table::create(path.as_ref(), fields, properties.build())?,
            user_id: StringBuilder::new(),
            track_id: StringBuilder::new(),
            played_at: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            ms_played: UInt32Builder::new(),
            skipped: BooleanBuilder::new(),
        })
    }

    /// Appends a play.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn write(&mut self, play: &Play<'_>) -> Result<(), Error> {
        self.user_id.append_value(play.user_id);
        self.track_id.append_value(play.track_id);
        self.played_at.append_value(play.played_at_ms);
        self.ms_played.append_value(play.ms_played);
        self.skipped.append_value(play.skipped);
        if self.user_id.len() < BATCH_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Completes the file and returns how many plays it has.
    ///
    /// # Errors
    ///
    /// If the disk refuses; then there is no file.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.table.finish()
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.table.write(vec![
            Arc::new(self.user_id.finish()),
            Arc::new(self.track_id.finish()),
            Arc::new(self.played_at.finish()),
            Arc::new(self.ms_played.finish()),
            Arc::new(self.skipped.finish()),
        ])
    }
}
