use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crossfade_client::Error;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::pb;

/// Longest latency told apart, in microseconds.
const LONGEST: u64 = 600_000_000;

/// What became of the requests of one measurement.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Seconds until the last answer.
    pub seconds: f64,
    /// How many requests were made.
    pub requests: u64,
    /// How many a second were answered well.
    pub answered_per_second: f64,
    /// How many were not, by code, or because they were [not asked](Error::Throttled).
    pub failed: BTreeMap<String, u64>,
    /// Of those answered well.
    pub latency: Latency,
}

/// Latencies in milliseconds.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "percentiles")]
pub struct Latency {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// Counts answers while they come in.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    /// Microseconds.
    answered: Histogram<u64>,
    failed: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn new() -> Self {
        let answered = Histogram::new_with_bounds(1, LONGEST, 3)
            .expect("invariant: the bounds are those of a histogram");
        Self(Mutex::new(Counts {
            answered,
            failed: BTreeMap::new(),
        }))
    }

    pub(super) fn count(&self, result: Result<pb::RecommendResponse, Error>, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => {
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                counts.answered.saturating_record(micros);
            }
            Err(error) => {
                let reason = match (matches!(error, Error::Throttled), error.code()) {
                    (true, _) => "not asked".to_owned(),
                    (false, Some(code)) => format!("{code:?}"),
                    (false, None) => String::new(),
                };
                *counts.failed.entry(reason).or_default() += 1;
            }
        }
    }

    pub(super) fn outcome(&self, time: Duration) -> Outcome {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = &counts.answered;
        let at = |quantile| answered.value_at_quantile(quantile) as f64 / 1e3;
        Outcome {
            seconds: time.as_secs_f64(),
            requests: answered.len() + counts.failed.values().sum::<u64>(),
            answered_per_second: answered.len() as f64 / time.as_secs_f64(),
            failed: counts.failed.clone(),
            latency: Latency {
                mean: answered.mean() / 1e3,
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: answered.max() as f64 / 1e3,
            },
        }
    }
}
