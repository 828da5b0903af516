use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, FixedSizeListArray, Float32Array, Float64Array,
    Int16Array, ListArray, TimestampMicrosecondArray,
    builder::{ListBuilder, StringBuilder},
    types::{Float32Type, Float64Type},
};

use super::fixtures::{Files, array, int, text};
use crate::{Error, Notice, Reason, TrackColumns, read_tracks};
use crossfade_catalog::TrackTable;

fn read(files: &Files) -> (TrackTable, crate::Report) {
    read_tracks(files.path(), &TrackColumns::default(), &|_| {}).unwrap()
}

fn only(features: &[&str]) -> TrackColumns {
    TrackColumns {
        features: features.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    }
}

#[test]
fn the_first_row_of_a_track_wins() {
    let files = Files::of(&[
        ("track_id", int([Some(7), Some(8), Some(7), None])),
        (
            "title",
            text([Some("seven"), None, Some("again"), Some("lost")]),
        ),
        ("artist", text(["a", "", "b", "c"])),
        (
            "explicit",
            array(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                None,
            ])),
        ),
        ("duration_ms", int([200_000, 0, 1, 1])),
    ]);
    let (table, report) = read(&files);
    assert_eq!(table.ids.iter().collect::<Vec<_>>(), ["7", "8"]);
    assert_eq!(
        (table.title.get(0), table.title.get(1)),
        (Some("seven"), None)
    );
    assert_eq!(
        (table.artist.get(0), table.artist.get(1)),
        (Some("a"), None)
    );
    assert_eq!(table.explicit, [Some(true), None]);
    assert_eq!(table.duration_ms, [Some(200_000), None]);
    assert!(table.album.is_empty() && table.tags.is_empty() && table.embedding.is_none());
    assert_eq!(report.count(Reason::DuplicateTrackId), 1);
    assert_eq!(report.count(Reason::MissingTrackId), 1);
    assert_eq!(report.count(Reason::BadDuration), 1);
    assert_eq!((report.rows, report.rejected()), (4, 2));
}

#[test]
fn tags_and_markets_are_lists_or_text_with_commas() {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for tags in [vec!["rock", " 90s ", "rock", ""], vec![], vec!["a,b"]] {
        tags.iter().for_each(|tag| lists.values().append_value(tag));
        lists.append(true);
    }
    let joined = text([Some("rock, 90s,,rock "), None, Some("a;b")]);
    for (tags, last) in [(array(lists.finish()), "a,b"), (joined, "a;b")] {
        for name in ["tags", "markets"] {
            let tags = (name, Arc::clone(&tags));
            let (table, _) = read(&Files::of(&[("track_id", int([1, 2, 3])), tags]));
            let column = match name {
                "tags" => &table.tags,
                _ => &table.markets,
            };
            assert_eq!(column.get(0).collect::<Vec<_>>(), ["rock", "90s"]);
            assert_eq!(column.get(1).count(), 0);
            assert_eq!(column.get(2).collect::<Vec<_>>(), [last]);
        }
    }
}

#[test]
fn years_come_from_year_or_else_from_the_release_date() {
    let dates: Vec<ArrayRef> = vec![
        text([Some("1999-05-01"), Some("1999"), Some("soon"), None]),
        array(Date32Array::from(vec![
            Some(10_712),
            Some(10_957 - 1),
            Some(i32::MAX),
            None,
        ])),
        array(TimestampMicrosecondArray::from(vec![
            Some(925_516_800_000_000),
            Some(946_684_799_999_999),
            Some(i64::MIN),
            None,
        ])),
    ];
    for dates in dates {
        let found = dates.data_type().clone();
        let (table, report) = read(&Files::of(&[
            ("track_id", int([1, 2, 3, 4])),
            ("release_date", dates),
        ]));
        assert_eq!(table.year, [Some(1999), Some(1999), None, None], "{found}");
        assert_eq!(report.count(Reason::BadYear), 1, "{found}");
    }
    let (table, report) = read(&Files::of(&[
        ("track_id", int([1, 2, 3, 4])),
        (
            "year",
            array(Int16Array::from(vec![
                Some(2001),
                None,
                Some(0),
                Some(3000),
            ])),
        ),
        (
            "release_date",
            text([Some("1999"), Some("1998"), Some("1997-01"), None]),
        ),
    ]));
    assert_eq!(table.year, [Some(2001), Some(1998), Some(1997), None]);
    assert_eq!(report.count(Reason::BadYear), 2);
}

