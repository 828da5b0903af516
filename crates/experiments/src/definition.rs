use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, Exploration, assign::BUCKETS, fields::hash};

/// An experiment: which rankings are compared, on whom, and by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Experiment {
    /// What users are dealt out by, besides their ids. Experiments with the same salt deal them out alike, others independently.
    /// Empty stands for the experiment's name.
    pub salt: String,
    /// How rankings are compared.
    pub method: Method,
    /// The rankings, 2 to 8. The first is the control, which the others are compared with.
    pub arms: Vec<Arm>,
    /// From when on users are assigned; absent means always.
    #[serde(deserialize_with = "time")]
    pub start: Option<DateTime<Utc>>,
    /// From when on they no longer are; absent means never.
    #[serde(deserialize_with = "time")]
    pub end: Option<DateTime<Utc>>,
    /// What is compared.
    pub outcome: Outcome,
    /// Hours from a user's first list in which lists and plays count. A user is part of the comparison once they are over, and
    /// does not change after that.
    pub window_hours: f64,
    /// Whether only plays with an attribution token count. Otherwise any play of a track counts that was in one of the user's
    /// lists before.
    pub tokens_only: bool,
    /// Chance of a wrong verdict, however often the report is looked at.
    pub alpha: f64,
    /// Users at which the interval is to be narrowest for what it promises.
    pub planned_users: u64,
    /// The relative effect that is worth finding; the report says how many users that takes.
    pub worthwhile_effect: f64,
    /// How much worse an arm may be in other respects.
    pub guardrails: Guardrails,
    /// A place of every list to try things out at; absent means none. Not where arms are interleaved.
    pub exploration: Option<Exploration>,
}

/// How rankings are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Each user sees one of the arms.
    #[default]
    Assign,
    /// Every list is drafted by both arms, and each gets credit for its own tracks.
    Interleave,
}

/// A ranking that takes part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called: letters, digits, `-` and `_`.
    pub name: String,
    /// Which evidence orders the tracks.
    #[serde(default)]
    pub ranking: ArmRanking,
    /// From 0 (collaborative) to 1 (content), for a blend; absent means the learned weight.
    #[serde(default)]
    pub content_weight: Option<f64>,
    /// Share of the users, in steps of 0.0001. Users beyond the sum of all shares take no part.
    #[serde(default)]
    pub share: f64,
}

/// Which evidence orders an arm's tracks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmRanking {
    /// What listeners with similar plays play.
    Collaborative,
    /// What sounds like what the listener plays.
    Content,
    /// Both.
    #[default]
    Blend,
    /// What most listeners play.
    Popular,
}

/// What an experiment compares. A track of a list counts once if it is played, and not skipped, after it was shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Recommended tracks that a user played.
    #[default]
    TracksPerUser,
    /// Recommended tracks that were played, for each list that was shown.
    TracksPerList,
    /// Share of users who played any recommended track.
    Listeners,
}

/// By how much of the control's an arm may be worse in what it does not aim at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guardrails {
    /// Loss of distinct tracks shown to equally many users.
    pub coverage: f64,
    /// Gain of the share that a list's most frequent artist has.
    pub artist_concentration: f64,
    /// Gain of the time a list takes to make.
    pub latency: f64,
}

impl Default for Guardrails {
    fn default() -> Self {
        Self {
            coverage: 0.1,
            artist_concentration: 0.1,
            latency: 0.2,
        }
    }
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            salt: String::new(),
            method: Method::default(),
            arms: Vec::new(),
            start: None,
            end: None,
            outcome: Outcome::default(),
            window_hours: 24.0,
            tokens_only: false,
            alpha: 0.05,
            planned_users: 10_000,
            worthwhile_effect: 0.05,
            guardrails: Guardrails::default(),
            exploration: None,
        }
    }
}

