//! How many plays and lists a second are acknowledged, by how many callers at once, and what a sync costs here.
//!
//! `cargo bench -p crossfade-events --bench record`; `TMPDIR` chooses the disk.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]
#![expect(clippy::print_stdout, reason = "it reports to whoever started it")]

use std::{
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

use crossfade_events::{Event, Log, Options, Record};
use crossfade_experiments::Exposure;

const SECONDS: f64 = 3.0;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    println!(
        "write of 100 bytes and sync: {}",
        percentiles(syncs(directory.path()))
    );
    for (callers, batch) in [(1, 1), (16, 1), (1, 100), (16, 100)] {
        measure("plays", (callers, batch), event);
    }
    for (callers, batch) in [(1, 1), (16, 1), (1, 64), (4, 64)] {
        measure("lists", (callers, batch), exposure);
    }
}

/// Has some callers record so many at a time, as `make` makes them of caller, call and place.
fn measure<R: Record>(
    what: &str,
    (callers, batch): (usize, usize),
    make: fn(usize, usize, usize) -> R,
) {
    let directory = tempfile::tempdir().unwrap();
    let log = Log::open(directory.path(), Options::default()).unwrap();
    let start = Instant::now();
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let log = &log;
                scope.spawn(move || calls(log, batch, |call, place| make(caller, call, place)))
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let records = (times.len() * batch) as f64 / start.elapsed().as_secs_f64();
    let latency = percentiles(times);
    println!("{callers:2} callers, {batch:3} {what} a call: {records:8.0} {what}/s, {latency}");
}

fn calls<R: Record>(log: &Log<R>, batch: usize, make: impl Fn(usize, usize) -> R) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed().as_secs_f64() < SECONDS {
        let call = times.len();
        let records = (0..batch).map(|place| make(call, place)).collect();
        let began = Instant::now();
        log.record(records).unwrap();
        times.push(began.elapsed());
    }
    times
}

fn event(caller: usize, call: usize, place: usize) -> Event {
    Event {
        event_id: format!("{caller}-{call}-{place}"),
        user_id: format!("user-{:06}", call * 31 % 100_000),
        track_id: format!("track-{:06}", (call + place) * 17 % 200_000),
        played_at_ms: 1_700_000_000_000,
        play_count: 1,
        ms_played: Some(180_000),
        skipped: false,
        attribution: None,
    }
}

/// A list of 20 tracks.
fn exposure(caller: usize, call: usize, place: usize) -> Exposure {
    Exposure {
        experiment: "weights".into(),
        definition: "0123456789abcdef".into(),
        arm: "control".into(),
        propensity: 0.5,
        user_id: format!("user-{:06}", call * 31 % 100_000),
        request_id: format!("{caller}-{call}-{place}"),
        shown_at_ms: 1_700_000_000_000,
        bundle_version: "20260101T000000000Z-0123456789ab".into(),
        activity: 3.0,
        latency_ms: 0.4,
        top_artist_share: 0.1,
        tracks: (0..20)
            .map(|track| format!("track-{:06}", (call + track) * 17 % 200_000))
            .collect(),
        teams: Vec::new(),
        trial: None,
    }
}

fn syncs(directory: &std::path::Path) -> Vec<Duration> {
    let mut file = File::create(directory.join("file")).unwrap();
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed().as_secs_f64() < SECONDS {
        let began = Instant::now();
        file.write_all(&[1; 100]).unwrap();
        file.sync_data().unwrap();
        times.push(began.elapsed());
    }
    times
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}
