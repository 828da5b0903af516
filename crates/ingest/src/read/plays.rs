use std::path::Path;

use arrow_array::{Array, Float64Array, Int64Array};
use crossfade_catalog::{TrackTable, Vocab};
use crossfade_matrix::Csr;

use super::{
    BATCH_ROWS,
    files::parts,
    kind::Kind,
    labels::{BadId, IdCursor},
    newest::newest,
    pairs::{Pairs, Summed},
    scan::{Scan, Sink},
    source::{Batch, Source, Want},
    times, values,
};
use crate::{Error, Heard, Observer, PlayOptions, Reason, Report};

/// A row cannot stand for more plays than this.
const MOST_PLAYS: f64 = 1e6;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// A play log, summed up by user and track.
#[derive(Debug)]
pub struct PlayLog {
    /// Users, in order of first appearance.
    pub users: Vocab,
    /// How much each user played each track: users x tracks, one entry per distinct pair, 0 or more.
    pub strengths: Csr,
    /// When each pair was last played, in seconds since 1970: one number per entry of `strengths`, in its order, 0 where
    /// no row of the pair has a time. `None` if no file says when plays happened.
    pub last_played: Option<Vec<u32>>,
    /// How many rows were read, rejected ones included.
    pub rows: u64,
    /// How many plays the rows that were not rejected stand for.
    pub plays: f64,
    /// What was wrong with the rows.
    pub report: Report,
}

/// Reads a play log: a Parquet file, or a directory of them, Hive-partitioned or not, in order of path.
///
/// `tracks` gives the durations, and the dense index of every track it has; tracks that only occur in plays are added to
/// its ids, in order of appearance. (After an error some may have been added.)
///
/// Memory: users, tracks, and about 24 bytes a distinct pair while reading. With a half-life the newest time must be known
/// before the first row is weighed: it is taken from the files' statistics, or from a pass over that one column.
///
/// One thread decodes ahead while known ids are looked up in rayon's current pool. The same rows in the same order give
/// the same bits, whatever the number of threads and however files and row groups part them. Other orders of the same
/// rows give other indices, and strengths that may differ in the last bits.
///
/// # Errors
///
/// If an option is out of range, a file cannot be read or lacks a column, or no row is usable.
pub fn read_plays(
    path: impl AsRef<Path>,
    options: &PlayOptions,
    tracks: &mut TrackTable,
    progress: Observer<'_>,
) -> Result<PlayLog, Error> {
    read(path.as_ref(), options, tracks, (progress, BATCH_ROWS))
}

