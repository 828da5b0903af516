//! What the log promises, on whole logs.

use std::{collections::HashMap, fs, path::Path, time::Duration};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};

use crossfade_experiments::{Candidate, Exposure, Team, Trial};

use crate::{Attribution, Error, Event, EventLog, ExposureLog, Options, Outcome, Record, read_all};

fn event(number: usize) -> Event {
    Event {
        event_id: format!("event-{number}"),
        user_id: format!("user-{}", number % 7),
        track_id: format!("track-{}", number % 11),
        played_at_ms: 1_700_000_000_000 + number as i64,
        play_count: 1 + number as u32 % 3,
        ms_played: number.is_multiple_of(2).then_some(number as u32),
        skipped: number.is_multiple_of(5),
        attribution: number.is_multiple_of(3).then(|| Attribution {
            experiment: "sound".into(),
            request_id: format!("request-{number}"),
        }),
    }
}

fn open(directory: &Path) -> EventLog {
    EventLog::open(directory, Options::default()).unwrap()
}

/// Options of a log whose segments hold a batch each.
fn short(window: usize) -> Options {
    Options {
        segment_bytes: 1,
        window,
        ..Options::default()
    }
}

/// Which of the first `count` events a log knows. (It has them all afterwards.)
fn known(log: &EventLog, count: usize) -> Vec<bool> {
    let outcomes = log.record((0..count).map(event).collect()).unwrap();
    let known = outcomes.iter().map(|&o| o == Outcome::Duplicate);
    known.collect()
}

/// How often each event is in the Parquet files of a directory.
fn compacted(directory: &Path) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "parquet") {
            let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let id = row.unwrap().get_string(0).unwrap().clone();
                *found.entry(id).or_default() += 1;
            }
        }
    }
    found
}

/// A log of five batches of two events each, and the offsets at which its frames begin, its end last.
fn five_batches(directory: &Path) -> (Vec<u8>, Vec<usize>) {
    let log = open(directory);
    let path = directory.join("0000000001.log");
    let mut ends = vec![fs::metadata(&path).unwrap().len() as usize];
    for batch in 0..5 {
        log.record(vec![event(2 * batch), event(2 * batch + 1)])
            .unwrap();
        ends.push(fs::metadata(&path).unwrap().len() as usize);
    }
    drop(log);
    (fs::read(path).unwrap(), ends)
}

fn with_segment(bytes: &[u8]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("0000000001.log"), bytes).unwrap();
    directory
}

#[test]
fn a_log_cut_at_any_byte_has_all_batches_before_the_cut_and_takes_more() {
    let (bytes, ends) = five_batches(tempfile::tempdir().unwrap().path());
    for cut in 0..=bytes.len() {
        let directory = with_segment(&bytes[..cut]);
        let whole = ends[1..].iter().filter(|&&end| end <= cut).count();
        let log = open(directory.path());
        let expected: Vec<bool> = (0..10).map(|event| event < 2 * whole).collect();
        assert_eq!(known(&log, 10), expected, "cut at {cut}");
        drop(log);
        assert_eq!(
            known(&open(directory.path()), 10),
            [true; 10],
            "cut at {cut}"
        );
        let torn = directory.path().join("0000000001.torn");
        let start = ends.iter().rev().find(|&&end| end <= cut).unwrap_or(&0);
        assert_eq!(torn.exists(), *start != cut, "cut at {cut}");
        if torn.exists() {
            assert_eq!(fs::read(torn).unwrap(), &bytes[*start..cut]);
        }
    }
}

#[test]
fn a_tail_of_zeros_is_cut_too() {
    let (mut bytes, _) = five_batches(tempfile::tempdir().unwrap().path());
    bytes.extend([0; 5_000]);
    assert_eq!(known(&open(with_segment(&bytes).path()), 10), [true; 10]);
}

#[test]
fn any_flipped_byte_before_the_last_batch_is_an_error_that_names_the_place() {
    let (bytes, ends) = five_batches(tempfile::tempdir().unwrap().path());
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let directory = with_segment(&flipped);
        let frame = *ends.iter().rev().find(|&&end| end <= place).unwrap_or(&0);
        match EventLog::open(directory.path(), Options::default()) {
            Ok(log) => {
                assert_eq!(frame, ends[4], "byte {place}");
                assert_eq!(known(&log, 10)[..8], [true; 8]);
                assert!(directory.path().join("0000000001.torn").exists());
            }
            Err(Error::Damaged { path, offset, .. }) => {
                assert!(frame < ends[4], "byte {place}");
                assert_eq!(offset, frame as u64, "byte {place}");
                assert!(path.ends_with("0000000001.log"));
            }
            Err(error) => panic!("byte {place}: {error}"),
        }
    }
}

