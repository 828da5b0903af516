//! How often each way to find tracks was taken, and what it cost.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crossfade_blend::Retrieval;
use crossfade_index::Path;

/// Counts searches by path, from any thread. Counts only grow.
#[derive(Debug, Default)]
pub struct PathCounters([Counter; Path::ALL.len()]);

#[derive(Debug, Default)]
struct Counter {
    lists: AtomicU64,
    taken: AtomicU64,
    compared: AtomicU64,
    predicted: AtomicU64,
}

/// What was counted of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathUse {
    /// The path.
    pub path: Path,
    /// Lists that were found by it.
    pub lists: u64,
    /// Time spent on them.
    pub taken: Duration,
    /// Time spent on those of them whose time was predicted.
    pub compared: Duration,
    /// Time that was predicted for those.
    pub predicted: Duration,
}

impl PathCounters {
    /// Counts one search.
    pub fn record(&self, retrieval: &Retrieval) {
        let place = Path::ALL.iter().position(|&path| path == retrieval.path);
        let Some(counter) = place.map(|place| &self.0[place]) else {
            return;
        };
        let add = |sum: &AtomicU64, time: Duration| {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            sum.fetch_add(nanoseconds, Ordering::Relaxed);
        };
        counter.lists.fetch_add(1, Ordering::Relaxed);
        add(&counter.taken, retrieval.took);
        if let Some(predicted) = retrieval.predicted {
            add(&counter.compared, retrieval.took);
            add(&counter.predicted, predicted);
        }
    }

    /// What has been counted so far, by path.
    pub fn uses(&self) -> Vec<PathUse> {
        let time = |sum: &AtomicU64| Duration::from_nanos(sum.load(Ordering::Relaxed));
        let each = Path::ALL.into_iter().zip(&self.0);
        each.map(|(path, counter)| PathUse {
            path,
            lists: counter.lists.load(Ordering::Relaxed),
            taken: time(&counter.taken),
            compared: time(&counter.compared),
            predicted: time(&counter.predicted),
        })
        .collect()
    }

    /// Writes to the log what has been counted so far.
    pub fn log(&self) {
        for used in self.uses().into_iter().filter(|used| used.lists > 0) {
            tracing::info!(
                path = ?used.path,
                lists = used.lists,
                seconds = used.taken.as_secs_f64(),
                compared_seconds = used.compared.as_secs_f64(),
                predicted_seconds = used.predicted.as_secs_f64(),
                "lists found so far"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_counted_by_path_and_predictions_beside_what_they_predicted() {
        let counters = PathCounters::default();
        let milliseconds = Duration::from_millis;
        let search = |took, predicted: Option<u64>| Retrieval {
            path: Path::Listed,
            scored: 1,
            predicted: predicted.map(milliseconds),
            took: milliseconds(took),
        };
        counters.record(&search(5, None));
        counters.record(&search(7, Some(6)));
        for used in counters.uses() {
            let expected = match used.path {
                Path::Listed => (2, 12, 7, 6),
                Path::Exact | Path::Certified | Path::Approximate => (0, 0, 0, 0),
            };
            let times = [used.taken, used.compared, used.predicted].map(|time| time.as_millis());
            assert_eq!((used.lists, times[0], times[1], times[2]), expected);
        }
    }
}
