use crossfade_experiments::{
    Coins, Comparison, Estimate, Mismatch, Observation, Pick, Preference, Sequence, Team,
    interleave,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{
    bound, median, simulations,
    world::{Listener, normal},
};

const ALPHA: f64 = 0.05;
/// The control's noise, and that of a ranking that is better.
const CONTROL: f64 = 0.10;
const BETTER: f64 = 0.085;

/// Users of an A/A experiment are looked at one after the other, up to so many.
fn most_users() -> usize {
    if std::env::var("SIMULATIONS").is_ok() {
        20_000
    } else {
        4_000
    }
}

/// A user of an A/A experiment: plays with many zeros and a long tail, in proportion to lists, and past activity.
fn skewed(rng: &mut ChaCha8Rng) -> Observation {
    let rate = (1.2 * normal(rng) - 0.5).exp();
    let lists = 1.0 + (rate * 3.0 * rng.random::<f64>()).floor();
    let mut plays = 0.0;
    let mut left = rate.min(50.0) - rng.random::<f64>().ln().abs();
    while left > 0.0 {
        plays += 1.0;
        left += rng.random::<f64>().ln();
    }
    Observation {
        numerator: plays,
        denominator: lists,
        covariate: rate.ln_1p() + 0.3 * normal(rng),
    }
}

/// The least p-values of an A/A experiment by mean and by ratio, of arrivals, and whether a test for one look, taken at each of
/// them, would ever have given an alarm.
fn same_arms(experiment: usize) -> [bool; 4] {
    let mut rng = ChaCha8Rng::seed_from_u64(experiment as u64);
    let sequence = Sequence::new(ALPHA, 5_000);
    let (mut mean, mut ratio) = (Comparison::new(sequence), Comparison::new(sequence));
    let mut mismatch = Mismatch::new(&[0.5, 0.5]);
    let (mut naive, mut sums) = (false, [[0.0; 3]; 2]);
    for _ in 0..most_users() {
        let (treated, user) = (rng.random::<bool>(), skewed(&mut rng));
        let alone = Observation {
            denominator: 1.0,
            ..user
        };
        mean.add(treated, &alone);
        ratio.add(treated, &user);
        mismatch.arrive(usize::from(treated));
        let sum = &mut sums[usize::from(treated)];
        *sum = [
            sum[0] + 1.0,
            sum[1] + user.numerator,
            sum[2] + user.numerator.powi(2),
        ];
        naive |= sums.iter().all(|sum| sum[0] >= 100.0) && {
            let parts =
                sums.map(|[n, sum, squares]| (sum / n, (squares / n - (sum / n).powi(2)) / n));
            (parts[0].0 - parts[1].0).abs() > 1.96 * (parts[0].1 + parts[1].1).sqrt()
        };
    }
    [
        mean.p_value() <= ALPHA,
        ratio.p_value() <= ALPHA,
        mismatch.p_value() <= ALPHA,
        naive,
    ]
}

#[test]
fn equal_arms_seldom_give_an_alarm_however_often_one_looks() {
    let count = simulations(200);
    let alarms: Vec<[bool; 4]> = (0..count).into_par_iter().map(same_arms).collect();
    let share = |at: usize| alarms.iter().filter(|alarm| alarm[at]).count() as f64 / count as f64;
    println!(
        "false alarms of {count} experiments of {} users, a look after each: mean {:.4}, ratio {:.4}, arrivals {:.4}; with intervals for \
         one look {:.4}",
        most_users(),
        share(0),
        share(1),
        share(2),
        share(3)
    );
    for at in 0..3 {
        assert!(share(at) <= bound(ALPHA, count), "{at}: {}", share(at));
    }
    assert!(
        share(3) > 0.2,
        "looking often would do no harm anyway: {}",
        share(3)
    );
}

#[test]
fn interleaving_equal_rankings_seldom_prefers_one() {
    let count = simulations(100);
    let alarms = (0..count).into_par_iter().filter(|&experiment| {
        let mut preference = Preference::new(Sequence::new(ALPHA, 2_000));
        for user in 0..2_000 {
            preference.add(interleaved(experiment, user, [CONTROL, CONTROL]));
        }
        preference.p_value() <= ALPHA
    });
    let share = alarms.count() as f64 / count as f64;
    println!("false preferences of {count} experiments: {share:.4}");
    assert!(share <= bound(ALPHA, count), "{share}");
}

/// What a user plays of two rankings' picks.
fn interleaved(experiment: usize, user: usize, noise: [f64; 2]) -> [f64; 2] {
    let mut listener = Listener::new(experiment, user);
    let rankings = noise.map(|noise| listener.ranking(noise));
    let mut credits = [0.0; 2];
    for request in 0..listener.lists {
        let ids = [experiment, user, request].map(|id| id.to_string());
        let coins = Coins::new(&ids[0], &ids[1], &ids[2]);
        let list: Vec<Pick<u32>> = interleave(&rankings[0], &rankings[1], 10, coins);
        let tracks: Vec<u32> = list.iter().map(|pick| pick.track).collect();
        for place in listener.play(&tracks) {
            match list[place].team {
                Some(Team::First) => credits[0] += 1.0,
                Some(Team::Second) => credits[1] += 1.0,
                None => {}
            }
        }
    }
    credits
}

/// What a user plays who sees one ranking.
fn assigned(experiment: usize, user: usize, noise: f64) -> Observation {
    let mut listener = Listener::new(experiment, user);
    let ranking = listener.ranking(noise);
    let plays: usize = (0..listener.lists)
        .map(|_| listener.play(&ranking).len())
        .sum();
    Observation {
        numerator: plays as f64,
        denominator: listener.lists as f64,
        covariate: listener.past,
    }
}

/// Users until an A/B test tells, if it does within `most`; whether it tells the truth; and how large the effect is. By plays for
/// each user, or for each list.
fn users_to_tell_apart(
    experiment: usize,
    most: usize,
    by_list: bool,
) -> (usize, bool, Option<f64>) {
    let mut comparison = Comparison::new(Sequence::new(ALPHA, 20_000));
    for user in 0..most {
        let treated = user % 2 == 1;
        let noise = if treated { BETTER } else { CONTROL };
        let mut observation = assigned(experiment, user, noise);
        if !by_list {
            observation.denominator = 1.0;
        }
        comparison.add(treated, &observation);
        if comparison.p_value() <= ALPHA {
            let effect = comparison.effect(0.05).unwrap();
            let relative = effect.relative.map(|relative| relative.estimate);
            return (user + 1, effect.difference.estimate > 0.0, relative);
        }
    }
    (most, false, None)
}

/// The same for interleaving.
fn users_to_prefer(experiment: usize, most: usize) -> (usize, bool) {
    let mut preference = Preference::new(Sequence::new(ALPHA, 500));
    for user in 0..most {
        preference.add(interleaved(experiment, user, [CONTROL, BETTER]));
        if preference.p_value() <= ALPHA {
            let effect = preference.effect(0.05).unwrap();
            return (user + 1, effect.difference.estimate > 0.0);
        }
    }
    (most, false)
}

#[test]
fn the_better_ranking_is_found_and_by_interleaving_with_a_tenth_of_the_users() {
    let count = simulations(6).min(200);
    let apart = |by_list| -> Vec<(usize, bool, Option<f64>)> {
        let experiments = (0..count).into_par_iter();
        experiments
            .map(|n| users_to_tell_apart(n, 400_000, by_list))
            .collect()
    };
    let (by_user, by_list) = (apart(false), apart(true));
    let preferred: Vec<_> = (0..count)
        .into_par_iter()
        .map(|n| users_to_prefer(n, 40_000))
        .collect();
    let truths = [
        by_user.iter().filter(|found| found.1).count(),
        by_list.iter().filter(|found| found.1).count(),
        preferred.iter().filter(|found| found.1).count(),
    ];
    let users = [
        median(by_user.iter().map(|found| found.0).collect()),
        median(by_list.iter().map(|found| found.0).collect()),
        median(preferred.iter().map(|found| found.0).collect()),
    ];
    let effects: Vec<f64> = by_user.iter().filter_map(|found| found.2).collect();
    println!(
        "{count} experiments, effect {:.3} when found; the better ranking was found in {truths:?}, median users {users:?}, by plays for each \
         user, for each list, and interleaving",
        effects.iter().sum::<f64>() / effects.len() as f64,
    );
    assert!(
        truths.iter().all(|&truths| truths * 20 >= count * 19),
        "{truths:?}"
    );
    assert!(
        users[0] >= 10 * users[2] && users[1] >= 10 * users[2],
        "{users:?}"
    );
}

#[test]
fn intervals_cover_the_effect_at_every_look() {
    let count = simulations(100);
    let truth = 0.4;
    let covered = (0..count).into_par_iter().filter(|&experiment| {
        let mut rng = ChaCha8Rng::seed_from_u64(experiment as u64 ^ 0xC0FE);
        let sequence = Sequence::new(ALPHA, 2_000);
        let mut comparison = Comparison::new(sequence);
        for _ in 0..4_000 {
            let (treated, mut user) = (rng.random::<bool>(), skewed(&mut rng));
            user.denominator = 1.0;
            user.numerator += if treated { truth } else { 0.0 };
            comparison.add(treated, &user);
        }
        let effect = comparison.effect(0.05).unwrap();
        let looks = effect.path.iter().map(|look| look.difference);
        looks
            .into_iter()
            .all(|interval| interval.low <= truth && truth <= interval.high)
    });
    let share = covered.count() as f64 / count as f64;
    println!("intervals of {count} experiments that cover at every look kept: {share:.4}");
    assert!(1.0 - share <= bound(ALPHA, count), "{share}");
}

#[test]
fn the_users_needed_find_the_effect_as_often_as_they_say() {
    let count = simulations(200);
    let sequence = Sequence::new(ALPHA, 2_000);
    let effect = 0.2;
    // Two arms of variance 1: one user's part of the difference has variance 4.
    let needed = sequence.users_needed(effect, 4.0).unwrap();
    let found = (0..count).filter(|&experiment| {
        let mut rng = ChaCha8Rng::seed_from_u64(experiment as u64);
        let estimate = Estimate {
            value: effect + normal(&mut rng) * (4.0 / needed as f64).sqrt(),
            variance: 4.0 / needed as f64,
            users: needed,
        };
        sequence.p_value(&estimate) <= ALPHA
    });
    let share = found.count() as f64 / count as f64;
    println!("power at the {needed} users needed, one look: {share:.4}");
    assert!(share >= 1.0 - bound(0.2, count), "{share}");
}
