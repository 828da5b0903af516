use std::{collections::BTreeMap, path::Path};

use arrow_array::{ArrayRef, Float64Array};
use crossfade_catalog::{NumericColumn, ProvidedEmbedding, TrackTable};

use super::{
    BATCH_ROWS,
    files::parts,
    kind::Kind,
    labels::{BadId, IdCursor, Label, Labels},
    scan::{Scan, Sink},
    source::{Batch, Need, Source, Want},
    values::{self, Tags, Vectors, Years},
};
use crate::{Error, Notice, Observer, Reason, Report, SPOTIFY_FEATURES, TrackColumns};

/// Reads a track table: a Parquet file, or a directory of them, Hive-partitioned or not, in order of path.
///
/// Tracks are numbered in order of first appearance; of several rows with the same id the first wins. Columns that no file
/// has are empty in the table.
///
/// # Errors
///
/// If a column name is invalid, a file cannot be read or lacks a column, or no row is usable.
pub fn read_tracks(
    path: impl AsRef<Path>,
    columns: &TrackColumns,
    progress: Observer<'_>,
) -> Result<(TrackTable, Report), Error> {
    let path = path.as_ref();
    columns.validate()?;
    let parts = parts(path)?;
    let wants = wants(columns);
    let mut reader = Reader::new(columns);
    Scan {
        parts: &parts,
        wants: &wants,
        batch_rows: BATCH_ROWS,
        progress,
    }
    .run(&mut reader)?;
    reader.finish(path)
}

const ID: usize = 0;
const TITLE: usize = 1;
const ARTIST: usize = 2;
const ALBUM: usize = 3;
const GENRE: usize = 4;
const TAGS: usize = 5;
const RELEASE_DATE: usize = 6;
const YEAR: usize = 7;
const EXPLICIT: usize = 8;
const DURATION: usize = 9;
const EMBEDDING: usize = 10;
const MARKETS: usize = 11;
const FEATURES: usize = 12;

fn wants(columns: &TrackColumns) -> Vec<Want> {
    let mut wants = vec![
        Want::required("track_id", &columns.track_id, Kind::Label),
        Want::optional("title", &columns.title, Kind::Label),
        Want::optional("artist", &columns.artist, Kind::Label),
        Want::optional("album", &columns.album, Kind::Label),
        Want::optional("genre", &columns.genre, Kind::Label),
        Want::optional("tags", &columns.tags, Kind::Tags),
        Want::optional("release_date", &columns.release_date, Kind::Year),
        Want::optional("year", &columns.year, Kind::Year),
        Want::optional("explicit", &columns.explicit, Kind::Flag),
        Want::optional("duration_ms", &columns.duration_ms, Kind::Number),
        Want::optional("embedding", &columns.embedding, Kind::Vector),
        Want::optional("markets", &columns.markets, Kind::Tags),
    ];
    // Nobody asked for the default set by name, so a column of it that holds text ("key" = "C#") is no mistake.
    let need = if columns.features == SPOTIFY_FEATURES {
        Need::Lenient
    } else {
        Need::Optional
    };
    wants.extend(columns.features.iter().map(|name| Want {
        name: name.clone(),
        option: "features",
        kind: Kind::Number,
        need,
    }));
    wants
}

struct Reader {
    table: TrackTable,
    cursor: IdCursor,
    report: Report,
    scratch: String,
    tags: Vec<String>,
    vector: Vec<f32>,
    /// Which features some file has.
    present: Vec<bool>,
    /// Features left out for their type.
    unusable: BTreeMap<usize, String>,
}

impl Reader {
    fn new(columns: &TrackColumns) -> Self {
        let features = columns.features.iter();
        let empty = |name: &String| NumericColumn {
            name: name.clone(),
            values: Vec::new(),
        };
        Self {
            table: TrackTable {
                features: features.map(empty).collect(),
                ..TrackTable::default()
            },
            cursor: IdCursor::default(),
            report: Report::default(),
            scratch: String::new(),
            tags: Vec::new(),
            vector: Vec::new(),
            present: vec![false; columns.features.len()],
            unusable: BTreeMap::new(),
        }
    }

