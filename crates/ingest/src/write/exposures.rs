use std::path::Path;

use arrow_array::{
    ArrayRef,
    builder::{
        ArrayBuilder, BooleanBuilder, Float64Builder, ListBuilder, StringBuilder,
        TimestampMillisecondBuilder, UInt32Builder,
    },
};
use arrow_schema::{DataType, Field, TimeUnit};
use crossfade_experiments::{Candidate, Exposure, Team, Trial};

use super::table::{Table, deltas, plain, properties};
use crate::Error;

/// Lists are long: fewer rows are as many bytes.
const ROW_GROUP_ROWS: usize = 1 << 16;
/// Rows collected before they are encoded.
const BATCH_ROWS: usize = 1 << 12;

/// What the columns of text are called.
const TEXTS: [&str; 6] = [
    "experiment",
    "request_id",
    "user_id",
    "definition",
    "arm",
    "bundle_version",
];
const NUMBERS: [&str; 4] = ["propensity", "activity", "latency_ms", "top_artist_share"];
/// What the columns are called that say what a place was drawn from: a list each, of one entry for each candidate.
pub(crate) const CANDIDATES: [&str; 7] = [
    "candidate_track_ids",
    "candidate_probability",
    "candidate_collaborative",
    "candidate_content",
    "candidate_popularity",
    "candidate_is_warm",
    "candidate_is_described",
];
/// How whose pick a track is, is written.
pub(crate) const TEAMS: [(Team, &str); 2] = [(Team::First, "first"), (Team::Second, "second")];

/// Writes lists that were shown as part of experiments.
///
/// Columns: `experiment`, `request_id`, `user_id`, `definition`, `arm`, `bundle_version`, `shown_at`, `propensity`, `activity`,
/// `latency_ms`, `top_artist_share`, `track_ids` (a list), `teams` (a list of `first`, `second` or null; empty unless arms are
/// interleaved), `explored_place` (from 1) and `explored_candidate` (from 1), both null where nothing was tried, and lists of
/// what it was drawn from: `candidate_track_ids`, `candidate_probability`, `candidate_collaborative`, `candidate_content`,
/// `candidate_popularity`, `candidate_is_warm`, `candidate_is_described`.
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same lists give the same
/// bytes.
#[derive(Debug)]
pub struct ExposureWriter {
    table: Table,
    texts: [StringBuilder; TEXTS.len()],
    shown_at: TimestampMillisecondBuilder,
    numbers: [Float64Builder; NUMBERS.len()],
    tracks: ListBuilder<StringBuilder>,
    teams: ListBuilder<StringBuilder>,
    explored: [UInt32Builder; 2],
    candidates: Candidates,
}

#[derive(Debug)]
struct Candidates {
    tracks: ListBuilder<StringBuilder>,
    /// `probability`, `collaborative`, `content`, `popularity`.
    numbers: [ListBuilder<Float64Builder>; 4],
    /// `is_warm`, `is_described`.
    flags: [ListBuilder<BooleanBuilder>; 2],
}

fn element(kind: DataType, nullable: bool) -> Field {
    Field::new("element", kind, nullable)
}

fn list(name: &str, of: Field) -> Field {
    Field::new(name, DataType::List(of.into()), false)
}

