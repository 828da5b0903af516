//! Track tables and vocabularies as Arrow columns. A column that the table does not have is left out.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Int16Array, LargeStringArray, ListArray,
    RecordBatch, UInt32Array,
    builder::{LargeStringBuilder, ListBuilder},
    cast::AsArray,
    types::{Float32Type, Int16Type, UInt32Type},
};
use arrow_schema::ArrowError;
use crossfade_catalog::{CategoryColumn, NumericColumn, TagColumn, TextColumn, TrackTable, Vocab};
use crossfade_content::{Clusters, Profile};
use rayon::prelude::*;

use crate::arrow_file::{column, wrong_type};

/// Column of the tracks' clusters.
const CLUSTER: &str = "cluster";
/// Prefix of the columns that hold audio features.
const FEATURE: &str = "feature:";

pub(super) fn ids(vocab: &Vocab) -> ArrayRef {
    Arc::new(LargeStringArray::from_iter_values(vocab.iter()))
}

pub(super) fn vocab(batch: &RecordBatch, name: &str) -> Result<Vocab, ArrowError> {
    let ids = strings(batch, name)?;
    let mut vocab = Vocab::with_capacity(ids.len(), ids.value_data().len());
    for id in ids {
        vocab.intern(id.unwrap_or_default());
    }
    Ok(vocab)
}

pub(super) fn to_batch(
    table: &TrackTable,
    clusters: Option<&Clusters>,
) -> Result<RecordBatch, ArrowError> {
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
    if let Some(clusters) = clusters {
        let numbers = (0..tracks).map(|track| clusters.of(track));
        let numbers = Arc::new(numbers.collect::<UInt32Array>());
        columns.push((CLUSTER.to_owned(), numbers));
    }
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| {
        let nullable = name != "track_id";
        (name, array, nullable)
    }))
}

pub(super) fn from_batch(batch: &RecordBatch) -> Result<TrackTable, ArrowError> {
    let schema = batch.schema();
    // Looking names up takes most of opening a large table, and columns do not need each other.
    let columns: Vec<Put> = schema
        .fields()
        .par_iter()
        .map(|field| read(batch, field.name()))
        .collect::<Result<_, _>>()?;
    let mut table = TrackTable::default();
    columns.into_iter().for_each(|put| put(&mut table));
    Ok(table)
}

/// Puts a column that was read in its place.
type Put = Box<dyn FnOnce(&mut TrackTable) + Send>;

fn read(batch: &RecordBatch, name: &str) -> Result<Put, ArrowError> {
    fn put<T: Send + 'static>(column: T, place: fn(&mut TrackTable) -> &mut T) -> Put {
        Box::new(move |table| *place(table) = column)
    }
    Ok(match name {
        "track_id" => put(vocab(batch, name)?, |table| &mut table.ids),
        "title" => put(text(strings(batch, name)?), |table| &mut table.title),
        "artist" => put(categories(strings(batch, name)?), |table| &mut table.artist),
        "album" => put(categories(strings(batch, name)?), |table| &mut table.album),
        "genre" => put(categories(strings(batch, name)?), |table| &mut table.genre),
        "tags" => put(lists(batch, name)?, |table| &mut table.tags),
        "markets" => put(lists(batch, name)?, |table| &mut table.markets),
        "year" => put(primitive::<Int16Type>(batch, name)?, |table| {
            &mut table.year
        }),
        "duration_ms" => put(primitive::<UInt32Type>(batch, name)?, |table| {
            &mut table.duration_ms
        }),
        "explicit" => {
            let values = column(batch, name)?
                .as_boolean_opt()
                .ok_or_else(|| wrong_type(name))?;
            put(values.iter().collect(), |table| &mut table.explicit)
        }
        _ => match name.strip_prefix(FEATURE) {
            Some(feature) => {
                let values = primitive::<Float32Type>(batch, name)?;
                let column = NumericColumn {
                    name: feature.to_owned(),
                    values: values
                        .into_iter()
                        .map(|value| value.unwrap_or(f32::NAN))
                        .collect(),
                };
                Box::new(|table| table.features.push(column))
            }
            None => Box::new(|_| ()),
        },
    })
}

/// The clusters of these profiles; `None` where there are none.
pub(super) fn clusters(
    batch: &RecordBatch,
    profiles: &[Profile],
) -> Result<Option<Clusters>, ArrowError> {
    if profiles.is_empty() {
        return Ok(None);
    }
    let numbers = primitive::<UInt32Type>(batch, CLUSTER)?;
    let known = numbers.iter().flatten();
    if known
        .into_iter()
        .any(|&number| number as usize >= profiles.len())
    {
        return Err(ArrowError::SchemaError(format!(
            "column {CLUSTER} numbers a cluster that the manifest does not have"
        )));
    }
    let or_none = |number: Option<u32>| number.unwrap_or(Clusters::NONE);
    Ok(Some(Clusters {
        of_track: numbers.into_iter().map(or_none).collect(),
        profiles: profiles.to_vec(),
    }))
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
