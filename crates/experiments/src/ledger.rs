use std::collections::HashMap;

use crate::{Experiment, Method, Team};

/// A list that was shown as part of an experiment.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// To whom.
    pub user_id: &'a str,
    /// The request that it answered; a later list of the same request is the same list.
    pub request_id: &'a str,
    /// The definition's [fingerprint](Experiment::fingerprint) when it was shown.
    pub definition: &'a str,
    /// Name of the arm; not looked at where arms are interleaved.
    pub arm: &'a str,
    /// When, in milliseconds since 1970.
    pub shown_at_ms: i64,
    /// How active the user was before, in any unit.
    pub activity: f64,
    /// How long it took to make, in milliseconds.
    pub latency_ms: f64,
    /// Share of the list that its most frequent artist has, from 0 to 1.
    pub top_artist_share: f64,
    /// Its tracks.
    pub tracks: &'a [String],
    /// Whose pick each is, where arms are interleaved: as many as tracks, or none.
    pub teams: &'a [Option<Team>],
}

/// A play that was reported.
#[derive(Debug, Clone, Copy)]
pub struct Played<'a> {
    /// By whom.
    pub user_id: &'a str,
    /// Of what.
    pub track_id: &'a str,
    /// When, in milliseconds since 1970.
    pub played_at_ms: i64,
    /// The request of the attribution token it came with, if it had one.
    pub request_id: Option<&'a str>,
    /// Whether the track was skipped.
    pub skipped: bool,
}

/// Joins plays to lists.
///
/// All lists are entered before the plays. Of a user count the lists of the first [`window_ms`](Experiment::window_ms) from the
/// first list on, and the plays in the same time: whatever happens later, a user whose window is over stays as they are. That is
/// what makes looking at any time safe.
///
/// A play that came with a token belongs to the token's list, any other to the user's latest list before it that has the track. A
/// track of a list counts once.
#[derive(Debug)]
pub struct Ledger {
    definition: String,
    arms: Vec<String>,
    method: Method,
    window_ms: i64,
    tokens_only: bool,
    users: HashMap<Box<str>, Account>,
    tracks: HashMap<Box<str>, u32>,
    /// Lists of other definitions or arms.
    others: u64,
}

/// What is known of a user.
#[derive(Debug, Default)]
struct Account {
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    request_id: Box<str>,
    arm: usize,
    shown_at_ms: i64,
    activity: f64,
    latency_ms: f64,
    top_artist_share: f64,
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    track: u32,
    team: Option<Team>,
    played: bool,
}

/// What came of one user: sums over the lists that count.
#[derive(Debug, Clone, PartialEq)]
pub struct UserOutcome {
    /// Place of the arm; 0 where arms are interleaved.
    pub arm: usize,
    /// When the first list was shown, in milliseconds since 1970.
    pub first_shown_ms: i64,
    /// Whether the window was over.
    pub is_final: bool,
    /// How active the user was before the first list.
    pub activity: f64,
    /// How many lists were shown.
    pub lists: u64,
    /// How many of their tracks were played.
    pub played: u64,
    /// The same by whose picks they were.
    pub credits: [f64; 2],
    /// Milliseconds that all lists took.
    pub latency_ms: f64,
    /// Sum of the lists' shares of their most frequent artists.
    pub top_artist_share: f64,
    /// Distinct tracks that were shown, in increasing order of numbers that mean nothing beyond this ledger.
    pub tracks: Vec<u32>,
}

/// All that came of an experiment until some time.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    /// Users in the order of their first lists.
    pub users: Vec<UserOutcome>,
    /// Lists that were not counted, because they were shown under another definition.
    pub other_lists: u64,
}

impl Ledger {
    /// A ledger of an experiment as it is defined now.
    pub fn new(name: &str, experiment: &Experiment) -> Self {
        Self {
            definition: experiment.fingerprint(name),
            arms: experiment.arms.iter().map(|arm| arm.name.clone()).collect(),
            method: experiment.method,
            window_ms: experiment.window_ms(),
            tokens_only: experiment.tokens_only,
            users: HashMap::new(),
            tracks: HashMap::new(),
            others: 0,
        }
    }

    /// Enters a list.
    pub fn show(&mut self, shown: &Shown<'_>) {
        let arm = match self.method {
            Method::Interleave => Some(0),
            Method::Assign => self.arms.iter().position(|arm| arm == shown.arm),
        };
        let Some(arm) = arm.filter(|_| shown.definition == self.definition) else {
            self.others += 1;
            return;
        };
        let teams = shown.teams.iter().copied().chain(std::iter::repeat(None));
        let places = shown.tracks.iter().zip(teams).map(|(track, team)| {
            let next = self.tracks.len() as u32;
            Place {
                track: *self.tracks.entry(track.as_str().into()).or_insert(next),
                team,
                played: false,
            }
        });
        let list = List {
            request_id: shown.request_id.into(),
            arm,
            shown_at_ms: shown.shown_at_ms,
            activity: shown.activity,
            latency_ms: shown.latency_ms,
            top_artist_share: shown.top_artist_share,
            places: places.collect(),
        };
        let account = self.users.entry(shown.user_id.into()).or_default();
        if account
            .lists
            .iter()
            .all(|earlier| earlier.request_id != list.request_id)
        {
            account.lists.push(list);
        }
    }