#[test]
fn features_are_numbers_and_what_is_not_finite_is_missing() {
    let files = Files::of(&[
        ("track_id", int([1, 2, 3, 4])),
        (
            "energy",
            array(Float64Array::from(vec![
                Some(0.5),
                None,
                Some(f64::NAN),
                Some(1e300),
            ])),
        ),
        (
            "mode",
            array(BooleanArray::from(vec![true, false, true, false])),
        ),
        ("tempo", int([120, 90, 60, 30])),
    ]);
    let columns = only(&["energy", "mode", "tempo", "valence"]);
    let (table, report) = read_tracks(files.path(), &columns, &|_| {}).unwrap();
    let energy = &table.feature("energy").unwrap().values;
    assert_eq!(energy[0], 0.5);
    assert!(energy[1..].iter().all(|value| value.is_nan()));
    assert_eq!(table.feature("mode").unwrap().values, [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(
        table.feature("tempo").unwrap().values,
        [120.0, 90.0, 60.0, 30.0]
    );
    assert_eq!(table.features.len(), 3);
    assert_eq!(report.count(Reason::FeatureNotFinite), 2);
    assert_eq!(
        report.notices,
        [Notice::FeatureMissing {
            name: "valence".into()
        }]
    );
}

#[test]
fn text_features_are_left_out_by_default_and_refused_when_named() {
    let files = Files::of(&[
        ("track_id", int([1])),
        ("key", text(["C#"])),
        ("energy", array(Float32Array::from(vec![0.5]))),
    ]);
    let (table, report) = read(&files);
    assert!(table.feature("key").is_none() && table.feature("energy").is_some());
    assert!(report.notices.contains(&Notice::FeatureNotNumeric {
        name: "key".into(),
        found: "Utf8".into()
    }));
    let error = read_tracks(files.path(), &only(&["key"]), &|_| {}).unwrap_err();
    assert!(
        matches!(&error, Error::WrongType { column, .. } if column == "key"),
        "{error}"
    );
}

#[test]
fn embeddings_have_one_length_and_finite_numbers() {
    let some = |values: &[f32]| Some(values.iter().map(|&value| Some(value)).collect::<Vec<_>>());
    let lists = vec![
        None,
        some(&[1.0, 2.0]),
        some(&[3.0]),
        some(&[f32::NAN, 0.0]),
        some(&[]),
        some(&[5.0, 6.0]),
        Some(vec![None, Some(1.0)]),
    ];
    let lists = ListArray::from_iter_primitive::<Float32Type, _, _>(lists);
    let (table, report) = read(&Files::of(&[
        ("track_id", int(0..7)),
        ("embedding", array(lists)),
    ]));
    let embedding = table.embedding.unwrap();
    assert_eq!((embedding.dim, embedding.values.len()), (2, 14));
    assert_eq!(embedding.values[2..4], [1.0, 2.0]);
    assert_eq!(embedding.values[10..12], [5.0, 6.0]);
    assert_eq!(
        embedding
            .values
            .iter()
            .filter(|value| value.is_nan())
            .count(),
        10
    );
    assert_eq!(report.count(Reason::EmbeddingLength), 1);
    assert_eq!(report.count(Reason::EmbeddingNotFinite), 2);

    let fixed = vec![
        some(&[1.0, 2.0, 3.0]).map(|v| v.into_iter().map(|x| x.map(f64::from)).collect::<Vec<_>>()),
        None,
    ];
    let fixed = FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(fixed, 3);
    let (table, _) = read(&Files::of(&[
        ("track_id", int([1, 2])),
        ("embedding", array(fixed)),
    ]));
    assert_eq!(table.embedding.unwrap().values[..3], [1.0, 2.0, 3.0]);

    let wrong = Files::of(&[("track_id", int([1])), ("embedding", text(["[1, 2]"]))]);
    let error = read_tracks(wrong.path(), &TrackColumns::default(), &|_| {}).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is Utf8, expected a list of numbers"),
        "{error}"
    );
}

#[test]
fn columns_that_only_some_files_have_are_missing_elsewhere() {
    let files = Files::new();
    files.add(
        "1.parquet",
        &[("track_id", int([1])), ("genre", text(["folk"]))],
    );
    files.add(
        "2.parquet",
        &[
            ("track_id", int([2])),
            ("energy", array(Float32Array::from(vec![0.5]))),
            ("tags", text(["t"])),
        ],
    );
    files.add(
        "3.parquet",
        &[
            ("track_id", int([3])),
            ("genre", text(["jazz"])),
            ("year", int([1970])),
        ],
    );
    let (table, _) = read(&files);
    assert_eq!(
        [0, 1, 2].map(|t| table.genre.get(t)),
        [Some("folk"), None, Some("jazz")]
    );
    assert_eq!(table.year, [None, None, Some(1970)]);
    let energy = &table.feature("energy").unwrap().values;
    assert!(energy.len() == 3 && energy[0].is_nan() && energy[1] == 0.5 && energy[2].is_nan());
    assert_eq!([0, 1, 2].map(|t| table.tags.get(t).count()), [0, 1, 0]);
}

#[test]
fn tables_without_tracks_and_bad_names_are_errors() {
    let empty = Files::of(&[("track_id", int(Vec::<i64>::new()))]);
    let error = read_tracks(empty.path(), &TrackColumns::default(), &|_| {}).unwrap_err();
    assert!(
        matches!(error, Error::Empty { what: "tracks", .. }),
        "{error}"
    );
    let named = TrackColumns {
        artist: "performer".into(),
        ..Default::default()
    };
    let files = Files::of(&[("track_id", int([1]))]);
    let error = read_tracks(files.path(), &named, &|_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            Error::MissingColumn {
                option: "artist",
                ..
            }
        ),
        "{error}"
    );
}