    /// Interns the track at `row` and returns its index, which is the number of tracks before it.
    fn intern(&mut self, row: usize) -> Result<usize, Reason> {
        self.cursor.check(row).map_err(|bad| match bad {
            BadId::Missing => Reason::MissingTrackId,
            BadId::TooLong => Reason::TrackIdTooLong,
            BadId::NotUtf8 => Reason::TrackIdNotUtf8,
        })?;
        let known = self.table.len();
        self.cursor.intern(row, &mut self.table.ids);
        if self.table.len() == known {
            Err(Reason::DuplicateTrackId)
        } else {
            Ok(known)
        }
    }

    /// Appends what `values` know of the new track `track`, and calls `note` for every problem.
    ///
    /// A column is only touched by files that have it, so it may lag behind; the tracks in between get a missing value
    /// first.
    fn describe(
        &mut self,
        values: &Values,
        row: usize,
        track: usize,
        note: &mut impl FnMut(Reason),
    ) {
        let table = &mut self.table;
        let mut text = |labels: &Option<Labels>, push: &mut dyn FnMut(Option<&str>)| {
            if let Some(labels) = labels {
                match labels.get(row, &mut self.scratch) {
                    Label::Missing => push(None),
                    Label::NotUtf8 => {
                        note(Reason::TextNotUtf8);
                        push(None);
                    }
                    Label::Text(text) => push(Some(text)),
                }
            }
        };
        text(&values.title, &mut |value| {
            (table.title.len()..track).for_each(|_| table.title.push(None));
            table.title.push(value);
        });
        let categories = [
            (&values.artist, &mut table.artist),
            (&values.album, &mut table.album),
            (&values.genre, &mut table.genre),
        ];
        for (labels, column) in categories {
            text(labels, &mut |value| {
                (column.len()..track).for_each(|_| column.push(None));
                // An empty name is no category that tracks could share.
                column.push(value.filter(|name| !name.is_empty()));
            });
        }
        let lists = [
            (&values.tags, &mut table.tags),
            (&values.markets, &mut table.markets),
        ];
        for (values, column) in lists {
            if let Some(values) = values {
                if values.get(row, &mut self.tags).is_err() {
                    note(Reason::TextNotUtf8);
                }
                (column.len()..track).for_each(|_| column.push([]));
                column.push(self.tags.iter().map(String::as_str));
            }
        }
        self.describe_numbers(values, row, track, note);
    }

    fn describe_numbers(
        &mut self,
        values: &Values,
        row: usize,
        track: usize,
        note: &mut impl FnMut(Reason),
    ) {
        let table = &mut self.table;
        if values.year.is_some() || values.release_date.is_some() {
            let year = first_year([&values.year, &values.release_date], row, note);
            put(&mut table.year, track, year);
        }
        if let Some(explicit) = &values.explicit {
            let flag = values::at(explicit, row).filter(|value| !value.is_nan());
            put(&mut table.explicit, track, flag.map(|value| value != 0.0));
        }
        if let Some(durations) = &values.duration_ms {
            let duration = values::at(durations, row).and_then(|ms| {
                let usable = ms >= 1.0 && ms <= f64::from(u32::MAX);
                if !usable {
                    note(Reason::BadDuration);
                }
                usable.then_some(ms as u32)
            });
            put(&mut table.duration_ms, track, duration);
        }
        for (column, values) in table.features.iter_mut().zip(&values.features) {
            if let Some(values) = values {
                let value = values::at(values, row).map(|value| value as f32);
                if value.is_some_and(|value| !value.is_finite()) {
                    note(Reason::FeatureNotFinite);
                }
                column.values.resize(track, f32::NAN);
                column
                    .values
                    .push(value.filter(|value| value.is_finite()).unwrap_or(f32::NAN));
            }
        }
        if let Some(vectors) = &values.embedding {
            self.vector.clear();
            if let Some(vector) = vectors.get(row) {
                self.vector.extend(vector);
            }
            self.embed(track, note);
        }
    }

    /// Appends `self.vector`, which is empty if the track has none. The first vector decides the length of all.
    fn embed(&mut self, track: usize, note: &mut impl FnMut(Reason)) {
        if self.vector.is_empty() {
            return;
        }
        if self.vector.iter().any(|value| !value.is_finite()) {
            return note(Reason::EmbeddingNotFinite);
        }
        let embedding = self
            .table
            .embedding
            .get_or_insert_with(|| ProvidedEmbedding {
                dim: self.vector.len(),
                values: Vec::new(),
            });
        if embedding.dim != self.vector.len() {
            return note(Reason::EmbeddingLength);
        }
        embedding.values.resize(track * embedding.dim, f32::NAN);
        embedding.values.extend_from_slice(&self.vector);
    }

