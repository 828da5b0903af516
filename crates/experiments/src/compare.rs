use serde::{Deserialize, Serialize};

use crate::{
    Interval, Observation, Sequence,
    moments::{Estimate, Moments},
};

/// Users of each arm before the first look: what the variances and the normal approximation need. Looks before are not taken.
pub const FIRST_LOOK: u64 = 100;
/// Points of a path that are kept for a chart.
const POINTS: usize = 100;

/// An effect, as it stands and as it came to stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The metric of the control; 0 for a preference, which has none.
    pub control: f64,
    /// How much more it is in the arm, with its interval.
    pub difference: Interval,
    /// The same as a share of the control's, where that is above zero.
    pub relative: Option<Interval>,
    /// The least p-value of all looks, and so the one to go by.
    pub p_value: f64,
    /// Users of both arms.
    pub users: u64,
    /// The least difference that shows at so many users, with a chance of 80 %.
    pub detectable: f64,
    /// Users that the worthwhile effect takes, with a chance of 80 %; absent where it cannot be told.
    pub users_needed: Option<u64>,
    /// The difference after so many users, at most a hundred times.
    pub path: Vec<Look>,
}

/// A look at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Users of both arms.
    pub users: u64,
    /// The difference at that time.
    pub difference: Interval,
    /// The least p-value until then.
    pub p_value: f64,
}

/// Which way an effect goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More than the control.
    Better,
    /// Less.
    Worse,
    /// It cannot be told yet.
    Open,
}

impl Effect {
    /// Which way it goes, if a look has told; the last one says which way.
    pub fn direction(&self, alpha: f64) -> Direction {
        match self.p_value <= alpha {
            true if self.difference.estimate > 0.0 => Direction::Better,
            true => Direction::Worse,
            false => Direction::Open,
        }
    }
}

/// A comparison that takes users in one by one, in the order in which they became final, and looks after each.
#[derive(Debug, Clone)]
pub struct Comparison {
    sequence: Sequence,
    arms: [Moments; 2],
    p_value: f64,
    path: Vec<Look>,
    /// Users between the points that are kept.
    stride: u64,
}

impl Comparison {
    /// Nobody yet.
    pub fn new(sequence: Sequence) -> Self {
        Self {
            sequence,
            arms: [Moments::default(); 2],
            p_value: 1.0,
            path: Vec::new(),
            stride: 1,
        }
    }

    /// A user of the control, or of the arm that is compared with it.
    pub fn add(&mut self, treated: bool, observation: &Observation) {
        self.arms[usize::from(treated)].add(observation);
        if self.arms.iter().any(|arm| arm.users < FIRST_LOOK) {
            return;
        }
        if let Some(contrast) = Estimate::difference(&self.arms[0], &self.arms[1]) {
            self.look(&contrast.absolute());
        }
    }

    /// The least p-value of all looks; 1 before the first.
    pub fn p_value(&self) -> f64 {
        self.p_value
    }

    /// The effect, where both arms have a metric; `worthwhile` is a share of the control's.
    pub fn effect(mut self, worthwhile: f64) -> Option<Effect> {
        let contrast = Estimate::difference(&self.arms[0], &self.arms[1])?;
        let relative = contrast.relative();
        let relative = relative.map(|estimate| self.sequence.interval(&estimate));
        let wanted = worthwhile * contrast.control;
        Some(self.conclude(contrast.control, contrast.absolute(), relative, wanted))
    }

    fn look(&mut self, estimate: &Estimate) {
        self.p_value = self.p_value.min(self.sequence.p_value(estimate));
        if estimate.users.is_multiple_of(self.stride) {
            self.path.push(self.seen(estimate));
        }
        if self.path.len() > POINTS {
            self.stride *= 2;
            let stride = self.stride;
            self.path.retain(|look| look.users.is_multiple_of(stride));
        }
    }

    fn seen(&self, estimate: &Estimate) -> Look {
        Look {
            users: estimate.users,
            difference: self.sequence.interval(estimate),
            p_value: self.p_value,
        }
    }

