use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tonic::{Code, Status};

use crate::retry::random;

/// When a call is not even made: where servers refuse so many that one more would only take time from those they answer
/// (Beyer et al. 2016, "Site Reliability Engineering", chapter 21). Of late `requests`, of which servers did not refuse `accepted`,
/// the next call is made but with a chance of
///
/// ```text
/// max(0, (requests - tolerance accepted) / (requests + 1))
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThrottlePolicy {
    /// How many requests are made for one that is accepted, at least 1; infinity makes all. Those beyond one tell when
    /// servers have room again.
    pub tolerance: f64,
    /// After what time a request counts half.
    pub half_life: Duration,
}

impl Default for ThrottlePolicy {
    fn default() -> Self {
        Self {
            tolerance: 2.0,
            half_life: Duration::from_secs(5),
        }
    }
}

impl ThrottlePolicy {
    /// Every call is made.
    pub const OFF: Self = Self {
        tolerance: f64::INFINITY,
        half_life: Duration::from_secs(1),
    };
}

/// What became of a client's late requests.
#[derive(Debug)]
pub(crate) struct Throttle {
    policy: ThrottlePolicy,
    counts: Mutex<Counts>,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    requests: f64,
    accepted: f64,
    /// When they were that many.
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(policy: ThrottlePolicy) -> Self {
        let counts = Counts {
            requests: 0.0,
            accepted: 0.0,
            at: Instant::now(),
        };
        Self {
            policy,
            counts: Mutex::new(counts),
        }
    }

    /// Whether the next request is to be made. It counts when it [came back](Self::came_back), so that calls that nobody waited
    /// for say nothing, or now, if it is not made.
    pub(crate) fn admits(&self) -> bool {
        let counts = self.count(|_| ());
        let wanted = match self.policy.tolerance.is_infinite() {
            true => 0.0,
            false => counts.requests - self.policy.tolerance * counts.accepted,
        };
        let admits = random() >= wanted / (counts.requests + 1.0);
        if !admits {
            self.count(|counts| counts.requests += 1.0);
        }
        admits
    }

    /// A request came back: accepted, whatever else became of it, unless the server had no room for it.
    pub(crate) fn came_back<R>(&self, result: &Result<R, Status>) {
        let refused = |status: &Status| status.code() == Code::ResourceExhausted;
        let accepted = !result.as_ref().is_err_and(refused);
        self.count(|counts| {
            counts.requests += 1.0;
            counts.accepted += f64::from(u8::from(accepted));
        });
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) -> Counts {
        // A number is never left half changed.
        let mut counts = self
            .counts
            .lock()
            .unwrap_or_else(|error| error.into_inner());
        counts.age(Instant::now(), self.policy.half_life);
        change(&mut counts);
        *counts
    }
}

impl Counts {
    fn age(&mut self, now: Instant, half_life: Duration) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let left = (-passed / half_life.as_secs_f64().max(1e-9)).exp2();
        self.requests *= left;
        self.accepted *= left;
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many calls are made to a server that accepts some of those it gets, by their number.
    fn made(policy: ThrottlePolicy, calls: u32, accepts: impl Fn(u32) -> bool) -> u32 {
        let throttle = Throttle::new(policy);
        let mut made = 0;
        for _ in 0..calls {
            if throttle.admits() {
                made += 1;
                throttle.came_back(&match accepts(made) {
                    true => Ok(()),
                    false => Err(Status::resource_exhausted("")),
                });
            }
        }
        made
    }

    /// Long enough for tests not to notice.
    const NEVER: ThrottlePolicy = ThrottlePolicy {
        tolerance: 2.0,
        half_life: Duration::from_secs(1_000_000),
    };

    #[test]
    fn all_calls_are_made_while_more_than_half_of_them_are_accepted() {
        assert_eq!(made(NEVER, 1_000, |_| true), 1_000);
        assert_eq!(made(NEVER, 1_000, |call| call % 3 > 0), 1_000);
        assert_eq!(made(ThrottlePolicy::OFF, 1_000, |_| false), 1_000);
    }

    #[test]
    fn hopeless_calls_are_not_made_but_for_a_few() {
        // With nothing accepted, the n-th call is made with a chance of 1 / n: about ln(10,000) = 9.2 of them, with a standard
        // deviation of 2.8.
        let made = made(NEVER, 10_000, |_| false);
        assert!((2..30).contains(&made), "{made}");
    }

    #[test]
    fn a_server_with_room_for_so_many_gets_twice_as_many() {
        let throttle = Throttle::new(NEVER);
        let (mut made, mut answered) = (0, 0);
        // Of 100 calls at a time the server has room for 20.
        for _ in 0..200 {
            let mut room = 20;
            for _ in 0..100 {
                if throttle.admits() {
                    made += 1;
                    throttle.came_back(&match room {
                        0 => Err(Status::resource_exhausted("")),
                        _ => Ok(()),
                    });
                    answered += u32::from(room > 0);
                    room = u32::saturating_sub(room, 1);
                }
            }
        }
        let ratio = f64::from(made) / f64::from(answered);
        assert!((1.8..2.2).contains(&ratio), "{made} for {answered}");
        assert!(answered > 3_800, "{answered}");
    }

    #[test]
    fn what_was_refused_is_forgotten() {
        let policy = ThrottlePolicy::default();
        let now = Instant::now();
        let mut counts = Counts {
            requests: 64.0,
            accepted: 8.0,
            at: now,
        };
        counts.age(now + 3 * policy.half_life, policy.half_life);
        assert_eq!((counts.requests, counts.accepted), (8.0, 1.0));
    }
}
