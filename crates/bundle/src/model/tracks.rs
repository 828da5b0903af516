//! Track tables and vocabularies as Arrow columns. A column that the table does not have is left out.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, LargeStringArray, ListArray, RecordBatch,
    UInt32Array,
    builder::{LargeStringBuilder, ListBuilder},
    cast::AsArray,
    types::{Float32Type, Int16Type, UInt32Type},
};
use arrow_schema::ArrowError;
use crossfade_catalog::{CategoryColumn, NumericColumn, TagColumn, TextColumn, TrackTable, Vocab};

use crate::arrow_file::{column, wrong_type};

/// Prefix of the columns that hold audio features.
const FEATURE: &str = "feature:";

pub(super) fn ids(vocab: &Vocab) -> ArrayRef {
    Arc::new(LargeStringArray::from_iter_values(vocab.iter()))
}

pub(super) fn vocab(batch: &RecordBatch, name: &str) -> Result<Vocab, ArrowError> {
    let ids = strings(batch, name)?;
    Ok(ids.iter().map(Option::unwrap_or_default).collect())
}

pub(super) fn to_batch(table: &TrackTable) -> Result<RecordBatch, ArrowError> {
    let tracks = table.len() as u32;
    let texts = |get: &dyn Fn(u32) -> Option<String>| -> ArrayRef {
        Arc::new((0..tracks).map(get).collect::<LargeStringArray>())
    };
    let category = |source: &CategoryColumn| texts(&|track| source.get(track).map(str::to_owned));
    let mut columns = vec![("track_id".to_owned(), ids(&table.ids))];
    let mut add = |name: &str, present: bool, make: &dyn Fn() -> ArrayRef| {
        if present {
            columns.push((name.to_owned(), make()));
        }
    };
    add("title", !table.title.is_empty(), &|| {
        texts(&|track| table.title.get(track).map(str::to_owned))
    });
    add("artist", !table.artist.is_empty(), &|| {
        category(&table.artist)
    });
    add("album", !table.album.is_empty(), &|| category(&table.album));
    add("genre", !table.genre.is_empty(), &|| category(&table.genre));
    add("tags", !table.tags.is_empty(), &|| {
        tags(&table.tags, tracks)
    });
    add("markets", !table.markets.is_empty(), &|| {
        tags(&table.markets, tracks)
    });
    add("year", !table.year.is_empty(), &|| {
        Arc::new(
            (0..tracks as usize)
                .map(|track| at(&table.year, track))
                .collect::<Int16Array>(),
        )
    });
    add("explicit", !table.explicit.is_empty(), &|| {
        Arc::new(
            (0..tracks as usize)
                .map(|track| at(&table.explicit, track))
                .collect::<BooleanArray>(),
        )
    });
    add("duration_ms", !table.duration_ms.is_empty(), &|| {
        Arc::new(
            (0..tracks as usize)
                .map(|track| at(&table.duration_ms, track))
                .collect::<UInt32Array>(),
        )
    });
    for feature in &table.features {
        let name = format!("{FEATURE}{}", feature.name);
        add(&name, true, &|| {
            Arc::new(
                (0..tracks as usize)
                    .map(|track| {
                        feature
                            .values
                            .get(track)
                            .copied()
                            .filter(|value| value.is_finite())
                    })
                    .collect::<Float32Array>(),
            )
        });
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| {
        let nullable = name != "track_id";
        (name, array, nullable)
    }))
}

pub(super) fn from_batch(batch: &RecordBatch) -> Result<TrackTable, ArrowError> {
    let mut table = TrackTable {
        ids: vocab(batch, "track_id")?,
        ..TrackTable::default()
    };
    for field in batch.schema().fields() {
        let name = field.name().as_str();
        match name {
            "title" => table.title = text(strings(batch, name)?),
            "artist" => table.artist = categories(strings(batch, name)?),
            "album" => table.album = categories(strings(batch, name)?),
            "genre" => table.genre = categories(strings(batch, name)?),
            "tags" => table.tags = lists(batch, name)?,
            "markets" => table.markets = lists(batch, name)?,
            "year" => table.year = primitive::<Int16Type>(batch, name)?,
            "duration_ms" => table.duration_ms = primitive::<UInt32Type>(batch, name)?,
            "explicit" => {
                let values = column(batch, name)?
                    .as_boolean_opt()
                    .ok_or_else(|| wrong_type(name))?;
                table.explicit = values.iter().collect();
            }
            _ => {
                if let Some(feature) = name.strip_prefix(FEATURE) {
                    table.features.push(NumericColumn {
                        name: feature.to_owned(),
                        values: primitive::<Float32Type>(batch, name)?
                            .into_iter()
                            .map(|value| value.unwrap_or(f32::NAN))
                            .collect(),
                    });
                }
            }
        }
    }
    Ok(table)
}

fn at<T: Copy>(values: &[Option<T>], track: usize) -> Option<T> {
    values.get(track).copied().flatten()
}

fn tags(source: &TagColumn, tracks: u32) -> ArrayRef {
    let mut lists = ListBuilder::new(LargeStringBuilder::new());
    for track in 0..tracks {
        for tag in source.get(track) {
            lists.values().append_value(tag);
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

fn lists(batch: &RecordBatch, name: &str) -> Result<TagColumn, ArrowError> {
    let lists: &ListArray = column(batch, name)?
        .as_list_opt()
        .ok_or_else(|| wrong_type(name))?;
    let mut column = TagColumn::default();
    for list in lists.iter() {
        let list = list.ok_or_else(|| wrong_type(name))?;
        let list = list
            .as_string_opt::<i64>()
            .ok_or_else(|| wrong_type(name))?;
        column.push(list.iter().flatten());
    }
    Ok(column)
}

fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a LargeStringArray, ArrowError> {
    column(batch, name)?
        .as_string_opt::<i64>()
        .ok_or_else(|| wrong_type(name))
}

fn text(values: &LargeStringArray) -> TextColumn {
    let mut column = TextColumn::default();
    for value in values {
        column.push(value);
    }
    column
}

fn categories(values: &LargeStringArray) -> CategoryColumn {
    let mut column = CategoryColumn::default();
    for value in values {
        column.push(value);
    }
    column
}

fn primitive<T: arrow_array::ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
) -> Result<Vec<Option<T::Native>>, ArrowError> {
    let values = column(batch, name)?
        .as_primitive_opt::<T>()
        .ok_or_else(|| wrong_type(name))?;
    Ok(values.iter().collect())
}