impl Experiment {
    /// Most arms.
    pub const ARMS: usize = 8;
    /// Longest name of an experiment or an arm, in bytes.
    pub const NAME_BYTES: usize = 64;

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// The first that is wrong.
    pub fn validate(&self, name: &str) -> Result<(), Error> {
        check_name("the experiment's name", name)?;
        let arms = self.arms.len();
        check(
            "arms",
            arms,
            (2..=Self::ARMS).contains(&arms),
            "must be from 2 to 8",
        )?;
        let mut names = BTreeSet::new();
        for (place, arm) in self.arms.iter().enumerate() {
            let field = |field| format!("arms[{place}].{field}");
            check_name(&field("name"), &arm.name)?;
            let new = names.insert(&arm.name);
            check(
                &field("name"),
                &arm.name,
                new,
                "must be another than those before",
            )?;
            arm.validate(self.method, field)?;
        }
        match self.method {
            Method::Assign => {
                let sum: u64 = self.arms.iter().map(Arm::buckets).sum();
                let found = sum as f64 / BUCKETS as f64;
                let fits = (1..=BUCKETS).contains(&sum);
                check("the sum of shares", found, fits, "must not be above 1")?;
            }
            Method::Interleave => check("arms", arms, arms == 2, "must be 2 to interleave")?,
        }
        if let Some(exploration) = &self.exploration {
            let assigns = self.method == Method::Assign;
            check(
                "exploration",
                "set",
                assigns,
                "must be absent to interleave",
            )?;
            exploration.validate()?;
        }
        if let (Some(start), Some(end)) = (self.start, self.end) {
            check("end", end, start < end, "must be after start")?;
        }
        let hours = self.window_hours;
        let range = hours > 0.0 && hours <= 24.0 * 366.0;
        check(
            "window_hours",
            hours,
            range,
            "must be above 0 and at most 8784",
        )?;
        let alpha = self.alpha;
        let range = (1e-6..=0.5).contains(&alpha);
        check("alpha", alpha, range, "must be from 0.000001 to 0.5")?;
        let planned = self.planned_users;
        check(
            "planned_users",
            planned,
            planned >= 100,
            "must be at least 100",
        )?;
        let effect = self.worthwhile_effect;
        let range = effect > 0.0 && effect <= 10.0;
        check(
            "worthwhile_effect",
            effect,
            range,
            "must be above 0 and at most 10",
        )?;
        for (field, margin) in self.guardrails.named() {
            let range = margin > 0.0 && margin <= 10.0;
            let field = format!("guardrails.{field}");
            check(&field, margin, range, "must be above 0 and at most 10")?;
        }
        Ok(())
    }

    /// Whether users are assigned at that time, in milliseconds since 1970.
    pub fn runs_at(&self, time_ms: i64) -> bool {
        let begun = self
            .start
            .is_none_or(|start| start.timestamp_millis() <= time_ms);
        begun && self.end.is_none_or(|end| time_ms < end.timestamp_millis())
    }

    /// The window in milliseconds.
    pub fn window_ms(&self) -> i64 {
        (self.window_hours * 3_600_000.0) as i64
    }

    /// What users are dealt out by.
    pub fn salt<'a>(&'a self, name: &'a str) -> &'a str {
        match self.salt.as_str() {
            "" => name,
            salt => salt,
        }
    }

    /// Tells definitions apart under which users see different things: 16 hexadecimal digits of what salt, method,
    /// arms and exploration are.
    /// A report counts the lists of one definition only.
    pub fn fingerprint(&self, name: &str) -> String {
        let arms = self.arms.iter().map(|arm| {
            let share = match self.method {
                Method::Assign => arm.buckets(),
                Method::Interleave => 0,
            };
            format!(
                "{}:{:?}:{:?}:{share}",
                arm.name, arm.ranking, arm.content_weight
            )
        });
        let mut fields = vec![self.salt(name).to_owned(), format!("{:?}", self.method)];
        fields.extend(arms);
        fields.extend(
            self.exploration
                .map(|exploration| format!("{exploration:?}")),
        );
        let hash = hash(&fields.iter().map(String::as_bytes).collect::<Vec<_>>());
        hash.to_hex()[..16].to_owned()
    }
}

impl Arm {
    /// How many of the buckets it has.
    pub(crate) fn buckets(&self) -> u64 {
        (self.share * BUCKETS as f64).round() as u64
    }

