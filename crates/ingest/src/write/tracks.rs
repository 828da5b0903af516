use std::{path::Path, sync::Arc};

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Date32Builder, Float32Builder, ListBuilder, StringBuilder,
    UInt32Builder,
};
use arrow_schema::{DataType, Field};

use super::table::{BATCH_ROWS, Table, plain, properties};
use crate::Error;

const ROW_GROUP_ROWS: usize = 1 << 18;

/// What is known of one track.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Track<'a> {
    /// External id.
    pub track_id: &'a str,
    /// Title.
    pub title: Option<&'a str>,
    /// Performing artist.
    pub artist: Option<&'a str>,
    /// Album.
    pub album: Option<&'a str>,
    /// Genre.
    pub genre: Option<&'a str>,
    /// Tags.
    pub tags: &'a [&'a str],
    /// Day of release, in days since 1970-01-01.
    pub release_date: Option<i32>,
    /// Whether the lyrics are explicit.
    pub explicit: Option<bool>,
    /// Length in milliseconds.
    pub duration_ms: Option<u32>,
    /// Audio features in the order of the names given to [`TrackWriter::create`]; NaN is written as null.
    pub features: &'a [f32],
}

/// Writes a track table with the default [column names](crate::TrackColumns).
///
/// The file appears when [`finish`](Self::finish) returns; dropped before that, nothing is left. The same tracks give the
/// same bytes.
#[derive(Debug)]
pub struct TrackWriter {
    table: Table,
    /// `track_id`, `title`, `artist`, `album`, `genre`.
    texts: [StringBuilder; 5],
    tags: ListBuilder<StringBuilder>,
    release_date: Date32Builder,
    explicit: BooleanBuilder,
    duration_ms: UInt32Builder,
    features: Vec<Float32Builder>,
}

impl TrackWriter {
    /// Starts the file that will be at `path`, with a column for each of the `features`. (`duration_ms` has its column
    /// already and is a feature by default.)
    ///
    /// # Errors
    ///
    /// If the directory cannot be written to.
    ///
    /// # Panics
    ///
    /// If two columns have the same name.
    pub fn create(path: impl AsRef<Path>, features: &[&str]) -> Result<Self, Error> {
        let tag = Field::new("element", DataType::Utf8, false);
        let mut fields = vec![
            Field::new("track_id", DataType::Utf8, false),
            Field::new("title", DataType::Utf8, true),
            Field::new("artist", DataType::Utf8, true),
            Field::new("album", DataType::Utf8, true),
            Field::new("genre", DataType::Utf8, true),
            Field::new("tags", DataType::List(tag.clone().into()), false),
            Field::new("release_date", DataType::Date32, true),
            Field::new("explicit", DataType::Boolean, true),
            Field::new("duration_ms", DataType::UInt32, true),
        ];
        let mut properties = plain(plain(properties(ROW_GROUP_ROWS), "track_id"), "duration_ms");
        for &name in features {
            assert!(
                fields.iter().all(|field| field.name() != name),
                "two columns have the name {name}"
            );
            fields.push(Field::new(name, DataType::Float32, true));
            properties = plain(properties, name);
        }
        Ok(Self {
            table: Table::create(path.as_ref(), fields, properties.build())?,
            texts: Default::default(),
            tags: ListBuilder::new(StringBuilder::new()).with_field(tag),
            release_date: Date32Builder::new(),
            explicit: BooleanBuilder::new(),
            duration_ms: UInt32Builder::new(),
            features: features.iter().map(|_| Float32Builder::new()).collect(),
        })
    }

    /// Appends a track.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    ///
    /// # Panics
    ///
    /// If the track has not as many features as the writer has names.
    pub fn write(&mut self, track: &Track<'_>) -> Result<(), Error> {
        assert_eq!(
            track.features.len(),
            self.features.len(),
            "a value per feature is needed"
        );
        let texts = [
            Some(track.track_id),
            track.title,
            track.artist,
            track.album,
            track.genre,
        ];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_option(text);
        }
        for tag in track.tags {
            self.tags.values().append_value(tag);
        }
        self.tags.append(true);
        self.release_date.append_option(track.release_date);
        self.explicit.append_option(track.explicit);
        self.duration_ms.append_option(track.duration_ms);
        for (builder, &value) in self.features.iter_mut().zip(track.features) {
            builder.append_option(Some(value).filter(|value| !value.is_nan()));
        }
        if self.release_date.len() < BATCH_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    /// Completes the file and returns how many tracks it has.
    ///
    /// # Errors
    ///
    /// If the disk refuses; then there is no file.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.flush()?;
        self.table.finish()
    }

    fn flush(&mut self) -> Result<(), Error> {
        let texts = self
            .texts
            .iter_mut()
            .map(|builder| Arc::new(builder.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = texts.collect();
        columns.push(Arc::new(self.tags.finish()));
        columns.push(Arc::new(self.release_date.finish()));
        columns.push(Arc::new(self.explicit.finish()));
        columns.push(Arc::new(self.duration_ms.finish()));
        columns.extend(
            self.features
                .iter_mut()
                .map(|builder| Arc::new(builder.finish()) as ArrayRef),
        );
        self.table.write(columns)
    }
}