    /// Enters a play.
    pub fn play(&mut self, played: &Played<'_>) {
        let tokenless = played.request_id.is_none();
        if played.skipped || (self.tokens_only && tokenless) {
            return;
        }
        let (Some(account), Some(&track)) = (
            self.users.get_mut(played.user_id),
            self.tracks.get(played.track_id),
        ) else {
            return;
        };
        let end_ms = account.first_ms().saturating_add(self.window_ms);
        if played.played_at_ms >= end_ms {
            return;
        }
        let meant = |list: &&mut List| match played.request_id {
            Some(request_id) => *list.request_id == *request_id,
            None => list.shown_at_ms <= played.played_at_ms,
        };
        let counted = account
            .lists
            .iter_mut()
            .filter(|list| list.shown_at_ms < end_ms);
        let with_track = counted.filter(meant).filter_map(|list| {
            let place = list.places.iter_mut().find(|place| place.track == track);
            place.map(|place| (list.shown_at_ms, place))
        });
        if let Some((_, place)) = with_track.max_by_key(|(shown_at_ms, _)| *shown_at_ms) {
            place.played = true;
        }
    }

    /// Whether a track of a list counts as played; `None` if the list does not count, or its user's window is not over by
    /// `as_of_ms`.
    pub fn played(
        &self,
        (user_id, request_id): (&str, &str),
        track_id: &str,
        as_of_ms: i64,
    ) -> Option<bool> {
        let account = self.users.get(user_id)?;
        let end_ms = account.first_ms().saturating_add(self.window_ms);
        let mut counted = account
            .lists
            .iter()
            .filter(|list| list.shown_at_ms < end_ms);
        let list = counted.find(|list| *list.request_id == *request_id && end_ms <= as_of_ms)?;
        let track = self.tracks.get(track_id)?;
        let place = list.places.iter().find(|place| place.track == *track)?;
        Some(place.played)
    }

    /// What came of everybody whose first list was shown by `as_of_ms`. Plays after that time are not to be entered.
    pub fn finish(self, as_of_ms: i64) -> Outcomes {
        let seen = |account: &Account| account.first_ms() <= as_of_ms;
        let mut users: Vec<(Box<str>, Account)> = self
            .users
            .into_iter()
            .filter(|(_, account)| seen(account))
            .collect();
        users.sort_unstable_by(|(a, first), (b, second)| {
            first
                .first_ms()
                .cmp(&second.first_ms())
                .then_with(|| a.cmp(b))
        });
        let users = users
            .into_iter()
            .map(|(_, account)| account.outcome(self.window_ms, as_of_ms));
        Outcomes {
            users: users.collect(),
            other_lists: self.others,
        }
    }
}

impl Account {
    fn first_ms(&self) -> i64 {
        let times = self.lists.iter().map(|list| list.shown_at_ms);
        times.min().unwrap_or(i64::MAX)
    }

