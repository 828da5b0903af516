use crossfade_experiments::{Choice, Error, Interval, OffPolicy, estimate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{bound, simulations};

const USERS: u64 = 1_500;
/// Tracks that the logging policy draws from for the place it tries things out at.
const CANDIDATES: usize = 8;

/// How likely a user plays a candidate; ranks differ by user.
fn affinity(user: u64, track: usize) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(user * 1_000 + track as u64);
    0.5 * rng.random::<f64>() * (1.0 - track as f64 / 16.0)
}

/// What a model thinks of it: right on average, and no more.
fn believed(track: usize) -> f64 {
    0.25 * (1.0 - track as f64 / 16.0)
}

/// The probability with which the policy in question shows a candidate: mostly the one of the highest affinity it can see.
fn target(user: u64, track: usize) -> f64 {
    let best = (0..CANDIDATES).max_by(|&a, &b| affinity(user, a).total_cmp(&affinity(user, b)));
    let explored = 0.1 / CANDIDATES as f64;
    if best == Some(track) {
        0.9 + explored
    } else {
        explored
    }
}

/// The log of a policy that draws candidates with falling probability, some for each user.
fn log(experiment: usize) -> Vec<Choice> {
    let mut rng = ChaCha8Rng::seed_from_u64(experiment as u64);
    let sum: f64 = (0..CANDIDATES)
        .map(|track| 1.0 / (track as f64 + 2.0))
        .sum();
    let logged = |track: usize| 1.0 / (track as f64 + 2.0) / sum;
    let mut choices = Vec::new();
    for user in 0..USERS {
        for _ in 0..1 + rng.random_range(0..4) {
            let mut at = rng.random::<f64>();
            let drawn = (0..CANDIDATES).find(|&track| {
                at -= logged(track);
                at < 0.0
            });
            let track = drawn.unwrap_or(CANDIDATES - 1);
            let reward = f64::from(u8::from(rng.random::<f64>() < affinity(user, track)));
            choices.push(Choice {
                user,
                logged: logged(track),
                target: target(user, track),
                reward,
                covered: 1.0,
                expected: believed(track),
                expected_of_target: (0..CANDIDATES).map(|t| target(user, t) * believed(t)).sum(),
            });
        }
    }
    choices
}

#[test]
fn estimates_cover_the_truth_as_often_as_they_say() {
    let count = simulations(200);
    let value = |user| {
        (0..CANDIDATES)
            .map(|t| target(user, t) * affinity(user, t))
            .sum::<f64>()
    };
    let truth = (0..USERS).map(value).sum::<f64>() / USERS as f64;
    let found: Vec<OffPolicy> = (0..count)
        .into_par_iter()
        .map(|n| estimate(&log(n)).unwrap())
        .collect();
    type Kind = (&'static str, fn(&OffPolicy) -> Interval);
    let kinds: [Kind; 3] = [
        ("IPS", |found| found.ips),
        ("SNIPS", |found| found.snips),
        ("DR", |found| found.dr),
    ];
    let logged = found.iter().map(|found| found.logged.estimate).sum::<f64>() / count as f64;
    println!(
        "truth {truth:.4}, what was logged earned {logged:.4}, effective {:.0} of {} choices",
        found[0].effective_choices, found[0].choices
    );
    for (name, of) in kinds {
        let intervals: Vec<Interval> = found.iter().map(of).collect();
        let hits = intervals
            .iter()
            .filter(|i| i.low <= truth && truth <= i.high)
            .count();
        let share = hits as f64 / count as f64;
        let mean = intervals.iter().map(|i| i.estimate).sum::<f64>() / count as f64;
        let width = intervals.iter().map(|i| i.high - i.low).sum::<f64>() / count as f64;
        println!(
            "{name}: covers in {share:.4} of {count} worlds, mean {mean:.4}, mean width {width:.4}"
        );
        assert!(1.0 - share <= bound(0.05, count), "{name}: {share}");
        assert!((mean - truth).abs() < 0.05 * truth, "{name}: {mean}");
    }
}

#[test]
fn a_policy_that_was_never_tried_is_refused_and_not_estimated() {
    for experiment in 0..20 {
        let mut choices = log(experiment);
        // Three quarters of what it does lies elsewhere.
        choices.iter_mut().for_each(|choice| choice.target *= 0.25);
        let error = estimate(&choices).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}
