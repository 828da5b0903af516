use serde::{Deserialize, Serialize};

use crate::{
    Direction, Effect, Experiment, Interval, Method, Outcome, Outcomes, Sequence, study::Study,
};

/// What an experiment has come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The experiment's name.
    pub experiment: String,
    /// How rankings are compared.
    pub method: Method,
    /// By what.
    pub outcome: Outcome,
    /// Until when lists and plays count, in milliseconds since 1970.
    pub as_of_ms: i64,
    /// Chance of a wrong verdict over all arms and looks.
    pub alpha: f64,
    /// The verdict.
    pub verdict: Verdict,
    /// The arms, the control first.
    pub arms: Vec<ArmSummary>,
    /// What each further arm does to the outcome; of interleaved arms one, the preference for the second.
    pub effects: Vec<ArmEffect>,
    /// Whether users arrive as they were dealt out; absent where nobody is dealt out.
    pub mismatch: Option<Arrivals>,
    /// What the outcome must not be bought with.
    pub guardrails: Vec<Guardrail>,
    /// Lists that were left out because they were shown under another definition of the experiment.
    pub other_lists: u64,
}

/// What is to be made of it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "arm")]
pub enum Verdict {
    /// Users do not arrive as they were dealt out: something is wrong, and nothing else can be believed.
    Mismatch,
    /// This arm is better than the control, and better than any other that is so.
    Better(String),
    /// No arm is better, and this one is worse than the control; the worst that is so.
    Worse(String),
    /// Nothing can be told yet.
    Open,
}

/// An arm so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmSummary {
    /// Its name.
    pub arm: String,
    /// Users who were shown a list.
    pub users: u64,
    /// Those whose window is over, whom everything below is about.
    pub final_users: u64,
    /// Lists they were shown.
    pub lists: u64,
    /// Tracks of these that they played; of interleaved arms, of the arm's own picks.
    pub played: u64,
    /// The outcome; absent without users, and where arms are interleaved.
    pub value: Option<f64>,
    /// Distinct tracks that were shown to as many users as the smallest arm has.
    pub distinct_tracks: u64,
    /// Mean share of a list that its most frequent artist has.
    pub top_artist_share: f64,
    /// Mean milliseconds that a list took to make.
    pub latency_ms: f64,
}

/// An arm's effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmEffect {
    /// The arm.
    pub arm: String,
    /// Which way it goes.
    pub direction: Direction,
    /// The effect.
    #[serde(flatten)]
    pub effect: Effect,
}

/// How users arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The least p-value so far of users being dealt out by the shares.
    pub p_value: f64,
    /// Whether it is too small to be an accident.
    pub alarm: bool,
}

/// Whether an arm is no worse, by more than is allowed, in something it does not aim at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guardrail {
    /// The arm.
    pub arm: String,
    /// What is guarded: `coverage`, `artist_concentration` or `latency`.
    pub guards: String,
    /// The change as a share of the control's, with its interval.
    pub change: Interval,
    /// By how much it may be worse.
    pub margin: f64,
    /// Whether it keeps to that.
    pub state: GuardrailState,
}

/// What is known of a guardrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailState {
    /// It is not worse by the margin.
    Kept,
    /// It is.
    Broken,
    /// It cannot be told yet.
    Open,
}

impl Report {
    /// Sums up what came of an experiment. Effects are those of the users whose window is over.
    ///
    /// Several arms share `alpha` equally (Bonferroni). So many looks as one likes are allowed, see [`Sequence`].
    pub fn new(name: &str, experiment: &Experiment, outcomes: &Outcomes, as_of_ms: i64) -> Self {
        let compared = match experiment.method {
            Method::Assign => experiment.arms.len().saturating_sub(1).max(1),
            Method::Interleave => 1,
        };
        let alpha = experiment.alpha / compared as f64;
        let study = Study {
            experiment,
            outcomes,
            alpha,
            sequence: Sequence::new(alpha, experiment.planned_users),
        };
        let mismatch = study.arrivals();
        let effects = study.effects();
        Self {
            experiment: name.to_owned(),
            method: experiment.method,
            outcome: experiment.outcome,
            as_of_ms,
            alpha: experiment.alpha,
            verdict: verdict(mismatch, &effects),
            arms: study.arms(),
            guardrails: study.guardrails(),
            effects,
            mismatch,
            other_lists: outcomes.other_lists,
        }
    }
}

