use std::{ops::Range, path::Path, sync::Arc};

use arrow_array::{
    ArrayRef,
    builder::{
        ArrayBuilder, BooleanBuilder, StringBuilder, TimestampMillisecondBuilder, UInt32Builder,
    },
};
use arrow_schema::{DataType, Field, TimeUnit};

use super::table::{BATCH_ROWS, Group, Table, deltas, properties};
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
    rows: Rows,
}

impl PlayWriter {
    /// Starts the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self {
            table: table(path.as_ref())?,
            rows: Rows::default(),
        })
    }

    /// Appends a play.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn write(&mut self, play: &Play<'_>) -> Result<(), Error> {
        match self.rows.push(play) {
            Some(batch) => self.table.write(batch),
            None => Ok(()),
        }
    }

    /// Completes the file and returns how many plays it has.
    ///
    /// # Errors
    ///
    /// If the disk refuses; then there is no file.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.table.write(self.rows.take())?;
        self.table.finish()
    }
}

/// Writes the file that a [`PlayWriter`] would, of `count` plays that can be made from any one on: row groups are made
/// and encoded in parallel, in rayon's current pool. The bytes do not depend on the number of threads.
///
/// `plays` is given ranges of rows and hands each play of a range, in order, to the function beside it. `written` is
/// told how many rows are in the file, now and then.
///
/// # Errors
///
/// If the disk refuses; then there is no file.
pub fn write_plays(
    path: impl AsRef<Path>,
    count: u64,
    plays: impl Fn(Range<u64>, &mut dyn FnMut(&Play<'_>) -> Result<(), Error>) -> Result<(), Error>
    + Sync,
    written: &dyn Fn(u64),
) -> Result<(), Error> {
    let rows = |group: usize| {
        let first = group as u64 * ROW_GROUP_ROWS as u64;
        first..count.min(first + ROW_GROUP_ROWS as u64)
    };
    let fill = |group: usize, into: &mut Group| {
        let mut pending = Rows::default();
        plays(rows(group), &mut |play| match pending.push(play) {
            Some(batch) => into.write(&batch),
            None => Ok(()),
        })?;
        into.write(&pending.take())
    };
    let groups = count.div_ceil(ROW_GROUP_ROWS as u64) as usize;
    table(path.as_ref())?.finish_with_groups(groups, fill, &mut |group| written(rows(group).end))
}

fn table(path: &Path) -> Result<Table, Error> {
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
    Table::create(path, fields, properties.build())
}

/// Plays that are not encoded yet, column by column.
#[derive(Debug)]
struct Rows {
    user_id: StringBuilder,
    track_id: StringBuilder,
    played_at: TimestampMillisecondBuilder,
    ms_played: UInt32Builder,
    skipped: BooleanBuilder,
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            user_id: StringBuilder::new(),
            track_id: StringBuilder::new(),
            played_at: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            ms_played: UInt32Builder::new(),
            skipped: BooleanBuilder::new(),
        }
    }
}

impl Rows {
    /// Adds a play. Returns the columns of all that were added when they are enough to be encoded.
    fn push(&mut self, play: &Play<'_>) -> Option<Vec<ArrayRef>> {
        self.user_id.append_value(play.user_id);
        self.track_id.append_value(play.track_id);
        self.played_at.append_value(play.played_at_ms);
        self.ms_played.append_value(play.ms_played);
        self.skipped.append_value(play.skipped);
        (self.user_id.len() == BATCH_ROWS).then(|| self.take())
    }

    /// Takes the columns.
    fn take(&mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.user_id.finish()),
            Arc::new(self.track_id.finish()),
            Arc::new(self.played_at.finish()),
            Arc::new(self.ms_played.finish()),
            Arc::new(self.skipped.finish()),
        ]
    }
}