    fn validate(
        &self,
        method: Method,
        field: impl Fn(&'static str) -> String,
    ) -> Result<(), Error> {
        let weight = self.content_weight;
        let range = weight.is_none_or(|weight| (0.0..=1.0).contains(&weight));
        let found = || weight.unwrap_or(f64::NAN);
        check(
            &field("content_weight"),
            found(),
            range,
            "must be from 0 to 1",
        )?;
        let meant = weight.is_none() || self.ranking == ArmRanking::Blend;
        check(
            &field("content_weight"),
            found(),
            meant,
            "must be absent unless the ranking is blend",
        )?;
        let steps = self.share * BUCKETS as f64;
        match method {
            Method::Assign => check(
                &field("share"),
                self.share,
                (1.0..=BUCKETS as f64).contains(&steps) && (steps - steps.round()).abs() < 1e-6,
                "must be above 0, at most 1, and in steps of 0.0001",
            ),
            Method::Interleave => check(
                &field("share"),
                self.share,
                self.share == 0.0,
                "must be absent: interleaved arms share every list",
            ),
        }
    }
}

impl Guardrails {
    /// Each margin and what it is called.
    fn named(&self) -> [(&'static str, f64); 3] {
        [
            ("coverage", self.coverage),
            ("artist_concentration", self.artist_concentration),
            ("latency", self.latency),
        ]
    }
}

/// A time as text, or as TOML has times of its own: they arrive as a map of one entry.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a time such as 2026-03-01T12:00:00Z")]
enum Time {
    Text(DateTime<Utc>),
    Toml(BTreeMap<String, DateTime<Utc>>),
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let time = Option::<Time>::deserialize(from)?;
    Ok(time.and_then(|time| match time {
        Time::Text(time) => Some(time),
        Time::Toml(time) => time.into_values().next(),
    }))
}

/// Names stand in tokens, settings and variables of the environment.
fn check_name(field: &str, name: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=Experiment::NAME_BYTES).contains(&name.len()) && name.chars().all(letter);
    let expected = "must be 1 to 64 letters, digits, - and _";
    check(field, format!("{name:?}"), fits, expected)
}

fn check(
    field: &str,
    found: impl std::fmt::Display,
    fits: bool,
    expected: &'static str,
) -> Result<(), Error> {
    match fits {
        true => Ok(()),
        false => Err(Error::Definition {
            field: field.to_owned(),
            found: found.to_string(),
            expected,
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Arms of equal share.
    pub(crate) fn equal(names: &[&str]) -> Experiment {
        let arms = names.iter().map(|name| Arm {
            name: (*name).to_owned(),
            ranking: ArmRanking::Blend,
            content_weight: None,
            share: 1.0 / names.len() as f64,
        });
        Experiment {
            arms: arms.collect(),
            ..Experiment::default()
        }
    }

    #[test]
    fn every_field_is_checked_and_named() {
        equal(&["a", "b"]).validate("x").unwrap();
        type Change = fn(&mut Experiment);
        let wrong: [(Change, &str); 14] = [
            (|e| e.arms.truncate(1), "arms"),
            (|e| e.arms[1].name = "a".into(), "arms[1].name"),
            (|e| e.arms[1].name = "a b".into(), "arms[1].name"),
            (|e| e.arms[0].share = 0.0, "arms[0].share"),
            (|e| e.arms[0].share = 0.123_45, "arms[0].share"),
            (|e| e.arms[0].share = f64::NAN, "arms[0].share"),
            (|e| e.arms[0].share = 0.6, "the sum of shares"),
            (
                |e| e.arms[0].content_weight = Some(1.5),
                "arms[0].content_weight",
            ),
            (|e| e.window_hours = f64::NAN, "window_hours"),
            (|e| e.alpha = 0.0, "alpha"),
            (|e| e.planned_users = 1, "planned_users"),
            (|e| e.worthwhile_effect = -0.1, "worthwhile_effect"),
            (|e| e.guardrails.latency = 0.0, "guardrails.latency"),
            (|e| e.method = Method::Interleave, "arms[0].share"),
        ];
        for (change, expected) in wrong {
            let mut experiment = equal(&["a", "b"]);
            change(&mut experiment);
            let Err(Error::Definition { field, .. }) = experiment.validate("x") else {
                panic!("{expected} was not refused");
            };
            assert_eq!(field, expected);
        }
        assert!(equal(&["a", "b"]).validate("no.dots").is_err());
    }

    #[test]
    fn the_fingerprint_changes_with_what_users_see_and_with_nothing_else() {
        let plain = equal(&["a", "b"]);
        let mut later = plain.clone();
        later.window_hours = 1.0;
        later.alpha = 0.01;
        assert_eq!(plain.fingerprint("x"), later.fingerprint("x"));
        let mut salted = plain.clone();
        salted.salt = "x".into();
        assert_eq!(plain.fingerprint("x"), salted.fingerprint("x"));
        let mut other = plain.clone();
        other.arms[1].content_weight = Some(0.5);
        assert_ne!(plain.fingerprint("x"), other.fingerprint("x"));
        assert_ne!(plain.fingerprint("x"), plain.fingerprint("y"));
    }
}