fn verdict(mismatch: Option<Arrivals>, effects: &[ArmEffect]) -> Verdict {
    if mismatch.is_some_and(|arrivals| arrivals.alarm) {
        return Verdict::Mismatch;
    }
    let size = |effect: &&ArmEffect| effect.effect.difference.estimate;
    let so = |direction| {
        effects
            .iter()
            .filter(move |effect| effect.direction == direction)
    };
    let best = so(Direction::Better).max_by(|a, b| size(a).total_cmp(&size(b)));
    let worst = so(Direction::Worse).min_by(|a, b| size(a).total_cmp(&size(b)));
    match (best, worst) {
        (Some(best), _) => Verdict::Better(best.arm.clone()),
        (None, Some(worst)) => Verdict::Worse(worst.arm.clone()),
        (None, None) => Verdict::Open,
    }
}

impl GuardrailState {
    /// `worse` is 1 where more is worse, and -1 where less is.
    pub(crate) fn of(change: &Interval, margin: f64, worse: f64) -> Self {
        let ends = [change.low * worse, change.high * worse];
        match (ends[0].min(ends[1]), ends[0].max(ends[1])) {
            (_, most) if most < margin => Self::Kept,
            (least, _) if least > margin => Self::Broken,
            _ => Self::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UserOutcome, definition::tests::equal};

    fn user(number: u64, arm: usize, played: u64) -> UserOutcome {
        UserOutcome {
            arm,
            first_shown_ms: number as i64,
            is_final: true,
            activity: (number % 5) as f64,
            lists: 2,
            played,
            credits: [0.0; 2],
            latency_ms: 6.0 * (1.0 + arm as f64) + (number % 3) as f64,
            top_artist_share: 0.4,
            tracks: vec![(number % 100) as u32],
        }
    }

    fn report(users: Vec<UserOutcome>, experiment: &Experiment) -> Report {
        let outcomes = Outcomes {
            users,
            other_lists: 3,
        };
        Report::new("x", experiment, &outcomes, 1)
    }

    #[test]
    fn a_better_arm_is_found_and_its_costs_are_named() {
        let users = (0..4_000).map(|n| user(n, (n % 2) as usize, n / 2 % 3 + n % 2));
        let found = report(users.collect(), &equal(&["control", "new"]));
        assert_eq!(found.verdict, Verdict::Better("new".into()));
        let effect = &found.effects[0].effect;
        assert!(
            (effect.difference.estimate - 1.0).abs() < 0.01,
            "{effect:?}"
        );
        assert!(effect.relative.is_some_and(|relative| relative.low > 0.8));
        assert_eq!(
            found.mismatch,
            Some(Arrivals {
                p_value: 1.0,
                alarm: false
            })
        );
        let states = found
            .guardrails
            .iter()
            .map(|g| (g.guards.as_str(), g.state));
        assert_eq!(
            states.collect::<Vec<_>>(),
            [
                ("coverage", GuardrailState::Kept),
                ("artist_concentration", GuardrailState::Kept),
                ("latency", GuardrailState::Broken),
            ]
        );
        let arms = &found.arms;
        assert_eq!((arms[1].users, arms[1].lists), (2_000, 4_000));
        let gain = arms[1].value.unwrap() - arms[0].value.unwrap();
        assert!((gain - 1.0).abs() < 1e-9);
    }

    #[test]
    fn users_who_do_not_arrive_overrule_any_effect() {
        let users = (0..4_000).filter(|n| n % 8 != 1);
        let users = users.map(|n| user(n, (n % 2) as usize, n % 2));
        let found = report(users.collect(), &equal(&["control", "new"]));
        assert_eq!(found.verdict, Verdict::Mismatch);
    }

    #[test]
    fn only_users_whose_window_is_over_count_and_none_is_no_failure() {
        let mut users: Vec<UserOutcome> = (0..1_000)
            .map(|n| user(n, (n % 2) as usize, n % 2))
            .collect();
        users.iter_mut().for_each(|user| user.is_final = false);
        for users in [users, Vec::new()] {
            let count = users.len() as u64;
            let found = report(users, &equal(&["control", "new"]));
            assert_eq!(found.verdict, Verdict::Open);
            assert_eq!(found.arms.iter().map(|arm| arm.users).sum::<u64>(), count);
            assert_eq!((found.effects.len(), found.guardrails.len()), (0, 0));
        }
    }

    #[test]
    fn interleaved_arms_are_told_apart_by_credits() {
        let mut experiment = equal(&["control", "new"]);
        experiment.method = Method::Interleave;
        let users = (0..600).map(|n| UserOutcome {
            credits: if n % 3 == 0 { [1.0, 0.0] } else { [0.0, 1.0] },
            ..user(n, 0, 1)
        });
        let found = report(users.collect(), &experiment);
        assert_eq!(found.verdict, Verdict::Better("new".into()));
        assert!((found.effects[0].effect.difference.estimate - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!((found.arms[0].played, found.arms[1].played), (200, 400));
        assert!(found.guardrails.is_empty() && found.mismatch.is_none());
    }
}