    fn outcome(mut self, window_ms: i64, as_of_ms: i64) -> UserOutcome {
        self.lists.sort_by_key(|list| list.shown_at_ms);
        let first_ms = self.first_ms();
        let end_ms = first_ms.saturating_add(window_ms);
        let mut outcome = UserOutcome {
            arm: self.lists.first().map_or(0, |list| list.arm),
            first_shown_ms: first_ms,
            is_final: end_ms <= as_of_ms,
            activity: self.lists.first().map_or(0.0, |list| list.activity),
            lists: 0,
            played: 0,
            credits: [0.0; 2],
            latency_ms: 0.0,
            top_artist_share: 0.0,
            tracks: Vec::new(),
        };
        for list in self
            .lists
            .into_iter()
            .filter(|list| list.shown_at_ms < end_ms)
        {
            outcome.lists += 1;
            outcome.latency_ms += list.latency_ms;
            outcome.top_artist_share += list.top_artist_share;
            for place in &list.places {
                outcome.tracks.push(place.track);
                outcome.played += u64::from(place.played);
                if let (true, Some(team)) = (place.played, place.team) {
                    outcome.credits[team as usize] += 1.0;
                }
            }
        }
        outcome.tracks.sort_unstable();
        outcome.tracks.dedup();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::equal;

    const HOUR: i64 = 3_600_000;

    fn experiment() -> Experiment {
        Experiment {
            window_hours: 2.0,
            ..equal(&["a", "b"])
        }
    }

    fn ledger(lists: &[(&str, &str, i64, &[&str])]) -> Ledger {
        let mut ledger = Ledger::new("x", &experiment());
        for &(user_id, request_id, shown_at_ms, tracks) in lists {
            let tracks: Vec<String> = tracks.iter().map(|&track| track.to_owned()).collect();
            ledger.show(&Shown {
                user_id,
                request_id,
                definition: &experiment().fingerprint("x"),
                arm: "b",
                shown_at_ms,
                activity: shown_at_ms as f64,
                latency_ms: 2.0,
                top_artist_share: 0.5,
                tracks: &tracks,
                teams: &[],
            });
        }
        ledger
    }

    fn play<'a>(user_id: &'a str, track_id: &'a str, played_at_ms: i64) -> Played<'a> {
        Played {
            user_id,
            track_id,
            played_at_ms,
            request_id: None,
            skipped: false,
        }
    }

    #[test]
    fn a_track_of_a_list_counts_once_and_only_after_it_was_shown() {
        let mut ledger = ledger(&[("ada", "1", HOUR, &["x", "y"])]);
        ledger.play(&play("ada", "x", HOUR - 1));
        ledger.play(&play("bob", "x", HOUR + 1));
        ledger.play(&play("ada", "z", HOUR + 1));
        ledger.play(&Played {
            skipped: true,
            ..play("ada", "x", HOUR + 1)
        });
        ledger.play(&play("ada", "y", HOUR + 1));
        ledger.play(&play("ada", "y", HOUR + 2));
        let outcomes = ledger.finish(2 * HOUR);
        assert_eq!(outcomes.users.len(), 1);
        let ada = &outcomes.users[0];
        assert_eq!(
            (ada.arm, ada.lists, ada.played, ada.is_final),
            (1, 1, 1, false)
        );
    }

    #[test]
    fn a_user_does_not_change_once_the_window_is_over() {
        let early: [(&str, &str, i64, &[&str]); 2] =
            [("ada", "1", 0, &["x"]), ("ada", "2", HOUR, &["y"])];
        let late: (&str, &str, i64, &[&str]) = ("ada", "3", 2 * HOUR, &["z"]);
        let mut before = ledger(&early);
        before.play(&play("ada", "y", 2 * HOUR - 1));
        let before = before.finish(2 * HOUR);
        assert!(before.users[0].is_final);
        assert_eq!((before.users[0].lists, before.users[0].played), (2, 1));
        let mut after = ledger(&[early[0], early[1], late]);
        after.play(&play("ada", "y", 2 * HOUR - 1));
        after.play(&play("ada", "x", 2 * HOUR));
        after.play(&play("ada", "z", 2 * HOUR + 1));
        assert_eq!(after.finish(5 * HOUR).users, before.users);
    }

    #[test]
    fn a_token_says_which_list_and_otherwise_it_is_the_latest() {
        let lists: [(&str, &str, i64, &[&str]); 3] = [
            ("ada", "1", 0, &["x"]),
            ("ada", "2", 10, &["x"]),
            ("ada", "2", 11, &["x", "y"]),
        ];
        let mut ledger = ledger(&lists);
        let by_token = Played {
            request_id: Some("1"),
            ..play("ada", "x", 20)
        };
        ledger.play(&by_token);
        ledger.play(&play("ada", "x", 20));
        ledger.play(&by_token);
        ledger.play(&Played {
            request_id: Some("another experiment's"),
            ..play("ada", "x", 20)
        });
        // The repeated request is the list it was at first.
        ledger.play(&play("ada", "y", 20));
        let outcomes = ledger.finish(20);
        assert_eq!((outcomes.users[0].lists, outcomes.users[0].played), (2, 2));
        assert_eq!(outcomes.users[0].activity, 0.0);
    }

    #[test]
    fn a_track_of_a_list_is_known_to_be_played_once_the_window_is_over() {
        let mut ledger = ledger(&[("ada", "1", 0, &["x", "y"]), ("ada", "2", 3 * HOUR, &["x"])]);
        ledger.play(&play("ada", "y", 1));
        assert_eq!(ledger.played(("ada", "1"), "y", HOUR), None);
        assert_eq!(ledger.played(("ada", "1"), "y", 2 * HOUR), Some(true));
        assert_eq!(ledger.played(("ada", "1"), "x", 2 * HOUR), Some(false));
        assert_eq!(ledger.played(("ada", "2"), "x", 9 * HOUR), None);
        assert_eq!(ledger.played(("bob", "1"), "x", 9 * HOUR), None);
    }

    #[test]
    fn lists_of_another_definition_are_left_out_and_counted() {
        let mut ledger = ledger(&[("ada", "1", 0, &["x"])]);
        for (definition, arm) in [
            ("old", "b"),
            (experiment().fingerprint("x").as_str(), "gone"),
        ] {
            ledger.show(&Shown {
                user_id: "bob",
                request_id: "2",
                definition,
                arm,
                shown_at_ms: 0,
                activity: 0.0,
                latency_ms: 0.0,
                top_artist_share: 0.0,
                tracks: &[],
                teams: &[],
            });
        }
        let outcomes = ledger.finish(1);
        assert_eq!((outcomes.users.len(), outcomes.other_lists), (1, 2));
    }
}
