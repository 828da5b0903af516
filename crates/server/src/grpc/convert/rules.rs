use std::{cmp::Reverse, num::NonZeroUsize};

use super::{checks::Checks, limits};
use crate::{pb, recorder::Heard};

/// The rules of a list, checked.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::grpc) struct Rules {
    pub(super) max_per_artist: Option<NonZeroUsize>,
    pub(in crate::grpc) no_repeat: NoRepeat,
}

/// Which of the tracks that were played lately must not come again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::grpc) struct NoRepeat {
    /// Those played within so many milliseconds.
    within_ms: Option<i64>,
    /// Those of the last so many plays.
    plays: Option<u64>,
}

impl Checks {
    pub(super) fn rules(&mut self, rules: Option<pb::ListRules>, include_played: bool) -> Rules {
        let rules = rules.unwrap_or_default();
        let max_per_artist = self.max_per_artist("rules.max_per_artist", rules.max_per_artist);
        for (field, is_set) in [
            ("no_repeat_within", rules.no_repeat_within.is_some()),
            ("no_repeat_plays", rules.no_repeat_plays.is_some()),
        ] {
            if is_set && !include_played {
                let description = "must be absent unless include_played is set: without, no played track is returned";
                self.refuse(format!("rules.{field}"), description);
                return Rules::default();
            }
        }
        let within_ms = rules.no_repeat_within.and_then(|time| {
            let valid = (1..=limits::NO_REPEAT_SECONDS).contains(&time.seconds)
                && (0..1_000_000_000).contains(&time.nanos);
            if !valid {
                let most = limits::NO_REPEAT_SECONDS;
                let description = format!("must be from 1 to {most} seconds, is {time}");
                self.refuse("rules.no_repeat_within", description);
            }
            valid.then(|| time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000)
        });
        let plays = rules.no_repeat_plays.and_then(|plays| {
            let valid = (1..=limits::NO_REPEAT_PLAYS).contains(&plays);
            if !valid {
                let description =
                    format!("must be from 1 to {}, is {plays}", limits::NO_REPEAT_PLAYS);
                self.refuse("rules.no_repeat_plays", description);
            }
            valid.then(|| plays.unsigned_abs().into())
        });
        Rules {
            max_per_artist,
            no_repeat: NoRepeat { within_ms, plays },
        }
    }
}

impl NoRepeat {
    /// Whether any track must not come again.
    pub(in crate::grpc) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The tracks of these plays that must not come again at this time.
    pub(super) fn tracks(&self, mut heard: Vec<Heard>, now_ms: i64) -> Vec<u32> {
        heard.sort_unstable_by_key(|play| (Reverse(play.at_ms), play.track));
        let mut later = 0;
        let mut tracks = Vec::new();
        for play in heard {
            let is_recent = self
                .within_ms
                .is_some_and(|within| play.at_ms >= now_ms.saturating_sub(within));
            let is_last = self.plays.is_some_and(|plays| later < plays);
            later += u64::from(play.times);
            if is_recent || is_last {
                tracks.push(play.track);
            }
        }
        tracks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_of_the_last_plays_and_of_the_last_time_do_not_come_again() {
        let heard = |track, times, at_ms| Heard {
            track,
            times,
            at_ms,
        };
        let plays = vec![
            heard(1, 1, 100),
            heard(2, 3, 400),
            heard(3, 1, 300),
            heard(1, 1, 200),
        ];
        let last = |plays: u64| NoRepeat {
            plays: Some(plays),
            within_ms: None,
        };
        let of = |rule: NoRepeat| rule.tracks(plays.clone(), 500);
        assert_eq!(of(last(1)), [2]);
        // Track 2 was played three times in a row.
        assert_eq!(of(last(3)), [2]);
        assert_eq!(of(last(4)), [2, 3]);
        assert_eq!(of(last(99)), [2, 3, 1, 1]);
        let within = |within: i64| NoRepeat {
            plays: None,
            within_ms: Some(within),
        };
        assert_eq!(of(within(99)), [0_u32; 0]);
        assert_eq!(of(within(200)), [2, 3]);
        let either = NoRepeat {
            plays: Some(1),
            within_ms: Some(200),
        };
        assert_eq!(of(either), [2, 3]);
        assert!(either.is_set() && !NoRepeat::default().is_set());
    }
}