#[test]
fn a_closed_segment_may_not_end_in_a_torn_batch() {
    let (bytes, _) = five_batches(tempfile::tempdir().unwrap().path());
    let directory = with_segment(&bytes[..bytes.len() - 1]);
    fs::write(directory.path().join("0000000002.log"), Event::HEADER).unwrap();
    let error = EventLog::open(directory.path(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[test]
fn callers_at_once_all_have_their_events_recorded_once() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 20_000,
        ..Options::default()
    };
    let log = EventLog::open(directory.path(), options).unwrap();
    // Every event is sent by two of the eight callers.
    let accepted: usize = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let log = &log;
                scope.spawn(move || {
                    let numbers = (0..400).map(|number| number * 4 + caller % 4);
                    let outcomes = numbers.map(|number| log.record(vec![event(number)]).unwrap());
                    outcomes.filter(|o| o == &[Outcome::Accepted]).count()
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    assert_eq!(accepted, 1_600);
    log.close_segment(Duration::ZERO).unwrap();
    let done = log.compact().unwrap();
    assert_eq!(done.records, 1_600);
    assert!(done.segments > 3, "{done:?}");
    let found = compacted(directory.path());
    assert_eq!(found.len(), 1_600);
    assert!(found.values().all(|&times| times == 1));
}

#[test]
fn ids_are_known_within_the_window_and_the_same_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let window = 10;
    let log = EventLog::open(directory.path(), short(window)).unwrap();
    for number in 0..30 {
        log.record(vec![event(number)]).unwrap();
    }
    let plays: usize = (0..7)
        .map(|user| log.recent(&format!("user-{user}")).len())
        .sum();
    assert_eq!(plays, window);
    assert_eq!(log.compact().unwrap().removed, 20);
    drop(log);
    // The oldest of the window, asked for first: recording others moves it.
    let log = EventLog::open(directory.path(), short(window)).unwrap();
    assert_eq!(log.record(vec![event(20)]).unwrap(), [Outcome::Duplicate]);
    assert_eq!(log.record(vec![event(19)]).unwrap(), [Outcome::Accepted]);
    assert_eq!(log.record(vec![event(20)]).unwrap(), [Outcome::Accepted]);
}

#[test]
fn a_compaction_that_was_killed_anywhere_is_finished_without_a_play_lost_or_doubled() {
    let directory = tempfile::tempdir().unwrap();
    let log = EventLog::open(directory.path(), short(3)).unwrap();
    for number in 0..8 {
        log.record(vec![event(number)]).unwrap();
    }
    // Written and renamed, but the segment not yet removed; then a file that was not finished.
    let keep = tempfile::tempdir().unwrap();
    for number in 1..=8 {
        let name = format!("{number:010}.log");
        fs::copy(directory.path().join(&name), keep.path().join(&name)).unwrap();
    }
    log.compact().unwrap();
    drop(log);
    for entry in fs::read_dir(keep.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), directory.path().join(entry.file_name())).unwrap();
    }
    fs::write(directory.path().join(".writing-x.tmp"), "half a file").unwrap();
    fs::remove_file(directory.path().join("0000000006.parquet")).unwrap();
    let log = EventLog::open(directory.path(), short(3)).unwrap();
    log.close_segment(Duration::ZERO).unwrap();
    assert_eq!(log.compact().unwrap().segments, 1);
    let found = compacted(directory.path());
    assert_eq!(found.len(), 8);
    assert!(found.values().all(|&times| times == 1), "{found:?}");
}

#[test]
fn a_last_segment_that_was_compacted_already_is_not_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    log.record(vec![event(0)]).unwrap();
    log.close_segment(Duration::ZERO).unwrap();
    log.compact().unwrap();
    drop(log);
    // As after a crash before the next segment's name was durable.
    fs::remove_file(directory.path().join("0000000002.log")).unwrap();
    let log = open(directory.path());
    assert_eq!(known(&log, 2), [true, false]);
    log.close_segment(Duration::ZERO).unwrap();
    log.compact().unwrap();
    assert_eq!(compacted(directory.path()).len(), 2);
}

#[test]
fn only_one_may_have_a_log_open() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let error = EventLog::open(directory.path(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(log);
    open(directory.path());
}

#[test]
fn recent_plays_are_the_newest_of_a_user_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        per_user: 3,
        ..Options::default()
    };
    let log = EventLog::open(directory.path(), options).unwrap();
    log.record((0..50).map(event).collect()).unwrap();
    let tracks = |log: &EventLog| -> Vec<String> {
        let recent = log.recent("user-1");
        recent
            .iter()
            .map(|play| play.track_id.to_string())
            .collect()
    };
    // 29, 36 and 43 are the user's last.
    assert_eq!(tracks(&log), ["track-7", "track-3", "track-10"]);
    drop(log);
    let log = EventLog::open(directory.path(), options).unwrap();
    assert_eq!(tracks(&log), ["track-7", "track-3", "track-10"]);
}

