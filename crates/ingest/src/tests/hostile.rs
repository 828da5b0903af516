use std::fs;

use arrow_array::{ArrayRef, ListArray, StringArray, types::Float32Type};
use crossfade_catalog::TrackTable;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::WriterProperties,
};

use super::fixtures::{Files, array, int, log, text};
use crate::{Error, PlayOptions, TrackColumns, read_plays, read_tracks};

fn read(path: &std::path::Path) -> Result<crate::PlayLog, Error> {
    let options = PlayOptions {
        half_life_days: Some(1.0),
        ..Default::default()
    };
    read_plays(path, &options, &mut TrackTable::default(), &|_| {})
}

#[test]
fn what_is_not_parquet_is_named() {
    let files = Files::new();
    for content in [
        "",
        "PAR1",
        "user_id,track_id\n1,2\n",
        "PAR1 and some text between PAR1",
    ] {
        fs::write(files.file("plays.parquet"), content).unwrap();
        let error = read(files.path()).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Damaged {
                    row_group: None,
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains("plays.parquet: it is not Parquet, or truncated, or damaged"),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_page_is_blamed_on_its_row_group_and_column() {
    let files = Files::new();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(500))
        .build();
    let path = files.add_with("plays.parquet", &log(1_000), properties);
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new()
        .parse_and_finish(&fs::File::open(&path).unwrap())
        .unwrap();
    let (start, length) = metadata.row_group(1).column(4).byte_range();
    let mut bytes = fs::read(&path).unwrap();
    bytes[start as usize..(start + length) as usize].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = read(files.path()).unwrap_err();
    let Error::Damaged {
        row_group, column, ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (*row_group, column.as_deref()),
        (Some(1), Some("ms_played"))
    );
    assert!(
        error
            .to_string()
            .contains("row group 1, column \"ms_played\""),
        "{error}"
    );
}

/// Flips bits and truncates at every few bytes; whatever comes of it, it is a value or an error.
fn damage_everywhere(
    columns: &[(&str, ArrayRef)],
    properties: WriterProperties,
    read: impl Fn(&std::path::Path),
) {
    let files = Files::new();
    let path = files.add_with("data.parquet", columns, properties);
    let good = fs::read(&path).unwrap();
    // Every other byte of the footer, which steers everything, and a sample of the pages.
    let footer = good.len() - good.len().min(1_500);
    let sampled = (0..footer)
        .step_by(1 + footer / 400)
        .chain((footer..good.len()).step_by(2));
    for (at, damage) in sampled.zip([1, 0x80, 0xff].into_iter().cycle()) {
        let mut bad = good.clone();
        bad[at] ^= damage;
        fs::write(&path, &bad).unwrap();
        read(&path);
    }
    for length in (0..good.len()).step_by(1 + good.len() / 150) {
        fs::write(&path, &good[..length]).unwrap();
        read(&path);
    }
}

fn encodings() -> [WriterProperties; 3] {
    let properties = || WriterProperties::builder().set_max_row_group_row_count(Some(60));
    [
        properties().build(),
        properties()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build(),
        properties()
            .set_dictionary_enabled(false)
            .set_column_encoding("user_id".into(), Encoding::DELTA_BYTE_ARRAY)
            .set_column_encoding("track_id".into(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
            .set_column_encoding("played_at".into(), Encoding::DELTA_BINARY_PACKED)
            .build(),
    ]
}

#[test]
fn damaged_play_logs_never_panic() {
    for properties in encodings() {
        damage_everywhere(&log(100), properties, |path| {
            let _ = read(path);
        });
    }
}

#[test]
fn damaged_track_tables_never_panic() {
    let vectors = (0..40).map(|n| Some(vec![Some(n as f32), Some(0.5)]));
    let columns = [
        (
            "track_id",
            array(
                (0..40)
                    .map(|n| Some(n.to_string()))
                    .collect::<StringArray>(),
            ),
        ),
        ("title", text(["a title"; 40])),
        ("tags", text(["rock, pop"; 40])),
        ("release_date", text(["1999-01-01"; 40])),
        ("energy", int(0..40)),
        (
            "embedding",
            array(ListArray::from_iter_primitive::<Float32Type, _, _>(vectors)),
        ),
    ];
    for properties in encodings() {
        damage_everywhere(&columns, properties, |path| {
            let _ = read_tracks(path, &TrackColumns::default(), &|_| {});
        });
    }
}
