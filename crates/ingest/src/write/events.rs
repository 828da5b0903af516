use std::{path::Path, sync::Arc};

use arrow_array::{
    ArrayRef,
    builder::{
        ArrayBuilder, BooleanBuilder, StringBuilder, TimestampMillisecondBuilder, UInt32Builder,
    },
};
use arrow_schema::{DataType, Field, TimeUnit};

use super::table::{BATCH_ROWS, Table, deltas, plain, properties};
use crate::Error;

const ROW_GROUP_ROWS: usize = 1 << 18;

/// A play as it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedPlay<'a> {
    /// Tells the event from all others.
    pub event_id: &'a str,
    /// Who listened.
    pub user_id: &'a str,
    /// What was listened to.
    pub track_id: &'a str,
    /// When, in milliseconds since 1970 (UTC).
    pub played_at_ms: i64,
    /// How often.
    pub play_count: u32,
    /// For how many milliseconds, where that is known.
    pub ms_played: Option<u32>,
    /// Whether the listener skipped the track.
    pub skipped: bool,
    /// The list that it came from, where that is known.
    pub attribution: Option<Attributed<'a>>,
}

/// A list that was shown as part of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributed<'a> {
    /// The experiment.
    pub experiment: &'a str,
    /// The request that the list answered.
    pub request_id: &'a str,
}

/// Writes a play log of recorded plays, with the default [column names](crate::PlayColumns), `event_id` before them, and
/// `experiment` and `request_id` after them.
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same plays give the
/// same bytes.
#[derive(Debug)]
pub struct EventWriter {
    table: Table,
    /// `event_id`, `user_id`, `track_id`.
    ids: [StringBuilder; 3],
    played_at: TimestampMillisecondBuilder,
    play_count: UInt32Builder,
    ms_played: UInt32Builder,
    skipped: BooleanBuilder,
    /// `experiment`, `request_id`.
    attribution: [StringBuilder; 2],
}

impl EventWriter {
    /// Starts the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let fields = vec![
            Field::new("event_id", DataType::Utf8, false),
            Field::new("user_id", DataType::Utf8, false),
            Field::new("track_id", DataType::Utf8, false),
            Field::new("played_at", time, false),
            Field::new("play_count", DataType::UInt32, false),
            Field::new("ms_played", DataType::UInt32, true),
            Field::new("skipped", DataType::Boolean, false),
            Field::new("experiment", DataType::Utf8, true),
            Field::new("request_id", DataType::Utf8, true),
        ];
        let properties = plain(plain(properties(ROW_GROUP_ROWS), "event_id"), "request_id");
        let properties = deltas(properties, "played_at");
        Ok(Self {
            table: Table::create(path.as_ref(), fields, properties.build())?,
            ids: Default::default(),
            played_at: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            play_count: UInt32Builder::new(),
            ms_played: UInt32Builder::new(),
            skipped: BooleanBuilder::new(),
            attribution: Default::default(),
        })
    }

    /// Appends a play.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn write(&mut self, play: &RecordedPlay<'_>) -> Result<(), Error> {
        let ids = [play.event_id, play.user_id, play.track_id];
        for (builder, id) in self.ids.iter_mut().zip(ids) {
            builder.append_value(id);
        }
        self.played_at.append_value(play.played_at_ms);
        self.play_count.append_value(play.play_count);
        self.ms_played.append_option(play.ms_played);
        self.skipped.append_value(play.skipped);
        let list = play
            .attribution
            .map(|list| [list.experiment, list.request_id]);
        for (at, builder) in self.attribution.iter_mut().enumerate() {
            builder.append_option(list.map(|list| list[at]));
        }
        match self.played_at.len() < BATCH_ROWS {
            true => Ok(()),
            false => self.flush(),
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
        let ids = self.ids.iter_mut();
        let mut columns: Vec<ArrayRef> = ids.map(|ids| Arc::new(ids.finish()) as _).collect();
        columns.push(Arc::new(self.played_at.finish()));
        columns.push(Arc::new(self.play_count.finish()));
        columns.push(Arc::new(self.ms_played.finish()));
        columns.push(Arc::new(self.skipped.finish()));
        let attribution = self.attribution.iter_mut();
        columns.extend(attribution.map(|ids| Arc::new(ids.finish()) as ArrayRef));
        self.table.write(columns)
    }
}
