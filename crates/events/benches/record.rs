//! How many events a second are acknowledged, by how many callers at once, and what a sync costs here.
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

use crossfade_events::{Event, EventLog, Options};

const SECONDS: f64 = 3.0;

fn main() {
    let directory = tempfile::tempdir().unwrap();
    println!(
        "write of 100 bytes and sync: {}",
        percentiles(syncs(directory.path()))
    );
    for (callers, batch) in [(1, 1), (16, 1), (1, 100), (16, 100)] {
        let directory = tempfile::tempdir().unwrap();
        let log = EventLog::open(directory.path(), Options::default()).unwrap();
        let start = Instant::now();
        let times: Vec<Duration> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..callers)
                .map(|caller| {
                    let log = &log;
                    scope.spawn(move || calls(log, caller, batch))
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        let events = (times.len() * batch) as f64 / start.elapsed().as_secs_f64();
        let latency = percentiles(times);
        println!("{callers:2} callers, {batch:3} events a call: {events:8.0} events/s, {latency}");
    }
}

fn calls(log: &EventLog, caller: usize, batch: usize) -> Vec<Duration> {
    let start = Instant::now();
    let mut times = Vec::new();
    while start.elapsed().as_secs_f64() < SECONDS {
        let call = times.len();
        let events = (0..batch).map(|place| Event {
            event_id: format!("{caller}-{call}-{place}"),
            user_id: format!("user-{:06}", call * 31 % 100_000),
            track_id: format!("track-{:06}", (call + place) * 17 % 200_000),
            played_at_ms: 1_700_000_000_000,
            play_count: 1,
            ms_played: Some(180_000),
            skipped: false,
        });
        let events = events.collect();
        let began = Instant::now();
        log.record(events).unwrap();
        times.push(began.elapsed());
    }
    times
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
