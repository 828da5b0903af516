use std::fs;

use arrow_array::StringArray;
use crossfade_catalog::TrackTable;

use super::fixtures::{Column, Files, array, int, log, named, read_named, text};
use crate::{Error, PlayOptions, Reason, read_ids, read_plays};

fn slice<'a>(columns: &[Column<'a>], from: usize, rows: usize) -> Vec<Column<'a>> {
    columns
        .iter()
        .map(|(name, values)| (*name, values.slice(from, rows)))
        .collect()
}

#[test]
fn a_directory_reads_like_one_file() {
    let whole = log(600);
    let one = Files::of(&whole);
    let many = Files::new();
    many.add("2024/part-0.parquet", &slice(&whole, 0, 250));
    many.add("2024/part-1.parquet", &slice(&whole, 250, 0));
    many.add("2025/deep/part-2.parquet", &slice(&whole, 250, 350));
    fs::write(many.file("2025/_SUCCESS"), "").unwrap();
    fs::write(many.file("2025/.part.parquet"), "half written").unwrap();
    let (mut a, mut b) = (TrackTable::default(), TrackTable::default());
    let options = PlayOptions {
        half_life_days: Some(0.1),
        ..Default::default()
    };
    let one = read_plays(one.file("data.parquet"), &options, &mut a, &|_| {}).unwrap();
    let many = read_plays(many.path(), &options, &mut b, &|_| {}).unwrap();
    assert_eq!(
        one.users.iter().collect::<Vec<_>>(),
        many.users.iter().collect::<Vec<_>>()
    );
    assert_eq!(one.strengths.indices(), many.strengths.indices());
    assert_eq!(one.strengths.values(), many.strengths.values());
    assert_eq!(one.last_played, many.last_played);
}

#[test]
fn renaming_the_files_only_renumbers() {
    let whole = log(600);
    let (forth, back) = (Files::new(), Files::new());
    for (at, from) in [0, 200, 400].into_iter().enumerate() {
        forth.add(&format!("{at}.parquet"), &slice(&whole, from, 200));
        back.add(&format!("{}.parquet", 9 - at), &slice(&whole, from, 200));
    }
    let options = PlayOptions::default();
    let (a, b) = (
        read_named(forth.path(), &options),
        read_named(back.path(), &options),
    );
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        assert_eq!((&a.0, &a.1, a.3), (&b.0, &b.1, b.3));
        // 600 rows of at most 3 plays, each rounded to f32 (2^-24 relative) once as a row and once in a sum.
        assert!(
            (a.2 - b.2).abs() <= 2.0 * 1_800.0 * 2.0_f32.powi(-24),
            "{a:?} {b:?}"
        );
    }
}

#[test]
fn partition_directories_give_columns_that_the_files_lack() {
    let files = Files::new();
    let tracks = || ("track_id", text(["x", "y"]));
    files.add(
        "user_id=ann%2Fa/played_at=2024-05-01/skipped=false/p.parquet",
        &[tracks()],
    );
    files.add(
        "user_id=bob/played_at=2024-05-02/region=eu/p.parquet",
        &[tracks()],
    );
    files.add(
        "user_id=bob/played_at=2024-05-02/play_count=3/p.parquet",
        &[tracks()],
    );
    files.add("user_id=__HIVE_DEFAULT_PARTITION__/p.parquet", &[tracks()]);
    let mut table = TrackTable::default();
    let log = read_plays(files.path(), &PlayOptions::default(), &mut table, &|_| {}).unwrap();
    let (first, second) = (1_714_521_600, 1_714_608_000);
    let expected = [
        ("ann/a", "x", 1.0, first),
        ("ann/a", "y", 1.0, first),
        ("bob", "x", 4.0, second),
        ("bob", "y", 4.0, second),
    ];
    let expected =
        expected.map(|(user, track, s, last)| (user.to_owned(), track.to_owned(), s, Some(last)));
    assert_eq!(named(&log, &table), expected);
    assert_eq!(log.report.count(Reason::MissingUserId), 2);
}

#[test]
fn a_path_may_give_every_column() {
    let files = Files::new();
    files.add("user_id=a/track_id=x/p.parquet", &[("other", int(0..3))]);
    let log = files.plays(&PlayOptions::default()).unwrap();
    assert_eq!(log.strengths.values(), [3.0]);
}

#[test]
fn a_column_of_the_file_wins_over_the_path() {
    let files = Files::new();
    files.add(
        "user_id=path/p.parquet",
        &[("user_id", text(["file"])), ("track_id", text(["x"]))],
    );
    let log = files.plays(&PlayOptions::default()).unwrap();
    assert_eq!(log.users.id(0), "file");
}

#[test]
fn a_partition_value_of_the_wrong_kind_is_refused() {
    let files = Files::new();
    files.add(
        "play_count=many/p.parquet",
        &[("user_id", int([1])), ("track_id", int([1]))],
    );
    let error = files.plays(&PlayOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("sets play_count to \"many\", expected a numeric type"),
        "{error}"
    );
}

#[test]
fn an_empty_directory_and_a_missing_path_are_clear_errors() {
    let files = Files::new();
    fs::write(files.file("plays.csv"), "user_id,track_id").unwrap();
    let error = files.plays(&PlayOptions::default()).unwrap_err();
    assert!(
        matches!(&error, Error::NoFiles { path } if path == files.path()),
        "{error}"
    );
    let missing = files.file("nowhere");
    let error = read_plays(
        &missing,
        &PlayOptions::default(),
        &mut TrackTable::default(),
        &|_| {},
    )
    .unwrap_err();
    assert!(
        error.to_string().starts_with("cannot open ") && error.to_string().ends_with("nowhere"),
        "{error}"
    );
}

#[test]
fn missing_columns_name_what_there_is() {
    let files = Files::of(&[("user", int([1])), ("track_id", int([1]))]);
    let error = files.plays(&PlayOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has no column \"user_id\"; it has: user, track_id."),
        "{error}"
    );
    let mut options = PlayOptions::default();
    options.columns.user_id = "user".into();
    files.plays(&options).unwrap();
    // An optional column is asked for once it is named.
    options.columns.played_at = "when".into();
    let error = files.plays(&options).unwrap_err();
    assert!(
        matches!(&error, Error::MissingColumn { column, option: "played_at", .. } if column == "when"),
        "{error}"
    );
}

#[test]
fn lists_of_ids_keep_their_order_and_drop_repeats() {
    let files = Files::of(&[(
        "who",
        text([Some("c"), Some("a"), None, Some("c"), Some("b")]),
    )]);
    let (ids, report) = read_ids(files.path(), "who").unwrap();
    assert_eq!(ids.iter().collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!(
        (
            report.count(Reason::MissingUserId),
            report.count(Reason::DuplicateId)
        ),
        (1, 1)
    );
    assert!(matches!(
        read_ids(files.path(), "whom"),
        Err(Error::MissingColumn { .. })
    ));
    let empty = Files::of(&[("who", array(StringArray::new_null(2)))]);
    assert!(matches!(
        read_ids(empty.path(), "who"),
        Err(Error::Empty { what: "ids", .. })
    ));
}
