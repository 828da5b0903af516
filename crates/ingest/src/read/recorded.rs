use std::path::Path;

use arrow_array::{Array, Float64Array, Int64Array};

use super::{
    BATCH_ROWS,
    files::parts,
    kind::Kind,
    labels::{LONGEST_ID, Label, Labels},
    scan::{Scan, Sink},
    source::{Batch, Want},
    values,
};
use crate::{Attributed, Error, PlayColumns, Reason, RecordedPlay, Report};

/// Hands on every play of a log with its time, row by row: of a Parquet file, or a directory of them. Plays must say when they
/// happened; what else [recorded plays](crate::EventWriter) have is read where it is there, and an absent id of the event is empty.
///
/// Rows that cannot be used are counted in the report.
///
/// # Errors
///
/// If a file cannot be read or lacks a column.
pub fn read_recorded(
    path: impl AsRef<Path>,
    columns: &PlayColumns,
    each: &mut dyn FnMut(&RecordedPlay<'_>),
) -> Result<Report, Error> {
    let parts = parts(path.as_ref())?;
    let wants = [
        Want::required("user_id", &columns.user_id, Kind::Label),
        Want::required("track_id", &columns.track_id, Kind::Label),
        Want::required("played_at", &columns.played_at, Kind::Time),
        Want::optional("play_count", &columns.play_count, Kind::Number),
        Want::optional("ms_played", &columns.ms_played, Kind::Number),
        Want::optional("skipped", &columns.skipped, Kind::Flag),
        Want::optional("event_id", "event_id", Kind::Label),
        Want::optional("experiment", "experiment", Kind::Label),
        Want::optional("request_id", "request_id", Kind::Label),
    ];
    let mut reader = Reader {
        each,
        report: Report::default(),
    };
    let scan = Scan {
        parts: &parts,
        wants: &wants,
        batch_rows: BATCH_ROWS,
        progress: &|_| {},
    };
    scan.run(&mut reader)?;
    Ok(reader.report)
}

struct Reader<'a> {
    each: &'a mut dyn FnMut(&RecordedPlay<'_>),
    report: Report,
}

impl Sink for Reader<'_> {
    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let rows = Rows::new(batch);
        let mut scratch: [String; 5] = Default::default();
        for row in 0..batch.rows {
            match rows.get(row, &mut scratch) {
                Ok(play) => (self.each)(&play),
                Err(reason) => {
                    let place = batch.first_row + row as u64;
                    self.report.note(reason, &batch.part.path, place);
                }
            }
        }
        self.report.rows += batch.rows as u64;
        Ok(())
    }
}

/// The columns of a batch.
struct Rows {
    user_id: Option<Labels>,
    track_id: Option<Labels>,
    played_at: Option<Int64Array>,
    /// `play_count`, `ms_played`, `skipped`.
    numbers: [Option<Float64Array>; 3],
    /// `event_id`, `experiment`, `request_id`.
    ids: [Option<Labels>; 3],
}

impl Rows {
    fn new(batch: &Batch<'_>) -> Self {
        let labels = |column: usize| batch.columns[column].as_ref().map(Labels::new);
        let numbers = |column: usize| batch.columns[column].as_ref().map(values::numbers);
        Self {
            user_id: labels(0),
            track_id: labels(1),
            played_at: batch.columns[2].as_ref().map(values::milliseconds),
            numbers: [3, 4, 5].map(numbers),
            ids: [6, 7, 8].map(labels),
        }
    }

    fn get<'a>(
        &'a self,
        row: usize,
        scratch: &'a mut [String; 5],
    ) -> Result<RecordedPlay<'a>, Reason> {
        let [user, track, event, experiment, request] = scratch;
        let user_id = match required(self.user_id.as_ref(), row, user) {
            Label::Missing => return Err(Reason::MissingUserId),
            Label::NotUtf8 => return Err(Reason::UserIdNotUtf8),
            Label::Text(id) if id.len() > LONGEST_ID => return Err(Reason::UserIdTooLong),
            Label::Text(id) => id,
        };
        let track_id = match required(self.track_id.as_ref(), row, track) {
            Label::Missing => return Err(Reason::MissingTrackId),
            Label::NotUtf8 => return Err(Reason::TrackIdNotUtf8),
            Label::Text(id) if id.len() > LONGEST_ID => return Err(Reason::TrackIdTooLong),
            Label::Text(id) => id,
        };
        let time = self.played_at.as_ref().filter(|times| times.is_valid(row));
        let played_at_ms = match time.map(|times| times.value(row)) {
            None => return Err(Reason::MissingPlayedAt),
            Some(time) if time < 0 => return Err(Reason::PlayedAtOutOfRange),
            Some(time) => time,
        };
        let number = |column: usize| {
            let numbers = self.numbers[column].as_ref();
            numbers.and_then(|numbers| values::at(numbers, row))
        };
        let [events, experiments, requests] = self.ids.each_ref();
        let list = (
            text(experiments.as_ref(), row, experiment),
            text(requests.as_ref(), row, request),
        );
        Ok(RecordedPlay {
            event_id: text(events.as_ref(), row, event).unwrap_or_default(),
            user_id,
            track_id,
            played_at_ms,
            play_count: number(0).map_or(1, |count| count as u32),
            ms_played: number(1).map(|ms| ms as u32),
            skipped: number(2).is_some_and(|flag| flag != 0.0 && !flag.is_nan()),
            attribution: match list {
                (Some(experiment), Some(request_id)) => Some(Attributed {
                    experiment,
                    request_id,
                }),
                _ => None,
            },
        })
    }
}

/// The label of a required column; an empty one is missing.
fn required<'a>(labels: Option<&'a Labels>, row: usize, scratch: &'a mut String) -> Label<'a> {
    let Some(labels) = labels else {
        return Label::Missing;
    };
    match labels.get(row, scratch) {
        Label::Text("") => Label::Missing,
        label => label,
    }
}

fn text<'a>(labels: Option<&'a Labels>, row: usize, scratch: &'a mut String) -> Option<&'a str> {
    match labels?.get(row, scratch) {
        Label::Text(text) => Some(text),
        Label::Missing | Label::NotUtf8 => None,
    }
}