#[test]
fn an_id_too_long_to_record_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path());
    let long = Event {
        track_id: "x".repeat(70_000),
        ..event(1)
    };
    let error = log.record(vec![event(0), long]).unwrap_err();
    assert!(matches!(*error, Error::Long { length: 70_000 }), "{error}");
    assert_eq!(known(&log, 1), [false]);
}

fn exposure(number: usize) -> Exposure {
    let tracks: Vec<String> = (0..number % 4)
        .map(|track| format!("track-{track}"))
        .collect();
    let candidate = |at: usize| Candidate {
        track_id: format!("track-{at}"),
        probability: 0.25,
        collaborative: at as f64 / 3.0,
        content: -1.5,
        popularity: 1e-3,
        is_warm: at == 1,
        is_described: at != 1,
    };
    let teams = [None, Some(Team::First), Some(Team::Second)];
    Exposure {
        experiment: "sound".into(),
        definition: "0123456789abcdef".into(),
        arm: "größer".into(),
        propensity: 0.5,
        user_id: format!("user-{number}"),
        request_id: format!("request-{number}"),
        shown_at_ms: 1_700_000_000_000 + number as i64,
        bundle_version: "v".into(),
        activity: (number as f64).ln_1p(),
        latency_ms: 0.1,
        top_artist_share: 1.0 / 3.0,
        teams: match number.is_multiple_of(2) {
            true => tracks
                .iter()
                .enumerate()
                .map(|(at, _)| teams[at % 3])
                .collect(),
            false => Vec::new(),
        },
        trial: number.is_multiple_of(3).then(|| Trial {
            place: 2,
            drawn: 1,
            candidates: (0..3).map(candidate).collect(),
        }),
        tracks,
    }
}

fn all<R: Record>(directory: &Path) -> Vec<R> {
    let mut found = Vec::new();
    read_all(directory, |record| found.push(record)).unwrap();
    found
}

#[test]
fn what_was_recorded_is_read_back_whole_from_segments_and_from_parquet() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 2_000,
        window: 30,
        ..Options::default()
    };
    let expected: Vec<Exposure> = (0..100).map(exposure).collect();
    let log = ExposureLog::open(directory.path(), options).unwrap();
    for exposure in &expected {
        assert_eq!(
            log.record(vec![exposure.clone()]).unwrap(),
            [Outcome::Accepted]
        );
    }
    // The log is open while it is read.
    assert_eq!(all::<Exposure>(directory.path()), expected);
    let done = log.compact().unwrap();
    assert!(done.segments > 5 && done.removed > 0, "{done:?}");
    assert_eq!(all::<Exposure>(directory.path()), expected);
    log.close_segment(Duration::ZERO).unwrap();
    log.compact().unwrap();
    assert_eq!(all::<Exposure>(directory.path()), expected);
    // The same request of the same user is the same list.
    assert_eq!(
        log.record(vec![exposure(99)]).unwrap(),
        [Outcome::Duplicate]
    );
}

#[test]
fn plays_keep_the_lists_they_came_from() {
    let directory = tempfile::tempdir().unwrap();
    let expected: Vec<Event> = (0..50).map(event).collect();
    let log = open(directory.path());
    log.record(expected.clone()).unwrap();
    assert_eq!(all::<Event>(directory.path()), expected);
    drop(log);
    let log = open(directory.path());
    log.close_segment(Duration::ZERO).unwrap();
    log.compact().unwrap();
    assert_eq!(all::<Event>(directory.path()), expected);
}

#[test]
fn a_batch_that_is_being_written_is_not_there_yet_and_damage_is_told() {
    let (bytes, ends) = five_batches(tempfile::tempdir().unwrap().path());
    let read = |bytes: &[u8]| {
        let directory = with_segment(bytes);
        let mut count = 0;
        read_all(directory.path(), |_: Event| count += 1).map(|()| count)
    };
    for cut in ends[0]..=bytes.len() {
        let whole = ends[1..].iter().filter(|&&end| end <= cut).count();
        assert_eq!(read(&bytes[..cut]).unwrap(), 2 * whole, "cut at {cut}");
    }
    let mut flipped = bytes.clone();
    flipped[ends[1] + 20] ^= 1;
    let error = read(&flipped).unwrap_err();
    assert!(matches!(error, Error::Damaged { offset, .. } if offset == ends[1] as u64));
}

#[test]
fn a_log_of_one_kind_is_not_opened_as_another() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).record(vec![event(0)]).unwrap();
    let error = ExposureLog::open(directory.path(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
