use std::path::Path;

use arrow_array::{Array, Float64Array, Int64Array, ListArray, cast::AsArray};
use crossfade_experiments::{Candidate, Exposure, Team, Trial};
use parquet::errors::ParquetError;

use super::{
    files::parts,
    kind::Kind,
    labels::{Label, Labels},
    scan::{Scan, Sink},
    source::{Batch, Want},
    values,
};
use crate::{
    Error,
    write::{CANDIDATES, TEAMS},
};

/// Rows decoded at a time; lists are long.
const BATCH_ROWS: usize = 1 << 12;

const TEXTS: usize = 6;
const SHOWN_AT: usize = TEXTS;
const NUMBERS: usize = SHOWN_AT + 1;
const TRACKS: usize = NUMBERS + 6;
const DRAWN_FROM: usize = TRACKS + 2;

/// Hands on every list of a file that [`ExposureWriter`](crate::ExposureWriter) wrote, in its order.
///
/// # Errors
///
/// If the file cannot be read or is no such file.
pub fn read_exposures(path: &Path, each: &mut dyn FnMut(Exposure)) -> Result<(), Error> {
    let parts = parts(path)?;
    let want = |name: &'static str, kind| Want::required(name, name, kind);
    let mut wants: Vec<Want> = [
        "experiment",
        "definition",
        "arm",
        "user_id",
        "request_id",
        "bundle_version",
    ]
    .map(|name| want(name, Kind::Label))
    .into();
    wants.push(want("shown_at", Kind::Time));
    wants.extend(
        [
            "propensity",
            "activity",
            "latency_ms",
            "top_artist_share",
            "explored_place",
            "explored_candidate",
        ]
        .map(|name| want(name, Kind::Number)),
    );
    wants.extend(["track_ids", "teams", CANDIDATES[0]].map(|name| want(name, Kind::Tags)));
    wants.extend(CANDIDATES[1..].iter().map(|name| want(name, Kind::Vector)));
    let scan = Scan {
        parts: &parts,
        wants: &wants,
        batch_rows: BATCH_ROWS,
        progress: &|_| {},
    };
    scan.run(&mut Reader(each))
}

struct Reader<'a>(&'a mut dyn FnMut(Exposure));

impl Sink for Reader<'_> {
    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let rows = Rows::new(batch).ok_or_else(|| damaged(batch, "a column is no list", 0))?;
        for row in 0..batch.rows {
            let exposure = rows.get(row).map_err(|what| damaged(batch, what, row))?;
            (self.0)(exposure);
        }
        Ok(())
    }
}

fn damaged(batch: &Batch<'_>, what: &str, row: usize) -> Error {
    let row = batch.first_row + row as u64;
    Error::Damaged {
        path: batch.part.path.clone(),
        row_group: None,
        column: None,
        source: ParquetError::General(format!("row {row}: {what}")),
    }
}

/// The columns of a batch.
struct Rows {
    texts: Vec<Labels>,
    shown_at: Int64Array,
    /// `propensity`, `activity`, `latency_ms`, `top_artist_share`, `explored_place`, `explored_candidate`.
    numbers: Vec<Float64Array>,
    /// `track_ids`, `teams`, `candidate_track_ids`.
    names: Vec<(ListArray, Labels)>,
    /// The other columns of candidates.
    candidates: Vec<(ListArray, Float64Array)>,
}

impl Rows {
    fn new(batch: &Batch<'_>) -> Option<Self> {
        let columns: Vec<_> = batch.columns.iter().flatten().collect();
        let names = columns[TRACKS..=DRAWN_FROM].iter().map(|column| {
            let lists = column.as_list_opt::<i32>()?;
            Some((lists.clone(), Labels::new(lists.values())))
        });
        let candidates = columns[DRAWN_FROM + 1..].iter().map(|column| {
            let lists = column.as_list_opt::<i32>()?;
            Some((lists.clone(), values::numbers(lists.values())))
        });
        let numbers = columns[NUMBERS..TRACKS].iter();
        Some(Self {
            texts: columns[..TEXTS]
                .iter()
                .map(|column| Labels::new(column))
                .collect(),
            shown_at: values::milliseconds(columns[SHOWN_AT]),
            numbers: numbers.map(|column| values::numbers(column)).collect(),
            names: names.collect::<Option<_>>()?,
            candidates: candidates.collect::<Option<_>>()?,
        })
    }