impl ExposureWriter {
    /// Starts the file that will be at `path`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let text = element(DataType::Utf8, false);
        let team = element(DataType::Utf8, true);
        let number = element(DataType::Float64, false);
        let flag = element(DataType::Boolean, false);
        let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        let mut fields: Vec<Field> = TEXTS
            .iter()
            .map(|name| Field::new(*name, DataType::Utf8, false))
            .collect();
        fields.push(Field::new("shown_at", time, false));
        fields.extend(NUMBERS.map(|name| Field::new(name, DataType::Float64, false)));
        fields.push(list("track_ids", text.clone()));
        fields.push(list("teams", team.clone()));
        for name in ["explored_place", "explored_candidate"] {
            fields.push(Field::new(name, DataType::UInt32, true));
        }
        let kinds = [&text, &number, &number, &number, &number, &flag, &flag];
        let named = CANDIDATES.iter().zip(kinds);
        fields.extend(named.map(|(name, kind)| list(name, kind.clone())));
        let properties = plain(properties(ROW_GROUP_ROWS), "request_id");
        let properties = deltas(properties, "shown_at");
        let numbers = || ListBuilder::new(Float64Builder::new()).with_field(number.clone());
        let flags = || ListBuilder::new(BooleanBuilder::new()).with_field(flag.clone());
        let texts = || ListBuilder::new(StringBuilder::new());
        Ok(Self {
            table: Table::create(path.as_ref(), fields, properties.build())?,
            texts: Default::default(),
            shown_at: TimestampMillisecondBuilder::new().with_timezone("UTC"),
            numbers: Default::default(),
            tracks: texts().with_field(text.clone()),
            teams: texts().with_field(team),
            explored: Default::default(),
            candidates: Candidates {
                tracks: texts().with_field(text),
                numbers: std::array::from_fn(|_| numbers()),
                flags: std::array::from_fn(|_| flags()),
            },
        })
    }

    /// Appends a list.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn write(&mut self, exposure: &Exposure) -> Result<(), Error> {
        let texts = [
            &exposure.experiment,
            &exposure.request_id,
            &exposure.user_id,
            &exposure.definition,
            &exposure.arm,
            &exposure.bundle_version,
        ];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_value(text);
        }
        self.shown_at.append_value(exposure.shown_at_ms);
        let numbers = [
            exposure.propensity,
            exposure.activity,
            exposure.latency_ms,
            exposure.top_artist_share,
        ];
        for (builder, number) in self.numbers.iter_mut().zip(numbers) {
            builder.append_value(number);
        }
        for track in &exposure.tracks {
            self.tracks.values().append_value(track);
        }
        self.tracks.append(true);
        for team in &exposure.teams {
            let name = TEAMS.iter().find(|(of, _)| Some(*of) == *team);
            self.teams
                .values()
                .append_option(name.map(|(_, name)| name));
        }
        self.teams.append(true);
        let trial = exposure.trial.as_ref();
        let explored = trial.map(|trial| [trial.place, trial.drawn]);
        for (at, builder) in self.explored.iter_mut().enumerate() {
            builder.append_option(explored.map(|explored| explored[at] as u32 + 1));
        }
        self.candidates.append(trial);
        match self.shown_at.len() < BATCH_ROWS {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Completes the file and returns how many lists it has.
    ///
    /// # Errors
    ///
    /// If the disk refuses; then there is no file.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.table.finish()
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        columns.extend(self.texts.iter_mut().map(finished));
        columns.push(finished(&mut self.shown_at));
        columns.extend(self.numbers.iter_mut().map(finished));
        columns.extend([&mut self.tracks, &mut self.teams].map(finished));
        columns.extend(self.explored.iter_mut().map(finished));
        let Candidates {
            tracks,
            numbers,
            flags,
        } = &mut self.candidates;
        columns.push(finished(tracks));
        columns.extend(numbers.iter_mut().map(finished));
        columns.extend(flags.iter_mut().map(finished));
        self.table.write(columns)
    }
}

fn finished(builder: &mut impl ArrayBuilder) -> ArrayRef {
    builder.finish()
}

impl Candidates {
    fn append(&mut self, trial: Option<&Trial>) {
        for candidate in trial.into_iter().flat_map(|trial| &trial.candidates) {
            self.push(candidate);
        }
        self.tracks.append(true);
        self.numbers.iter_mut().for_each(|list| list.append(true));
        self.flags.iter_mut().for_each(|list| list.append(true));
    }

    fn push(&mut self, candidate: &Candidate) {
        self.tracks.values().append_value(&candidate.track_id);
        let numbers = [
            candidate.probability,
            candidate.collaborative,
            candidate.content,
            candidate.popularity,
        ];
        for (list, number) in self.numbers.iter_mut().zip(numbers) {
            list.values().append_value(number);
        }
        let flags = [candidate.is_warm, candidate.is_described];
        for (list, flag) in self.flags.iter_mut().zip(flags) {
            list.values().append_value(flag);
        }
    }
}
