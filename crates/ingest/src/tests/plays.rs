use arrow_array::{BooleanArray, Float64Array, Int32Array, StringArray, TimestampMillisecondArray};
use crossfade_catalog::TrackTable;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use proptest::prelude::*;

use super::fixtures::{Files, array, int, log, named, read_named, text};
use crate::{Error, PlayOptions, Reason, read::read_plays_in_batches, read_plays};

fn half_life(days: f64) -> PlayOptions {
    PlayOptions {
        half_life_days: Some(days),
        ..Default::default()
    }
}

#[test]
fn counts_add_up_per_pair_and_null_is_one() {
    let files = Files::of(&[
        ("user_id", text(["a", "b", "a", "a"])),
        ("track_id", text(["x", "x", "y", "x"])),
        ("play_count", int([Some(2), None, Some(1), Some(3)])),
    ]);
    let log = files.plays(&PlayOptions::default()).unwrap();
    assert_eq!(log.users.iter().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(log.strengths.row(0).indices, [0, 1]);
    assert_eq!(log.strengths.row(0).values, [5.0, 1.0]);
    assert_eq!(log.strengths.row(1).values, [1.0]);
    assert_eq!((log.rows, log.plays, log.last_played), (4, 7.0, None));
    assert!(log.report.is_clean());
}

#[test]
fn tracks_keep_their_index_and_unknown_ones_come_after() {
    let mut tracks = TrackTable {
        ids: ["p", "q"].into_iter().collect(),
        ..Default::default()
    };
    let files = Files::of(&[
        ("user_id", int([1, 1, 1])),
        ("track_id", text(["new", "q", "newer"])),
    ]);
    let log = read_plays(files.path(), &PlayOptions::default(), &mut tracks, &|_| {}).unwrap();
    assert_eq!(
        tracks.ids.iter().collect::<Vec<_>>(),
        ["p", "q", "new", "newer"]
    );
    assert_eq!(log.strengths.row(0).indices, [1, 2, 3]);
    assert_eq!(log.strengths.columns(), 4);
}

#[test]
fn completion_uses_the_duration_or_else_thirty_seconds() {
    let mut tracks = TrackTable {
        ids: ["long", "unknown"].into_iter().collect(),
        duration_ms: vec![Some(200_000)],
        ..Default::default()
    };
    let files = Files::of(&[
        ("user_id", text(["a", "a", "b", "b", "c", "c"])),
        (
            "track_id",
            text(["long", "unknown", "long", "unknown", "long", "unknown"]),
        ),
        (
            "ms_played",
            int([
                Some(50_000),
                Some(15_000),
                Some(400_000),
                Some(90_000),
                None,
                Some(0),
            ]),
        ),
    ]);
    let log = read_plays(files.path(), &PlayOptions::default(), &mut tracks, &|_| {}).unwrap();
    assert_eq!(log.strengths.row(0).values, [0.25, 0.5]);
    assert_eq!(log.strengths.row(1).values, [1.0, 1.0]);
    assert_eq!(log.strengths.row(2).values, [1.0, 0.0]);
}

#[test]
fn skips_count_against_but_never_below_zero() {
    let files = Files::of(&[
        ("user_id", text(["a"; 6])),
        ("track_id", text(["x", "x", "y", "z", "z", "z"])),
        (
            "skipped",
            array(BooleanArray::from(vec![
                false, true, true, true, false, false,
            ])),
        ),
        (
            "ms_played",
            int([None, None, None, Some(15_000), Some(30_000), None]),
        ),
        ("play_count", int([3, 2, 1, 1, 1, 1])),
    ]);
    let penalty = |skip_penalty| PlayOptions {
        skip_penalty,
        ..Default::default()
    };
    // x: three plays, two skips; y: one skip; z: half a play that was skipped, two plays.
    let strengths = |options| {
        files
            .plays(&options)
            .unwrap()
            .strengths
            .row(0)
            .values
            .to_vec()
    };
    assert_eq!(strengths(penalty(0.5)), [2.0, 0.0, 2.0]);
    assert_eq!(strengths(penalty(1.0)), [1.0, 0.0, 1.5]);
    assert_eq!(strengths(penalty(0.0)), [3.0, 0.0, 2.5]);
    assert_eq!(strengths(penalty(9.0)), [0.0, 0.0, 0.0]);
}

#[test]
fn age_halves_a_play_and_the_newest_counts_in_full() {
    let day = 86_400_000;
    let times = TimestampMillisecondArray::from(vec![30 * day, 20 * day, 10 * day, 0]);
    for statistics in [EnabledStatistics::Chunk, EnabledStatistics::None] {
        let properties = WriterProperties::builder()
            .set_statistics_enabled(statistics)
            .set_max_row_group_row_count(Some(1))
            .build();
        let files = Files::new();
        let columns = [
            ("user_id", text(["a", "a", "b", "b"])),
            ("track_id", text(["x", "y", "x", "x"])),
            ("played_at", array(times.clone())),
        ];
        files.add_with("log.parquet", &columns, properties);
        let log = files.plays(&half_life(10.0)).unwrap();
        assert_eq!(log.strengths.row(0).values, [1.0, 0.5]);
        assert_eq!(log.strengths.row(1).values, [0.25 + 0.125]);
        assert_eq!(
            log.last_played,
            Some(vec![30 * 86_400, 20 * 86_400, 10 * 86_400])
        );
    }
}

#[test]
fn a_time_out_of_range_does_not_become_the_newest() {
    let files = Files::of(&[
        ("user_id", text(["a", "a", "a"])),
        ("track_id", text(["x", "y", "z"])),
        (
            "played_at",
            array(TimestampMillisecondArray::from(vec![
                Some(86_400_000),
                Some(i64::MAX),
                None,
            ])),
        ),
    ]);
    let log = files.plays(&half_life(1.0)).unwrap();
    assert_eq!(log.strengths.values(), [1.0]);
    assert_eq!(log.report.count(Reason::PlayedAtOutOfRange), 1);
    assert_eq!(log.report.count(Reason::MissingPlayedAt), 1);
    // Without a half-life nobody needs the missing time.
    let log = files.plays(&PlayOptions::default()).unwrap();
    assert_eq!(log.last_played, Some(vec![86_400, 0]));
    assert_eq!(log.report.rejected(), 1);
}

#[test]
fn last_played_is_the_newest_play_of_each_pair() {
    let files = Files::of(&[
        ("user_id", text(["b", "a", "b", "a"])),
        ("track_id", text(["y", "x", "x", "x"])),
        ("played_at", int([7, 9, 5, 3])),
    ]);
    let log = files.plays(&PlayOptions::default()).unwrap();
    // User b has tracks y and x, user a has x.
    assert_eq!(log.last_played, Some(vec![7, 5, 9]));
}

#[test]
fn a_half_life_without_times_is_refused() {
    let files = Files::of(&[("user_id", text(["a"])), ("track_id", text(["x"]))]);
    let error = files.plays(&half_life(1.0)).unwrap_err();
    assert!(
        matches!(&error, Error::NoTimes { column, .. } if column == "played_at"),
        "{error}"
    );
}

#[test]
fn unusable_rows_are_counted_by_reason_with_their_first_place() {
    let long: &'static str = Box::leak("i".repeat(257).into_boxed_str());
    let just: &'static str = Box::leak("i".repeat(256).into_boxed_str());
    let users = [
        None,
        Some(""),
        Some(long),
        Some(just),
        Some("a"),
        Some("a"),
        Some("a"),
        Some("a"),
        Some("a"),
        Some("a"),
    ];
    let files = Files::of(&[
        ("user_id", text(users)),
        (
            "track_id",
            text([
                Some("x"),
                Some("x"),
                Some("x"),
                Some("x"),
                None,
                Some("x"),
                Some("x"),
                Some("x"),
                Some("x"),
                Some("x"),
            ]),
        ),
        (
            "play_count",
            array(Float64Array::from(vec![
                1.0,
                1.0,
                1.0,
                1.0,
                1.0,
                -1.0,
                f64::NAN,
                0.0,
                1e30,
                1.0,
            ])),
        ),
        (
            "ms_played",
            array(Float64Array::from(vec![
                1e6,
                1e6,
                1e6,
                1e6,
                1e6,
                1e6,
                1e6,
                1e6,
                1e6,
                f64::INFINITY,
            ])),
        ),
    ]);
    let log = files.plays(&PlayOptions::default()).unwrap();
    let count = |reason| log.report.count(reason);
    assert_eq!(count(Reason::MissingUserId), 2);
    assert_eq!(count(Reason::UserIdTooLong), 1);
    assert_eq!(count(Reason::MissingTrackId), 1);
    assert_eq!(count(Reason::BadPlayCount), 2);
    assert_eq!(count(Reason::ZeroPlayCount), 1);
    assert_eq!(count(Reason::BadMsPlayed), 1);
    assert_eq!(count(Reason::PlayCountClipped), 1);
    assert_eq!((log.rows, log.report.rejected()), (10, 8));
    assert_eq!(log.users.iter().collect::<Vec<_>>(), [just, "a"]);
    assert_eq!(log.strengths.values(), [1.0, 1e6]);
    let first = &log.report.tallies[&Reason::BadPlayCount].first;
    assert_eq!((first.row, &first.path), (5, &files.file("data.parquet")));
    let line = log.report.to_string();
    assert!(
        line.starts_with("10 rows read, 8 rejected; user id null or empty: 2 (first: "),
        "{line}"
    );
}

#[test]
fn rejected_rows_leave_no_trace_in_the_vocabularies() {
    let files = Files::of(&[
        ("user_id", text(["bad", "good"])),
        ("track_id", text(["dropped", "kept"])),
        ("play_count", int([-1, 1])),
    ]);
    let mut tracks = TrackTable::default();
    let log = read_plays(files.path(), &PlayOptions::default(), &mut tracks, &|_| {}).unwrap();
    assert_eq!(log.users.iter().collect::<Vec<_>>(), ["good"]);
    assert_eq!(tracks.ids.iter().collect::<Vec<_>>(), ["kept"]);
}

#[test]
fn a_log_without_a_usable_play_is_an_error_that_says_why() {
    let files = Files::of(&[("user_id", text([None])), ("track_id", text(["x"]))]);
    let error = files.plays(&PlayOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no usable plays: 1 rows read, 1 rejected; user id null"),
        "{error}"
    );
}

#[test]
fn the_batch_size_does_not_change_a_bit() {
    let files = Files::of(&log(5_000));
    let read = |batch_rows| {
        let mut tracks = TrackTable::default();
        let log = read_plays_in_batches(
            files.path(),
            &half_life(0.5),
            &mut tracks,
            (&|_| {}, batch_rows),
        )
        .unwrap();
        let bits: Vec<u32> = log.strengths.values().iter().map(|s| s.to_bits()).collect();
        (
            log.strengths.indices().to_vec(),
            bits,
            log.last_played,
            log.plays.to_bits(),
        )
    };
    let whole = read(1 << 16);
    // Nine squares modulo 17, and all tracks.
    assert_eq!(whole.0.len(), 9 * 23);
    for batch_rows in [1, 7, 1_000] {
        assert_eq!(read(batch_rows), whole);
    }
}

#[test]
fn neither_threads_nor_the_layout_of_files_change_a_bit() {
    let rows = 20_000;
    let columns = |rows: std::ops::Range<i64>| {
        // Every seventh track is unknown to the table, and more ids than one thread looks up at once.
        let users = rows.clone().map(|n| Some(format!("u{}", n * n % 9_973)));
        let tracks = rows.clone().map(|n| Some(format!("t{}", n * 7 % 6_007)));
        vec![
            ("user_id", array(users.collect::<StringArray>())),
            ("track_id", array(tracks.collect::<StringArray>())),
            ("ms_played", int(rows.map(|n| n * 997 % 60_000))),
        ]
    };
    let read = |path: &std::path::Path, threads| {
        let known: Vec<String> = (0..6_007)
            .filter(|n| n % 7 > 0)
            .map(|n| format!("t{n}"))
            .collect();
        let mut tracks = TrackTable::default();
        for id in &known {
            tracks.ids.intern(id);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let log = pool
            .build()
            .unwrap()
            .install(|| read_plays(path, &PlayOptions::default(), &mut tracks, &|_| {}))
            .unwrap();
        let bits: Vec<u32> = log.strengths.values().iter().map(|s| s.to_bits()).collect();
        let ids: Vec<String> = log
            .users
            .iter()
            .chain(tracks.ids.iter())
            .map(str::to_owned)
            .collect();
        (
            log.strengths.offsets().to_vec(),
            log.strengths.indices().to_vec(),
            bits,
            ids,
        )
    };
    let whole = Files::of(&columns(0..rows));
    let expected = read(whole.path(), 1);
    assert_eq!(read(whole.path(), 4), expected);
    for dictionaries in [true, false] {
        let files = Files::new();
        for (part, first) in (0..rows).step_by(6_000).enumerate() {
            let properties = WriterProperties::builder()
                .set_dictionary_enabled(dictionaries)
                .set_max_row_group_row_count(Some(900))
                .build();
            let columns = columns(first..rows.min(first + 6_000));
            files.add_with(&format!("part-{part}.parquet"), &columns, properties);
        }
        for threads in [1, 3] {
            assert_eq!(read(files.path(), threads), expected);
        }
    }
}

#[test]
fn progress_never_falls_and_ends_at_the_total() {
    let files = Files::new();
    files.add("a.parquet", &log(300));
    files.add("b.parquet", &log(200));
    let seen = std::cell::RefCell::new(Vec::new());
    let observe = |progress| seen.borrow_mut().push(progress);
    let mut tracks = TrackTable::default();
    read_plays_in_batches(
        files.path(),
        &PlayOptions::default(),
        &mut tracks,
        (&observe, 64),
    )
    .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() > 5);
    assert!(
        seen.windows(2)
            .all(|pair| pair[0].rows <= pair[1].rows && pair[0].bytes <= pair[1].bytes)
    );
    let last = seen.last().unwrap();
    assert_eq!((last.rows, last.bytes), (500, last.total_bytes));
}

/// The formula of the crate's description, row by row, in `f64`.
fn reference(
    rows: &[(u8, u8, i32, i64, i64, bool)],
    options: &PlayOptions,
) -> Vec<(String, String, f64)> {
    let newest = rows.iter().map(|row| row.3).max().unwrap();
    let mut sums = std::collections::BTreeMap::new();
    for &(user, track, count, played_at, ms_played, skipped) in rows {
        let age_days = (newest - played_at) as f64 / 86_400.0;
        let decay = options
            .half_life_days
            .map_or(1.0, |half_life| 0.5_f64.powf(age_days / half_life));
        let completion = (ms_played as f64 / 30_000.0).min(1.0);
        let penalty = if skipped {
            f64::from(options.skip_penalty)
        } else {
            0.0
        };
        let pair = (format!("{user}"), format!("{track}"));
        *sums.entry(pair).or_insert(0.0) += decay * f64::from(count) * (completion - penalty);
    }
    sums.into_iter()
        .map(|((user, track), sum): (_, f64)| (user, track, sum.max(0.0)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn strengths_follow_the_formula_and_any_order_of_rows_agrees(
        rows in prop::collection::vec((0_u8..6, 0_u8..6, 1_i32..5, 1_700_000_000_i64..1_703_000_000, 0_i64..60_000, any::<bool>()), 1..200),
        half_life in prop::option::of(1.0..60.0_f64),
    ) {
        let options = PlayOptions { half_life_days: half_life, ..Default::default() };
        let write = |rows: &[(u8, u8, i32, i64, i64, bool)]| Files::of(&[
            ("user_id", int(rows.iter().map(|row| i64::from(row.0)))),
            ("track_id", int(rows.iter().map(|row| i64::from(row.1)))),
            ("play_count", array(rows.iter().map(|row| row.2).collect::<Int32Array>())),
            ("played_at", int(rows.iter().map(|row| row.3))),
            ("ms_played", int(rows.iter().map(|row| row.4))),
            ("skipped", array(BooleanArray::from(rows.iter().map(|row| row.5).collect::<Vec<_>>()))),
        ]);
        let mut tracks = TrackTable::default();
        let files = write(&rows);
        let log = read_plays(files.path(), &options, &mut tracks, &|_| {}).unwrap();
        let got = named(&log, &tracks);
        let expected = reference(&rows, &options);
        // Every row is rounded to f32 once, and so is every sum of a tail; with at most 200 rows (one tail) of at most 4
        // plays the error is at most 200 * 4 * 2^-24 for the rows and as much for the sum.
        let tolerance = 2.0 * 800.0 * 2.0_f64.powi(-24);
        prop_assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            prop_assert_eq!((&got.0, &got.1), (&expected.0, &expected.1));
            prop_assert!((f64::from(got.2) - expected.2).abs() <= tolerance, "{:?} {:?}", got, expected);
        }
        let backwards: Vec<_> = rows.iter().rev().copied().collect();
        for (a, b) in got.iter().zip(read_named(write(&backwards).path(), &options)) {
            prop_assert_eq!((&a.0, &a.1, a.3), (&b.0, &b.1, b.3));
            prop_assert!(f64::from((a.2 - b.2).abs()) <= tolerance);
        }
    }
}
