//! From what came of each user to the parts of a report.

use crate::{
    Arm, ArmEffect, ArmSummary, Arrivals, Comparison, Effect, Experiment, Guardrail,
    GuardrailState, Method, Mismatch, Observation, Outcome, Outcomes, Preference, Sequence,
    UserOutcome,
    coverage::{distinct_tracks, gain},
    moments::{Estimate, Moments},
};

/// An experiment with what came of it.
pub(crate) struct Study<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) outcomes: &'a Outcomes,
    /// For each arm.
    pub(crate) alpha: f64,
    pub(crate) sequence: Sequence,
}

impl Study<'_> {
    pub(crate) fn arrivals(&self) -> Option<Arrivals> {
        if self.experiment.method == Method::Interleave {
            return None;
        }
        let shares = self.experiment.arms.iter().map(|arm| arm.share);
        let mut mismatch = Mismatch::new(&shares.collect::<Vec<_>>());
        for user in &self.outcomes.users {
            mismatch.arrive(user.arm);
        }
        Some(Arrivals {
            p_value: mismatch.p_value(),
            alarm: mismatch.is_alarm(),
        })
    }

    pub(crate) fn effects(&self) -> Vec<ArmEffect> {
        let worthwhile = self.experiment.worthwhile_effect;
        let named = |arm: usize, effect: Option<Effect>| {
            effect.map(|effect| ArmEffect {
                arm: self.experiment.arms[arm].name.clone(),
                direction: effect.direction(self.alpha),
                effect,
            })
        };
        match self.experiment.method {
            Method::Interleave => {
                let mut preference = Preference::new(self.sequence);
                self.final_users()
                    .for_each(|user| preference.add(user.credits));
                named(1, preference.effect(worthwhile))
                    .into_iter()
                    .collect()
            }
            Method::Assign => {
                let outcome = self.experiment.outcome;
                let effect = |arm| {
                    named(
                        arm,
                        self.compare(arm, |user| outcome.of(user))
                            .effect(worthwhile),
                    )
                };
                (1..self.experiment.arms.len()).filter_map(effect).collect()
            }
        }
    }

    pub(crate) fn guardrails(&self) -> Vec<Guardrail> {
        if self.experiment.method == Method::Interleave {
            return Vec::new();
        }
        let margins = self.experiment.guardrails;
        let equal = self.equal_users();
        let control = distinct_tracks(&equal[0]);
        let mut found = Vec::new();
        for (arm, equal) in equal.iter().enumerate().skip(1) {
            let relative = |of: fn(&UserOutcome) -> f64| {
                let per_list = |user: &UserOutcome| user.observation(of(user), user.lists as f64);
                self.compare(arm, per_list)
                    .effect(1.0)
                    .and_then(|effect| effect.relative)
            };
            let coverage = gain(&control, &distinct_tracks(equal));
            let rows = [
                (
                    "coverage",
                    coverage.map(|gain| self.sequence.interval(&gain)),
                    margins.coverage,
                    -1.0,
                ),
                (
                    "artist_concentration",
                    relative(|user| user.top_artist_share),
                    margins.artist_concentration,
                    1.0,
                ),
                (
                    "latency",
                    relative(|user| user.latency_ms),
                    margins.latency,
                    1.0,
                ),
            ];
            let name = &self.experiment.arms[arm].name;
            found.extend(
                rows.into_iter()
                    .filter_map(|(guards, change, margin, worse)| {
                        let change = change?;
                        Some(Guardrail {
                            arm: name.clone(),
                            guards: guards.to_owned(),
                            state: GuardrailState::of(&change, margin, worse),
                            change,
                            margin,
                        })
                    }),
            );
        }
        found
    }

    pub(crate) fn arms(&self) -> Vec<ArmSummary> {
        let equal = self.equal_users();
        let interleaved = self.experiment.method == Method::Interleave;
        let summary = |(place, arm): (usize, &Arm)| {
            let is_own = |user: &&UserOutcome| interleaved || user.arm == place;
            let users: Vec<&UserOutcome> = self.final_users().filter(is_own).collect();
            let sum =
                |of: &dyn Fn(&UserOutcome) -> f64| users.iter().map(|user| of(user)).sum::<f64>();
            let lists = sum(&|user| user.lists as f64);
            let played = match interleaved {
                true => sum(&|user| user.credits[place]),
                false => sum(&|user| user.played as f64),
            };
            let mut moments = Moments::default();
            users
                .iter()
                .for_each(|user| moments.add(&self.experiment.outcome.of(user)));
            ArmSummary {
                arm: arm.name.clone(),
                users: self.outcomes.users.iter().filter(is_own).count() as u64,
                final_users: users.len() as u64,
                lists: lists as u64,
                played: played as u64,
                value: Estimate::of(&moments)
                    .filter(|_| !interleaved)
                    .map(|estimate| estimate.value),
                distinct_tracks: distinct_tracks(&equal[if interleaved { 0 } else { place }]).value
                    as u64,
                top_artist_share: sum(&|user| user.top_artist_share) / lists.max(1.0),
                latency_ms: sum(&|user| user.latency_ms) / lists.max(1.0),
            }
        };
        self.experiment
            .arms
            .iter()
            .enumerate()
            .map(summary)
            .collect()
    }

    /// An arm beside the control.
    fn compare(&self, arm: usize, of: impl Fn(&UserOutcome) -> Observation) -> Comparison {
        let mut comparison = Comparison::new(self.sequence);
        for user in self
            .final_users()
            .filter(|user| user.arm == 0 || user.arm == arm)
        {
            comparison.add(user.arm == arm, &of(user));
        }
        comparison
    }

    /// The first users of each arm, as many of each.
    fn equal_users(&self) -> Vec<Vec<&UserOutcome>> {
        let arms = match self.experiment.method {
            Method::Assign => self.experiment.arms.len(),
            Method::Interleave => 1,
        };
        let mut users = vec![Vec::new(); arms];
        self.final_users()
            .for_each(|user| users[user.arm].push(user));
        let least = users.iter().map(Vec::len).min().unwrap_or(0);
        users.iter_mut().for_each(|users| users.truncate(least));
        users
    }

    fn final_users(&self) -> impl Iterator<Item = &UserOutcome> {
        self.outcomes.users.iter().filter(|user| user.is_final)
    }
}

impl Outcome {
    /// What a user adds to it.
    fn of(self, user: &UserOutcome) -> Observation {
        let played = user.played as f64;
        match self {
            Self::TracksPerUser => user.observation(played, 1.0),
            Self::TracksPerList => user.observation(played, user.lists as f64),
            Self::Listeners => user.observation(played.min(1.0), 1.0),
        }
    }
}

impl UserOutcome {
    fn observation(&self, numerator: f64, denominator: f64) -> Observation {
        Observation {
            numerator,
            denominator,
            covariate: self.activity,
        }
    }
}