pub(crate) fn read(
    path: &Path,
    options: &PlayOptions,
    tracks: &mut TrackTable,
    (progress, batch_rows): (Observer<'_>, usize),
) -> Result<PlayLog, Error> {
    options.validate()?;
    let parts = parts(path)?;
    let wants = wants(options);
    let decay = match options.half_life_days {
        None => None,
        Some(days) => {
            let newest = newest(&parts, &wants[PLAYED_AT], batch_rows)?;
            Some(Decay {
                newest: newest.unwrap_or(0),
                half_life: days * SECONDS_PER_DAY,
            })
        }
    };
    let mut reader = Reader::new(path, options, decay, tracks);
    let scan = Scan {
        parts: &parts,
        wants: &wants,
        batch_rows,
        progress,
    };
    scan.run(&mut reader)?;
    reader.finish()
}

const USER: usize = 0;
const TRACK: usize = 1;
const PLAYED_AT: usize = 2;
const PLAY_COUNT: usize = 3;
const MS_PLAYED: usize = 4;
const SKIPPED: usize = 5;

fn wants(options: &PlayOptions) -> [Want; 6] {
    let columns = &options.columns;
    [
        Want::required("user_id", &columns.user_id, Kind::Label),
        Want::required("track_id", &columns.track_id, Kind::Label),
        Want::optional("played_at", &columns.played_at, Kind::Time),
        Want::optional("play_count", &columns.play_count, Kind::Number),
        Want::optional("ms_played", &columns.ms_played, Kind::Number),
        Want::optional("skipped", &columns.skipped, Kind::Flag),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Decay {
    newest: u32,
    /// In seconds.
    half_life: f64,
}

impl Decay {
    fn weight(self, played_at: u32) -> f64 {
        let age = f64::from(self.newest.saturating_sub(played_at));
        (-age / self.half_life).exp2()
    }
}

struct Reader<'a> {
    path: &'a Path,
    options: &'a PlayOptions,
    decay: Option<Decay>,
    tracks: &'a mut TrackTable,
    users: Vocab,
    user_ids: IdCursor,
    track_ids: IdCursor,
    pairs: Pairs,
    has_times: bool,
    plays: f64,
    report: Report,
}

/// What a row says besides who and what.
#[derive(Debug, Clone, Copy)]
struct Listen {
    played_at: Option<u32>,
    clipped: bool,
    heard: Heard,
}

impl<'a> Reader<'a> {
    fn new(
        path: &'a Path,
        options: &'a PlayOptions,
        decay: Option<Decay>,
        tracks: &'a mut TrackTable,
    ) -> Self {
        Self {
            path,
            options,
            decay,
            tracks,
            users: Vocab::new(),
            user_ids: IdCursor::default(),
            track_ids: IdCursor::default(),
            pairs: Pairs::default(),
            has_times: false,
            plays: 0.0,
            report: Report::default(),
        }
    }

    fn row(&mut self, listens: &Listens, row: usize) -> Result<Option<Reason>, Reason> {
        self.user_ids.check(row).map_err(|bad| match bad {
            BadId::Missing => Reason::MissingUserId,
            BadId::TooLong => Reason::UserIdTooLong,
            BadId::NotUtf8 => Reason::UserIdNotUtf8,
        })?;
        self.track_ids.check(row).map_err(|bad| match bad {
            BadId::Missing => Reason::MissingTrackId,
            BadId::TooLong => Reason::TrackIdTooLong,
            BadId::NotUtf8 => Reason::TrackIdNotUtf8,
        })?;
        let listen = listens.get(row)?;
        let weight = match (self.decay, listen.played_at) {
            (None, _) => 1.0,
            (Some(decay), Some(played_at)) => decay.weight(played_at),
            (Some(_), None) => return Err(Reason::MissingPlayedAt),
        };
        let user = self.user_ids.intern(row, &mut self.users);
        let track = self.track_ids.intern(row, &mut self.tracks.ids);
        let duration = self
            .tracks
            .duration_ms
            .get(track as usize)
            .copied()
            .flatten();
        let strength = weight * listen.heard.strength(duration, self.options);
        self.pairs
            .add(user, track, strength, listen.played_at.unwrap_or(0));
        self.plays += listen.heard.count;
        Ok(listen.clipped.then_some(Reason::PlayCountClipped))
    }

    fn finish(self) -> Result<PlayLog, Error> {
        let path = self.path.to_path_buf();
        if self.decay.is_some() && !self.has_times {
            let column = self.options.columns.played_at.clone();
            return Err(Error::NoTimes { path, column });
        }
        if self.users.is_empty() {
            return Err(Error::Empty {
                path,
                what: "plays",
                report: self.report,
            });
        }
        let Summed { strengths, last } = self.pairs.finish(self.users.len(), self.tracks.len());
        Ok(PlayLog {
            users: self.users,
            strengths,
            last_played: self.has_times.then_some(last),
            rows: self.report.rows,
            plays: self.plays,
            report: self.report,
        })
    }
}

impl Sink for Reader<'_> {
    fn open(&mut self, source: &Source<'_>) {
        self.has_times |= source.has(PLAYED_AT);
    }

    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        for (vocab, what) in [(&self.users, "users"), (&self.tracks.ids, "tracks")] {
            // The last index is left free: it marks what is missing.
            if vocab.len() + batch.rows >= u32::MAX as usize {
                return Err(Error::TooManyIds {
                    path: self.path.to_path_buf(),
                    what,
                });
            }
        }
        let required = "the columns of the ids are required";
        let ids = |column: usize| batch.columns[column].as_ref().expect(required);
        self.user_ids.load(ids(USER), &self.users);
        self.track_ids.load(ids(TRACK), &self.tracks.ids);
        let listens = Listens::new(batch);
        for row in 0..batch.rows {
            if let Some(reason) = self.row(&listens, row).unwrap_or_else(Some) {
                self.report
                    .note(reason, &batch.part.path, batch.first_row + row as u64);
            }
        }
        self.report.rows += batch.rows as u64;
        Ok(())
    }
}

/// The columns of a batch besides the ids.
struct Listens {
    played_at: Option<Int64Array>,
    play_count: Option<Float64Array>,
    ms_played: Option<Float64Array>,
    skipped: Option<Float64Array>,
}

impl Listens {
    fn new(batch: &Batch<'_>) -> Self {
        let numbers = |column: usize| batch.columns[column].as_ref().map(values::numbers);
        Self {
            played_at: batch.columns[PLAYED_AT].as_ref().map(values::seconds),
            play_count: numbers(PLAY_COUNT),
            ms_played: numbers(MS_PLAYED),
            skipped: numbers(SKIPPED),
        }
    }

    fn get(&self, row: usize) -> Result<Listen, Reason> {
        let number = |column: &Option<Float64Array>| {
            column.as_ref().and_then(|array| values::at(array, row))
        };
        let count = match number(&self.play_count).unwrap_or(1.0) {
            0.0 => return Err(Reason::ZeroPlayCount),
            count if !(count.is_finite() && count > 0.0) => return Err(Reason::BadPlayCount),
            count => count,
        };
        let ms_played = number(&self.ms_played);
        if ms_played.is_some_and(|ms| !(ms.is_finite() && ms >= 0.0)) {
            return Err(Reason::BadMsPlayed);
        }
        let seconds = self
            .played_at
            .as_ref()
            .filter(|array| array.is_valid(row))
            .map(|array| array.value(row));
        let played_at = seconds
            .map(|seconds| times::in_range(seconds).ok_or(Reason::PlayedAtOutOfRange))
            .transpose()?;
        Ok(Listen {
            played_at,
            clipped: count > MOST_PLAYS,
            heard: Heard {
                count: count.min(MOST_PLAYS),
                ms_played,
                // NaN is how some writers say null.
                skipped: number(&self.skipped).is_some_and(|flag| flag != 0.0 && !flag.is_nan()),
            },
        })
    }
}
