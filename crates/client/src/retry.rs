use std::{
    hash::{BuildHasher, RandomState},
    sync::Mutex,
    time::Duration,
};

use tonic::Code;

use crate::{Error, error::unreachable};

/// When a call that failed is tried again: after UNAVAILABLE, RESOURCE_EXHAUSTED and broken connections, if the call may be
/// repeated, the deadline leaves time for it, and not too many calls fail.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts of a call, the first included.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles with each. Waits are drawn evenly from zero on, so that callers
    /// that failed together do not come back together.
    pub backoff: Duration,
    /// No wait drawn is longer.
    pub max_backoff: Duration,
    /// How many attempts may fail in a row, over all calls of a client, before it stops trying again. Ten calls that succeed
    /// make up for one that failed.
    pub budget: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: Duration::from_millis(25),
            max_backoff: Duration::from_secs(1),
            budget: 50,
        }
    }
}

impl RetryPolicy {
    /// How long to wait after the attempt of this number, from 1, failed; `None` if that is final.
    pub(crate) fn wait(&self, error: &Error, attempt: u32) -> Option<Duration> {
        let may_help = matches!(
            error.code(),
            Some(Code::Unavailable | Code::ResourceExhausted)
        );
        // A connection that breaks is not always told as UNAVAILABLE.
        let may_help = may_help || error.status().is_some_and(unreachable);
        if !may_help || attempt >= self.attempts {
            return None;
        }
        let longest = self
            .backoff
            .saturating_mul(1 << (attempt - 1).min(20))
            .min(self.max_backoff);
        let drawn = longest.mul_f64(random());
        Some(
            error
                .retry_after()
                .unwrap_or_default()
                .saturating_add(drawn),
        )
    }
}

/// What is left to be spent on trying again: a failure costs one, a success earns a tenth, and less than half is too little.
/// (As gRPC's retry throttling, proposal A6.)
#[derive(Debug)]
pub(crate) struct Budget {
    full: f64,
    left: Mutex<f64>,
}

impl Budget {
    pub(crate) fn new(policy: &RetryPolicy) -> Self {
        let full = 2.0 * f64::from(policy.budget);
        Self {
            full,
            left: Mutex::new(full),
        }
    }

    pub(crate) fn succeeded(&self) {
        self.change(0.1);
    }

    /// Whether trying again can be afforded.
    pub(crate) fn failed(&self) -> bool {
        self.change(-1.0) >= self.full / 2.0
    }

    fn change(&self, by: f64) -> f64 {
        // A number is never left half changed.
        let mut left = self.left.lock().unwrap_or_else(|error| error.into_inner());
        *left = (*left + by).clamp(0.0, self.full);
        *left
    }
}

/// From 0 to 1; good enough to part callers and to draw lots.
pub(crate) fn random() -> f64 {
    // Keys are new each time.
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use tonic::Status;
    use tonic_types::{ErrorDetails, StatusExt};

    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let policy = RetryPolicy::default();
        let unavailable = Error::from(Status::unavailable(""));
        assert!(policy.wait(&unavailable, 1).unwrap() <= policy.backoff);
        assert!(policy.wait(&unavailable, 3).is_some());
        assert!(policy.wait(&unavailable, 4).is_none());
        for status in [Status::invalid_argument(""), Status::internal("")] {
            assert!(policy.wait(&status.into(), 1).is_none());
        }
        // What was held back is tried again as if it had been refused.
        assert!(policy.wait(&Error::Throttled, 1).unwrap() <= policy.backoff);
    }

    #[test]
    fn a_server_is_not_tried_before_it_asks_to_be() {
        let mut details = ErrorDetails::new();
        let delay = Duration::from_secs(3);
        details.set_retry_info(Some(delay));
        let status = Status::with_error_details(Code::ResourceExhausted, "", details);
        let policy = RetryPolicy::default();
        let wait = policy.wait(&status.into(), 1).unwrap();
        assert!(wait >= delay && wait <= delay + policy.backoff);
    }

    #[test]
    fn trying_again_ends_where_all_fails_and_comes_back_with_success() {
        let budget = Budget::new(&RetryPolicy {
            budget: 3,
            ..RetryPolicy::default()
        });
        assert!((0..3).all(|_| budget.failed()));
        assert!(!budget.failed());
        (0..20).for_each(|_| budget.succeeded());
        assert!(budget.failed());
    }
}
