use std::{
    fs, io,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use arrow_array::{
    Array,
    cast::AsArray,
    types::{Float64Type, UInt32Type},
};
use arrow_schema::{DataType, TimeUnit};
use crossfade_catalog::TrackTable;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::fixtures::Files;
use crate::{
    Error, Play, PlayOptions, PlayWriter, ScoreWriter, Scores, Track, TrackColumns, TrackWriter,
    read_plays, read_tracks, run_of_remote_scores, run_of_scores,
};

/// Hands out the plays of that number, with ids and times as irregular as real ones.
fn play<T>(number: u64, take: impl FnOnce(&Play<'_>) -> T) -> T {
    // A step of SplitMix64.
    let random = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let random = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33;
    take(&Play {
        user_id: &format!("user-{:06}", random % 2_000),
        track_id: &format!("track-{:06}", random / 2_000 % 15_000),
        played_at_ms: 1_700_000_000_000 + number as i64 * 200_000 + (random % 100_000) as i64,
        ms_played: (random % 240_000) as u32,
        skipped: random.is_multiple_of(6),
    })
}

fn write_plays(path: &std::path::Path, rows: u64) {
    let mut writer = PlayWriter::create(path).unwrap();
    for number in 0..rows {
        play(number, |play| writer.write(play)).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), rows);
}

#[test]
fn any_number_of_threads_writes_the_bytes_of_one_writer() {
    let files = Files::new();
    for rows in [0, (1 << 20) + 20_000] {
        write_plays(&files.file("one.parquet"), rows);
        let one = fs::read(files.file("one.parquet")).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let told = AtomicU64::new(0);
            let path = files.file("many.parquet");
            let write = || {
                crate::write_plays(
                    &path,
                    rows,
                    |mut range, write| range.try_for_each(|number| play(number, &mut *write)),
                    &|done| told.store(done, Ordering::Relaxed),
                )
            };
            pool.build().unwrap().install(write).unwrap();
            assert_eq!(told.into_inner(), rows);
            assert!(one == fs::read(&path).unwrap(), "{threads} threads");
        }
    }
}

