use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Error, Interval, Observation,
    moments::{Estimate, Moments},
};

/// A choice that was made at random with a known probability, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Whose; choices of one user are not taken for independent.
    pub user: u64,
    /// Probability with which it was made when it was logged, above 0.
    pub logged: f64,
    /// Probability with which the policy in question makes it.
    pub target: f64,
    /// What came of it.
    pub reward: f64,
    /// Probability with which the policy in question chooses something that could have been logged, as far as that is known;
    /// otherwise 1.
    pub covered: f64,
    /// What a model expects of the choice made; 0 without one.
    pub expected: f64,
    /// What the model expects of the policy's choice: the mean over its choices; 0 without one.
    pub expected_of_target: f64,
}

/// What a policy that never served would have earned, per choice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OffPolicy {
    /// Inverse propensity scores: unbiased.
    pub ips: Interval,
    /// The same divided by the mean weight (Swaminathan and Joachims 2015): slightly biased, most often of less variance.
    pub snips: Interval,
    /// Doubly robust (Dudík et al. 2011): the model's expectation, corrected by what weights say of its errors. Unbiased whatever
    /// the model.
    pub dr: Interval,
    /// What the policy that was logged earned.
    pub logged: Interval,
    /// How many choices of the policy in question would tell as much (Kish 1965): `(sum of weights)^2 / sum of squares`.
    pub effective_choices: f64,
    /// Choices in the log.
    pub choices: u64,
    /// Users in the log.
    pub users: u64,
}

/// Users below which the normal approximation is not to be trusted.
const LEAST_USERS: u64 = 50;
/// Normal quantile of 0.975.
const Z: f64 = 1.959_963_984_540_054;
/// Standard errors by which the mean weight must be below 1 to tell that something was never tried.
const CERTAIN: f64 = 4.0;
/// Share of the policy's choices that may lie beyond what could be logged.
const SLACK: f64 = 1e-9;

/// Estimates what a policy is worth from choices of another, with 95 % intervals over users. They are for one look.
///
/// # Errors
///
/// [`Error::Logged`] if a choice has numbers that cannot be, [`Error::TooFew`] below 50 users, and [`Error::Unsupported`] where the
/// policy does what was never tried: it is told by [`Choice::covered`], and otherwise by weights whose mean is below 1, where that
/// is no accident (by four standard errors).
pub fn estimate(choices: &[Choice]) -> Result<OffPolicy, Error> {
    for (place, choice) in choices.iter().enumerate() {
        choice.check(place)?;
    }
    let mut by_user: BTreeMap<u64, Vec<&Choice>> = BTreeMap::new();
    for choice in choices {
        by_user.entry(choice.user).or_default().push(choice);
    }
    let users = by_user.len() as u64;
    if users < LEAST_USERS {
        return Err(Error::TooFew {
            found: users,
            least: LEAST_USERS,
        });
    }
    let one = |_: &Choice| 1.0;
    let mean = |numerator: &dyn Fn(&Choice) -> f64, denominator: &dyn Fn(&Choice) -> f64| {
        let mut moments = Moments::default();
        for choices in by_user.values() {
            moments.add(&Observation {
                numerator: choices.iter().map(|choice| numerator(choice)).sum(),
                denominator: choices.iter().map(|choice| denominator(choice)).sum(),
                covariate: 0.0,
            });
        }
        Estimate::of(&moments).map(|estimate| {
            let reach = Z * estimate.variance.sqrt();
            Interval {
                estimate: estimate.value,
                low: estimate.value - reach,
                high: estimate.value + reach,
            }
        })
    };
    let weights = mean(&Choice::weight, &one);
    let covered = choices.iter().map(|choice| choice.covered).sum::<f64>() / choices.len() as f64;
    let weighted = |choice: &Choice| choice.weight() * choice.reward;
    let corrected = |choice: &Choice| {
        choice.expected_of_target + choice.weight() * (choice.reward - choice.expected)
    };
    let unsupported = |weight: f64, most: f64| Error::Unsupported {
        covered: covered.min(weight),
        weight,
        most,
    };
    let (Some(weight), Some(snips)) = (weights, mean(&weighted, &Choice::weight)) else {
        return Err(unsupported(0.0, 0.0));
    };
    let most = weight.estimate + (weight.high - weight.estimate) / Z * CERTAIN;
    if covered < 1.0 - SLACK || most < 1.0 {
        return Err(unsupported(weight.estimate, most));
    }
    let squares: f64 = choices.iter().map(|choice| choice.weight().powi(2)).sum();
    let sum: f64 = choices.iter().map(Choice::weight).sum();
    let [Some(ips), Some(dr), Some(logged)] = [
        mean(&weighted, &one),
        mean(&corrected, &one),
        mean(&|choice| choice.reward, &one),
    ] else {
        return Err(unsupported(0.0, 0.0));
    };
    Ok(OffPolicy {
        ips,
        snips,
        dr,
        logged,
        effective_choices: sum * sum / squares,
        choices: choices.len() as u64,
        users,
    })
}