    fn finish(mut self, path: &Path) -> Result<(TrackTable, Report), Error> {
        if self.table.is_empty() {
            let path = path.to_path_buf();
            return Err(Error::Empty {
                path,
                what: "tracks",
                report: self.report,
            });
        }
        let tracks = self.table.len();
        if let Some(embedding) = &mut self.table.embedding {
            embedding.values.resize(tracks * embedding.dim, f32::NAN);
        }
        for (at, column) in self.table.features.iter_mut().enumerate() {
            column.values.resize(tracks, f32::NAN);
            let name = column.name.clone();
            if let Some(found) = self.unusable.remove(&at) {
                self.report
                    .notices
                    .push(Notice::FeatureNotNumeric { name, found });
            } else if !self.present[at] {
                self.report.notices.push(Notice::FeatureMissing { name });
            }
        }
        let mut present = self.present.iter();
        self.table
            .features
            .retain(|_| *present.next().unwrap_or(&false));
        Ok((self.table, self.report))
    }
}

impl Sink for Reader {
    fn open(&mut self, source: &Source<'_>) {
        for (at, present) in self.present.iter_mut().enumerate() {
            *present |= source.has(FEATURES + at);
            if let Some(found) = source.unusable(FEATURES + at) {
                self.unusable.insert(at, found.to_string());
            }
        }
    }

    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        if self.table.len() + batch.rows >= u32::MAX as usize {
            return Err(Error::TooManyIds {
                path: batch.part.path.clone(),
                what: "tracks",
            });
        }
        let ids = batch.columns[ID].as_ref();
        let ids = ids.expect("the column of the ids is required");
        self.cursor.load(ids, &self.table.ids);
        let values = Values::new(&batch.columns);
        // Taken out, so that the report can be written to while the table is.
        let mut report = std::mem::take(&mut self.report);
        for row in 0..batch.rows {
            let mut note =
                |reason| report.note(reason, &batch.part.path, batch.first_row + row as u64);
            match self.intern(row) {
                Ok(track) => self.describe(&values, row, track, &mut note),
                Err(reason) => note(reason),
            }
        }
        report.rows += batch.rows as u64;
        self.report = report;
        Ok(())
    }
}

/// The columns of a batch besides the id.
struct Values {
    title: Option<Labels>,
    artist: Option<Labels>,
    album: Option<Labels>,
    genre: Option<Labels>,
    tags: Option<Tags>,
    markets: Option<Tags>,
    release_date: Option<Years>,
    year: Option<Years>,
    explicit: Option<Float64Array>,
    duration_ms: Option<Float64Array>,
    embedding: Option<Vectors>,
    features: Vec<Option<Float64Array>>,
}

impl Values {
    fn new(columns: &[Option<ArrayRef>]) -> Self {
        let labels = |column: usize| columns[column].as_ref().map(Labels::new);
        let numbers = |column: &Option<ArrayRef>| column.as_ref().map(values::numbers);
        Self {
            title: labels(TITLE),
            artist: labels(ARTIST),
            album: labels(ALBUM),
            genre: labels(GENRE),
            tags: columns[TAGS].as_ref().map(Tags::new),
            markets: columns[MARKETS].as_ref().map(Tags::new),
            release_date: columns[RELEASE_DATE].as_ref().map(Years::new),
            year: columns[YEAR].as_ref().map(Years::new),
            explicit: numbers(&columns[EXPLICIT]),
            duration_ms: numbers(&columns[DURATION]),
            embedding: columns[EMBEDDING].as_ref().map(Vectors::new),
            features: columns[FEATURES..].iter().map(numbers).collect(),
        }
    }
}

/// The first year that is known; the others are not looked at.
fn first_year(
    columns: [&Option<Years>; 2],
    row: usize,
    note: &mut impl FnMut(Reason),
) -> Option<i16> {
    for years in columns.into_iter().flatten() {
        match years.get(row) {
            Ok(None) => {}
            Ok(year) => return year,
            Err(()) => note(Reason::BadYear),
        }
    }
    None
}

/// Sets the value at `track`, which is at or beyond the end of `column`.
fn put<T: Clone>(column: &mut Vec<Option<T>>, track: usize, value: Option<T>) {
    column.resize(track, None);
    column.push(value);
}
