use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use crossfade_catalog::TrackTable;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};
use tempfile::TempDir;

use crate::{Error, PlayLog, PlayOptions, read_plays};

/// A directory of Parquet files that is removed when dropped.
pub(super) struct Files(TempDir);

pub(super) type Column<'a> = (&'a str, ArrayRef);

impl Files {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A directory with one file, `data.parquet`.
    pub(super) fn of(columns: &[Column<'_>]) -> Self {
        let files = Self::new();
        files.add("data.parquet", columns);
        files
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(super) fn add(&self, name: &str, columns: &[Column<'_>]) -> PathBuf {
        self.add_with(name, columns, WriterProperties::default())
    }

    pub(super) fn add_with(
        &self,
        name: &str,
        columns: &[Column<'_>],
        properties: WriterProperties,
    ) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let columns = columns
            .iter()
            .map(|(name, array)| (*name, array.clone(), true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }

    pub(super) fn plays(&self, options: &PlayOptions) -> Result<PlayLog, Error> {
        read_plays(self.path(), options, &mut TrackTable::default(), &|_| {})
    }
}

pub(super) fn text<T: Into<Option<&'static str>>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<StringArray>())
}

pub(super) fn int<T: Into<Option<i64>>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

pub(super) fn array(values: impl arrow_array::Array + 'static) -> ArrayRef {
    Arc::new(values)
}

/// A small log that uses every column: `rows` plays of some users and tracks, in order of time.
pub(super) fn log(rows: i64) -> Vec<(&'static str, ArrayRef)> {
    let users = (0..rows).map(|n| Some(format!("u{}", n * n % 17)));
    let tracks = (0..rows).map(|n| Some(format!("t{}", n * 7 % 23)));
    vec![
        ("user_id", array(users.collect::<StringArray>())),
        ("track_id", array(tracks.collect::<StringArray>())),
        ("played_at", int((0..rows).map(|n| 1_700_000_000 + n * 60))),
        (
            "play_count",
            int((0..rows).map(|n| (n % 5 != 0).then_some(1 + n % 3))),
        ),
        ("ms_played", int((0..rows).map(|n| n * 997 % 60_000))),
        ("skipped", int((0..rows).map(|n| i64::from(n % 6 == 0)))),
    ]
}

/// Everything in a log, by external id: independent of how ids were numbered.
pub(super) fn named(log: &PlayLog, tracks: &TrackTable) -> Vec<(String, String, f32, Option<u32>)> {
    let mut at = 0;
    let mut pairs = Vec::new();
    for user in 0..log.strengths.rows() {
        for (track, strength) in log.strengths.row(user).iter() {
            let last = log.last_played.as_ref().map(|last| last[at]);
            pairs.push((
                log.users.id(user as u32).to_owned(),
                tracks.ids.id(track).to_owned(),
                strength,
                last,
            ));
            at += 1;
        }
    }
    pairs.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    pairs
}

/// The log at `path` by external id.
pub(super) fn read_named(
    path: &Path,
    options: &PlayOptions,
) -> Vec<(String, String, f32, Option<u32>)> {
    let mut tracks = TrackTable::default();
    let log = read_plays(path, options, &mut tracks, &|_| {}).unwrap();
    named(&log, &tracks)
}