#[test]
fn play_files_are_compact_and_the_same_every_time() {
    let files = Files::new();
    write_plays(&files.file("a.parquet"), 150_000);
    write_plays(&files.file("b.parquet"), 150_000);
    let bytes = fs::read(files.file("a.parquet")).unwrap();
    assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
    assert!(bytes == fs::read(files.file("b.parquet")).unwrap());
    let file = fs::File::open(files.file("a.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let kinds: Vec<_> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    assert_eq!(
        kinds,
        [
            DataType::Utf8,
            DataType::Utf8,
            time,
            DataType::UInt32,
            DataType::Boolean
        ]
    );
    let created_by = builder.metadata().file_metadata().created_by().unwrap();
    assert_eq!(
        created_by,
        concat!("crossfade version ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn written_plays_are_read_back() {
    let files = Files::new();
    write_plays(&files.file("plays.parquet"), 20_000);
    let mut tracks = TrackTable::default();
    let log = read_plays(files.path(), &PlayOptions::default(), &mut tracks, &|_| {}).unwrap();
    assert_eq!(
        (log.rows, log.plays, log.users.len()),
        (20_000, 20_000.0, 2_000)
    );
    assert!(log.report.is_clean() && log.last_played.is_some());
}

#[test]
fn written_tracks_are_read_back() {
    let files = Files::new();
    let mut writer =
        TrackWriter::create(files.file("tracks.parquet"), &["energy", "tempo"]).unwrap();
    let full = Track {
        track_id: "t1",
        title: Some("Blue"),
        artist: Some("Joni"),
        album: Some("Blue"),
        genre: Some("folk"),
        tags: &["70s", "folk"],
        // 1971-06-22.
        release_date: Some(537),
        explicit: Some(false),
        duration_ms: Some(183_000),
        features: &[0.25, f32::NAN],
    };
    writer.write(&full).unwrap();
    writer
        .write(&Track {
            track_id: "t2",
            features: &[f32::NAN, 120.0],
            ..Track::default()
        })
        .unwrap();
    assert_eq!(writer.finish().unwrap(), 2);
    let columns = TrackColumns {
        features: vec!["energy".into(), "tempo".into()],
        ..Default::default()
    };
    let (table, report) = read_tracks(files.path(), &columns, &|_| {}).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(
        (table.title.get(0), table.artist.get(0), table.album.get(0)),
        (Some("Blue"), Some("Joni"), Some("Blue"))
    );
    assert_eq!(
        (table.genre.get(0), table.year[0], table.explicit[0]),
        (Some("folk"), Some(1971), Some(false))
    );
    assert_eq!(table.tags.get(0).collect::<Vec<_>>(), ["70s", "folk"]);
    assert_eq!(table.duration_ms, [Some(183_000), None]);
    assert_eq!(
        (table.title.get(1), table.year[1], table.tags.get(1).count()),
        (None, None, 0)
    );
    let energy = &table.feature("energy").unwrap().values;
    assert!(energy[0] == 0.25 && energy[1].is_nan());
    assert_eq!(table.feature("tempo").unwrap().values[1], 120.0);
}

#[test]
fn written_scores_are_read_back_in_bounded_row_groups() {
    let files = Files::new();
    let path = files.file("scores.parquet");
    let mut writer = ScoreWriter::create(&path, "first").unwrap();
    for user in 0..300 {
        let user = format!("u{user}");
        let tracks: Vec<String> = (0..1_000).map(|track| format!("t{track}")).collect();
        let scores = |scale: f64| {
            (0..1_000)
                .map(|n| scale / f64::from(n + 1))
                .collect::<Vec<_>>()
        };
        writer
            .write(Scores {
                user_id: vec![&user; 1_000],
                arm: vec!["blend"; 1_000],
                rank: (1..=1_000).collect(),
                track_id: tracks.iter().map(String::as_str).collect(),
                score: scores(7.0),
                collaborative_score: scores(4.0),
                content_score: scores(2.0),
                popularity_score: scores(1.5),
                discovery_score: scores(-0.5),
            })
            .unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 300_000);
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(builder.metadata().num_row_groups(), 2);
    let batch = builder
        .with_batch_size(2_000)
        .build()
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let names: Vec<_> = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let expected = [
        "user_id",
        "arm",
        "rank",
        "track_id",
        "score",
        "collaborative_score",
        "content_score",
        "popularity_score",
        "discovery_score",
    ];
    assert_eq!(names, expected);
    assert_eq!(batch.column(0).as_string::<i32>().value(1_999), "u1");
    assert_eq!(
        batch.column(2).as_primitive::<UInt32Type>().value(1_999),
        1_000
    );
    assert_eq!(batch.column(4).as_primitive::<Float64Type>().value(1), 3.5);
    assert_eq!(batch.column(8).null_count(), 0);
}

#[test]
fn files_of_scores_say_whose_they_are_and_leave_nothing_of_killed_writers() {
    let files = Files::new();
    let path = files.file("part.parquet");
    let killed = ScoreWriter::create(&path, "killed").unwrap();
    std::mem::forget(killed);
    let other = ScoreWriter::create(files.file("other.parquet"), "other").unwrap();
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2);
    ScoreWriter::create(&path, "kept")
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(run_of_scores(&path).unwrap().as_deref(), Some("kept"));
    let bytes = bytes::Bytes::from(fs::read(&path).unwrap());
    let part = |range: Range<u64>| Ok(bytes.slice(range.start as usize..range.end as usize));
    let length = bytes.len() as u64;
    let fetched = run_of_remote_scores(&path, length, &part).unwrap();
    assert_eq!(fetched.as_deref(), Some("kept"));
    let lost = |_| Err(io::Error::other("the line is dead"));
    let error = run_of_remote_scores(&path, length, &lost).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }));
    assert_eq!(other.finish().unwrap(), 0);
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2);
    write_plays(&path, 3);
    assert_eq!(run_of_scores(&path).unwrap(), None);
    fs::write(&path, "cut").unwrap();
    assert!(matches!(run_of_scores(&path), Err(Error::Damaged { .. })));
}

#[test]
fn an_unfinished_file_leaves_nothing_and_spares_the_old_one() {
    let files = Files::new();
    let path = files.file("plays.parquet");
    write_plays(&path, 10);
    let before = fs::read(&path).unwrap();
    let mut writer = PlayWriter::create(&path).unwrap();
    let play = Play {
        user_id: "u",
        track_id: "t",
        played_at_ms: 0,
        ms_played: 0,
        skipped: false,
    };
    (0..20_000).for_each(|_| writer.write(&play).unwrap());
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 2);
    drop(writer);
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 1);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_directory_that_does_not_exist_is_named() {
    let files = Files::new();
    let error = ScoreWriter::create(files.file("no/scores.parquet"), "").unwrap_err();
    assert!(
        matches!(&error, Error::Io { action: "create", path, .. } if path.ends_with("no/scores.parquet")),
        "{error}"
    );
}