    fn conclude(
        &mut self,
        control: f64,
        estimate: Estimate,
        relative: Option<Interval>,
        wanted: f64,
    ) -> Effect {
        let mut path = std::mem::take(&mut self.path);
        if path.last().is_some_and(|last| last.users < estimate.users) {
            path.push(self.seen(&estimate));
        }
        let variance = estimate.variance * estimate.users as f64;
        Effect {
            control,
            difference: self.sequence.interval(&estimate),
            relative,
            p_value: self.p_value,
            users: estimate.users,
            detectable: self.sequence.detectable(&estimate),
            users_needed: self.sequence.users_needed(wanted, variance),
            path,
        }
    }
}

/// Which of two interleaved rankings is preferred, over users one by one.
#[derive(Debug, Clone)]
pub struct Preference(Comparison);

impl Preference {
    /// Nobody yet.
    pub fn new(sequence: Sequence) -> Self {
        Self(Comparison::new(sequence))
    }

    /// A user who played so many tracks of the first ranking's picks and of the second's.
    ///
    /// The user's preference is `(second - first) / (second + first)`; who plays four times as much counts twice, since their
    /// preference is known twice as well, and who plays nothing counts nothing.
    pub fn add(&mut self, credits: [f64; 2]) {
        let weight = (credits[0] + credits[1]).sqrt();
        let only = &mut self.0.arms[0];
        only.add(&Observation {
            numerator: (credits[1] - credits[0]) / weight.max(1.0),
            denominator: weight,
            covariate: 0.0,
        });
        if only.users >= FIRST_LOOK
            && let Some(estimate) = Estimate::of(&self.0.arms[0])
        {
            self.0.look(&estimate);
        }
    }

    /// The least p-value of all looks; 1 before the first.
    pub fn p_value(&self) -> f64 {
        self.0.p_value
    }

    /// The mean preference, from -1 (all for the first) to 1; `worthwhile` is a preference too.
    pub fn effect(mut self, worthwhile: f64) -> Option<Effect> {
        let estimate = Estimate::of(&self.0.arms[0])?;
        Some(self.0.conclude(0.0, estimate, None, worthwhile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(numerator: f64) -> Observation {
        Observation {
            numerator,
            denominator: 1.0,
            covariate: 0.0,
        }
    }

    #[test]
    fn a_path_is_kept_short_and_ends_with_the_last_user() {
        let mut comparison = Comparison::new(Sequence::new(0.05, 1_000));
        for user in 0..5_001_u32 {
            comparison.add(user % 2 == 1, &observation(f64::from(user % 7)));
        }
        let effect = comparison.effect(0.05).unwrap();
        assert_eq!(effect.users, 5_001);
        assert_eq!(effect.path.last().unwrap().users, 5_001);
        assert!(
            (50..=POINTS + 1).contains(&effect.path.len()),
            "{}",
            effect.path.len()
        );
        assert!(
            effect
                .path
                .is_sorted_by(|a, b| a.users < b.users && a.p_value >= b.p_value)
        );
        assert_eq!(effect.direction(0.05), Direction::Open);
    }

    #[test]
    fn nothing_is_told_before_the_first_look() {
        let mut comparison = Comparison::new(Sequence::new(0.05, 1_000));
        for user in 0..2 * FIRST_LOOK - 1 {
            comparison.add(user % 2 == 1, &observation((user % 2) as f64 * 9.0));
        }
        assert_eq!(comparison.p_value(), 1.0);
        comparison.add(true, &observation(8.0));
        assert!(comparison.p_value() < 1.0);
        assert_eq!(
            Comparison::new(Sequence::new(0.05, 1_000)).effect(0.1),
            None
        );
    }

    #[test]
    fn a_preference_is_the_mean_over_users_by_the_roots_of_their_plays() {
        let mut preference = Preference::new(Sequence::new(0.05, 1_000));
        for credits in [[0.0, 36.0], [1.0, 0.0], [0.0, 0.0], [1.0, 3.0]] {
            preference.add(credits);
        }
        let effect = preference.effect(0.1).unwrap();
        // (6 * 1 - 1 * 1 + 2 * 1/2) / (6 + 1 + 2).
        assert!((effect.difference.estimate - 6.0 / 9.0).abs() < 1e-12);
        assert_eq!(effect.p_value, 1.0);
    }
}
