use std::{fs, sync::atomic::Ordering::Relaxed, time::SystemTime};

use super::{METHODS, Metrics, text::Text};
use crate::{
    grpc::{admission::Work, call::Priority, convert},
    serving::Serving,
};

/// All there is to tell now, in Prometheus' text format.
pub(super) fn page(metrics: &Metrics, serving: &Serving, started: SystemTime) -> String {
    let mut text = Text::default();
    requests(&mut text, metrics);
    stages(&mut text, metrics);
    retrieval(&mut text, serving);
    bundle(&mut text, serving);
    process(&mut text, started);
    text.into_string()
}

fn requests(text: &mut Text, metrics: &Metrics) {
    let name = "crossfade_requests_total";
    text.family(
        name,
        "counter",
        "Requests that have ended, by method and code.",
    );
    for (method, counts) in METHODS.iter().zip(&metrics.methods) {
        for (code, ended) in counts.ended.iter().enumerate() {
            let ended = ended.load(Relaxed);
            if ended > 0 {
                let code = format!("{:?}", tonic::Code::from(code as i32));
                text.sample(
                    name,
                    &[("method", method.path), ("code", &code)],
                    ended as f64,
                );
            }
        }
    }
    let name = "crossfade_request_seconds";
    text.family(
        name,
        "histogram",
        "Time until a request was answered, by method.",
    );
    for (method, counts) in METHODS.iter().zip(&metrics.methods) {
        text.histogram(name, &[("method", method.path)], &counts.latency);
    }
    let gauge = ("gauge", "Requests that have begun and not ended.");
    let under_way = metrics.under_way.load(Relaxed);
    text.single("crossfade_requests_under_way", gauge, under_way as f64);
    let counter = ("counter", "Requests refused because there were too many.");
    let overloaded = metrics.overloaded.load(Relaxed);
    text.single("crossfade_overloaded_total", counter, overloaded as f64);
    let counter = (
        "counter",
        "Requests whose callers went away before work on them began.",
    );
    let abandoned = metrics.abandoned.load(Relaxed);
    text.single("crossfade_abandoned_total", counter, abandoned as f64);
}

fn stages(text: &mut Text, metrics: &Metrics) {
    let name = "crossfade_queue_seconds";
    text.family(name, "histogram", "Time waited for a worker, by priority.");
    for (priority, times) in Priority::ALL.iter().zip(&metrics.queue) {
        text.histogram(name, &[("priority", priority.name())], times);
    }
    let name = "crossfade_work_seconds";
    text.family(name, "histogram", "Time a worker took, by what was done.");
    for (work, times) in Work::ALL.iter().zip(&metrics.work) {
        text.histogram(name, &[("work", work.name())], times);
    }
}

fn retrieval(text: &mut Text, serving: &Serving) {
    let uses = serving.paths().uses();
    let path = |path| {
        let name = convert::path(path).as_str_name();
        name.trim_start_matches("RETRIEVAL_PATH_").to_lowercase()
    };
    let name = "crossfade_lists_total";
    text.family(
        name,
        "counter",
        "Lists of tracks found, by the path that found them.",
    );
    for used in &uses {
        text.sample(name, &[("path", &path(used.path))], used.lists as f64);
    }
    let name = "crossfade_retrieval_seconds_total";
    text.family(name, "counter", "Time spent on finding them.");
    for used in &uses {
        text.sample(
            name,
            &[("path", &path(used.path))],
            used.taken.as_secs_f64(),
        );
    }
    let name = "crossfade_retrieval_compared_seconds_total";
    text.family(
        name,
        "counter",
        "Of that, time of lists whose time was predicted.",
    );
    for used in &uses {
        text.sample(
            name,
            &[("path", &path(used.path))],
            used.compared.as_secs_f64(),
        );
    }
    let name = "crossfade_retrieval_predicted_seconds_total";
    text.family(name, "counter", "Time that was predicted for these.");
    for used in &uses {
        text.sample(
            name,
            &[("path", &path(used.path))],
            used.predicted.as_secs_f64(),
        );
    }
}

fn bundle(text: &mut Text, serving: &Serving) {
    let counter = (
        "counter",
        "Lists of experiments that were answered and could not be written down.",
    );
    let lost = serving.experiments().lost();
    text.single("crossfade_exposures_lost_total", counter, lost as f64);
    let bundle = serving.bundle();
    let ready = ("gauge", "Whether there is a bundle to answer from.");
    text.single(
        "crossfade_ready",
        ready,
        f64::from(u8::from(bundle.is_some())),
    );
    let Some(bundle) = bundle else {
        return;
    };
    let manifest = &bundle.manifest;
    let name = "crossfade_bundle_info";
    text.family(name, "gauge", "The bundle in service.");
    text.sample(name, &[("version", &bundle.version)], 1.0);
    let created = manifest.created_at.timestamp_millis() as f64 / 1e3;
    let gauge = (
        "gauge",
        "When the bundle in service was published, in seconds since 1970.",
    );
    text.single("crossfade_bundle_created_seconds", gauge, created);
    for (name, help, value) in [
        (
            "crossfade_bundle_users",
            "Users it knows.",
            manifest.counts.users,
        ),
        (
            "crossfade_bundle_tracks",
            "Tracks it knows.",
            manifest.counts.tracks,
        ),
    ] {
        text.single(name, ("gauge", help), value as f64);
    }
    let name = "crossfade_graph_recall";
    text.family(
        name,
        "gauge",
        "Recall of the graph when the bundle was published, by content weight.",
    );
    for recall in &manifest.recall {
        let weight = recall.mix.to_string();
        text.sample(name, &[("content_weight", &weight)], f64::from(recall.mean));
    }
}

/// What Prometheus' own client libraries tell of a process, where the system has it.
fn process(text: &mut Text, started: SystemTime) {
    let since = started
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let gauge = ("gauge", "When the process started, in seconds since 1970.");
    text.single("process_start_time_seconds", gauge, since.as_secs_f64());
    if let Some(bytes) = resident_bytes() {
        let gauge = ("gauge", "Memory in use, mapped files included.");
        text.single("process_resident_memory_bytes", gauge, bytes as f64);
    }
    if let Some(seconds) = cpu_seconds() {
        let counter = ("counter", "Processor time spent.");
        text.single("process_cpu_seconds_total", counter, seconds);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        let gauge = ("gauge", "Open files and connections.");
        text.single("process_open_fds", gauge, open.count() as f64);
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Time in user and system mode. The kernel counts it in hundredths of a second, whatever its clock.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, a name in parentheses, may itself have spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).take(2);
    let mut next = || ticks.next()?.parse::<u64>().ok();
    Some((next()? + next()?) as f64 / 100.0)
}