    fn get(&self, row: usize) -> Result<Exposure, &'static str> {
        let text = |column: usize| match self.texts[column].get(row, &mut String::new()) {
            Label::Text(text) => Ok(text.to_owned()),
            Label::Missing | Label::NotUtf8 => Err("a text is missing"),
        };
        let number = |column: usize| values::at(&self.numbers[column], row);
        let needed = |column| number(column).ok_or("a number is missing");
        let missing = "a track is missing";
        let tracks = self.names(0, row, |name| name.map(str::to_owned).ok_or(missing))?;
        let teams = self.names(1, row, |name| name.map(team).transpose())?;
        if !teams.is_empty() && teams.len() != tracks.len() {
            return Err("it has not as many teams as tracks");
        }
        Ok(Exposure {
            experiment: text(0)?,
            definition: text(1)?,
            arm: text(2)?,
            user_id: text(3)?,
            request_id: text(4)?,
            bundle_version: text(5)?,
            shown_at_ms: match self.shown_at.is_valid(row) {
                true => self.shown_at.value(row),
                false => return Err("its time is missing"),
            },
            propensity: needed(0)?,
            activity: needed(1)?,
            latency_ms: needed(2)?,
            top_artist_share: needed(3)?,
            tracks,
            teams,
            trial: match (number(4), number(5)) {
                (Some(place), Some(drawn)) => Some(self.trial(row, [place, drawn])?),
                _ => None,
            },
        })
    }

    fn trial(&self, row: usize, explored: [f64; 2]) -> Result<Trial, &'static str> {
        let tracks = self.names(2, row, |name| {
            name.map(str::to_owned).ok_or("a candidate is missing")
        })?;
        let parts = self.candidates.iter().map(|(lists, numbers)| {
            let span = values::span(lists, row);
            let at = |at| values::at(numbers, at).ok_or("a candidate's number is missing");
            match span.len() == tracks.len() {
                true => span.map(at).collect::<Result<Vec<f64>, _>>(),
                false => Err("candidates have not as many numbers as tracks"),
            }
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let candidates = tracks
            .into_iter()
            .enumerate()
            .map(|(at, track_id)| Candidate {
                track_id,
                probability: parts[0][at],
                collaborative: parts[1][at],
                content: parts[2][at],
                popularity: parts[3][at],
                is_warm: parts[4][at] != 0.0,
                is_described: parts[5][at] != 0.0,
            });
        let [place, drawn] = explored.map(|number| (number as usize).saturating_sub(1));
        Ok(Trial {
            place,
            drawn,
            candidates: candidates.collect(),
        })
    }

    /// The names of a list.
    fn names<T>(
        &self,
        column: usize,
        row: usize,
        each: impl Fn(Option<&str>) -> Result<T, &'static str>,
    ) -> Result<Vec<T>, &'static str> {
        let (lists, labels) = &self.names[column];
        let mut scratch = String::new();
        let span = values::span(lists, row);
        span.map(|at| match labels.get(at, &mut scratch) {
            Label::Text(name) => each(Some(name)),
            Label::Missing => each(None),
            Label::NotUtf8 => Err("a name is not UTF-8"),
        })
        .collect()
    }
}

fn team(name: &str) -> Result<Team, &'static str> {
    let named = TEAMS.iter().find(|(_, of)| *of == name);
    named
        .map(|(team, _)| *team)
        .ok_or("a team is neither first nor second")
}