impl Choice {
    fn weight(&self) -> f64 {
        self.target / self.logged
    }

    fn check(&self, place: usize) -> Result<(), Error> {
        let fields = [
            (
                "the logged probability",
                self.logged,
                self.logged > 0.0 && self.logged <= 1.0,
            ),
            (
                "the target's probability",
                self.target,
                (0.0..=1.0).contains(&self.target),
            ),
            (
                "a covered share",
                self.covered,
                (0.0..=1.0).contains(&self.covered),
            ),
            ("a reward", self.reward, self.reward.is_finite()),
            ("an expectation", self.expected, self.expected.is_finite()),
            (
                "the target's expectation",
                self.expected_of_target,
                self.expected_of_target.is_finite(),
            ),
        ];
        match fields.into_iter().find(|&(_, _, fits)| !fits) {
            None => Ok(()),
            Some((field, value, _)) => Err(Error::Logged {
                place,
                field,
                value,
                expected: "probabilities are from 0 to 1, that of a choice that was made above 0, and all numbers finite",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two choices of probability 1/4 and 3/4 with rewards 1 and 0, as often as they are likely.
    fn log(target: [f64; 2]) -> Vec<Choice> {
        (0..400)
            .map(|user| {
                let first = user % 4 == 0;
                Choice {
                    user,
                    logged: if first { 0.25 } else { 0.75 },
                    target: target[usize::from(!first)],
                    reward: if first { 1.0 } else { 0.0 },
                    covered: 1.0,
                    expected: 0.0,
                    expected_of_target: 0.0,
                }
            })
            .collect()
    }

    #[test]
    fn a_log_in_proportion_gives_the_value_exactly() {
        let found = estimate(&log([0.5, 0.5])).unwrap();
        for interval in [found.ips, found.snips, found.dr] {
            assert!((interval.estimate - 0.5).abs() < 1e-12, "{found:?}");
            assert!(interval.low < 0.5 && interval.high > 0.5);
        }
        assert!((found.logged.estimate - 0.25).abs() < 1e-12);
        // Weights 2 and 2/3: 400^2 / (100 * 4 + 300 * 4 / 9).
        assert!((found.effective_choices - 300.0).abs() < 1e-9);
    }

    #[test]
    fn a_model_that_is_right_leaves_nothing_to_chance() {
        let mut choices = log([0.5, 0.5]);
        for choice in &mut choices {
            choice.expected = choice.reward;
            choice.expected_of_target = 0.5;
        }
        let dr = estimate(&choices).unwrap().dr;
        assert_eq!((dr.low, dr.high), (0.5, 0.5));
    }

    #[test]
    fn what_was_never_tried_is_said_to_be_missing() {
        // The policy makes these choices a tenth of the time, and another one otherwise.
        let error = estimate(&log([0.05, 0.05])).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        let mut choices = log([0.5, 0.5]);
        choices[7].covered = 0.0;
        let error = estimate(&choices).unwrap_err();
        assert!(error.to_string().contains("supports 99.8 %"), "{error}");
        let error = estimate(&log([0.0, 0.0])).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }

    #[test]
    fn impossible_numbers_are_refused_with_their_place() {
        let mut choices = log([0.5, 0.5]);
        choices[3].logged = 0.0;
        let error = estimate(&choices).unwrap_err();
        assert!(matches!(error, Error::Logged { place: 3, .. }), "{error}");
        let error = estimate(&log([0.5, 0.5])[..10]).unwrap_err();
        assert_eq!(
            error,
            Error::TooFew {
                found: 10,
                least: 50
            }
        );
    }
}
