//! What is counted while serving. Everything is a number that is added to from any thread; the [page](page::page) for
//! Prometheus is made when it is asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tonic::Code;

use super::{admission::Work, call::Priority, methods::METHODS};

mod page;
mod scrape;
mod text;

pub(super) use scrape::{Scraped, scrape};

/// Upper ends of the buckets of latencies, in seconds.
const BUCKETS: [f64; 16] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25,
    0.5, 1.0, 5.0,
];
/// Codes of gRPC, from 0 on.
const CODES: usize = 17;

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    methods: [MethodCounts; METHODS.len()],
    /// Requests that have begun and not ended.
    under_way: AtomicI64,
    /// Seconds waited for a worker, by priority.
    queue: [Histogram; Priority::ALL.len()],
    /// Seconds worked, by kind.
    work: [Histogram; Work::ALL.len()],
    /// Requests refused because there were too many.
    overloaded: AtomicU64,
    /// Requests whose callers went away before work on them began.
    abandoned: AtomicU64,
}

#[derive(Debug, Default)]
struct MethodCounts {
    ended: [AtomicU64; CODES],
    latency: Histogram,
}

impl Metrics {
    /// A request has begun.
    pub(super) fn begin(self: &Arc<Self>, method: usize) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        UnderWay {
            metrics: Arc::clone(self),
            method,
            ended: None,
        }
    }

    /// Work has been done, after some waiting.
    pub(super) fn worked(
        &self,
        (kind, priority): (Work, Priority),
        waited: Duration,
        took: Duration,
    ) {
        self.queue[priority as usize].add(waited);
        self.work[kind as usize].add(took);
    }

    /// A request was refused because there were too many.
    pub(super) fn overloaded(&self) {
        self.overloaded.fetch_add(1, Relaxed);
    }

    /// A caller went away before work for it began.
    pub(super) fn abandoned(&self) {
        self.abandoned.fetch_add(1, Relaxed);
    }
}

/// A request that has begun. One that is dropped before it ends was cancelled by its caller.
#[derive(Debug)]
pub(super) struct UnderWay {
    metrics: Arc<Metrics>,
    method: usize,
    ended: Option<(Code, Duration)>,
}

impl UnderWay {
    /// It has ended.
    pub(super) fn end(mut self, code: Code, took: Duration) {
        self.ended = Some((code, took));
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let counts = &self.metrics.methods[self.method];
        let code = self.ended.map_or(Code::Cancelled, |(code, _)| code);
        counts.ended[code as usize].fetch_add(1, Relaxed);
        if let Some((_, took)) = self.ended {
            counts.latency.add(took);
        }
        self.metrics.under_way.fetch_sub(1, Relaxed);
    }
}

/// How many times were how long.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// By bucket; the last one has no end.
    counts: [AtomicU64; BUCKETS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BUCKETS.partition_point(|&end| end < seconds);
        self.counts[bucket].fetch_add(1, Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}
