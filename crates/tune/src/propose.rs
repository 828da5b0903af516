use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Space, process::Process};

/// How many places are compared by what they promise.
const CANDIDATES: usize = 2_000;
/// So many of the best trials have candidates around them, and so many each.
const CENTRES: usize = 3;
const AROUND: usize = 200;
/// How far around, in units of the cube, at most; each candidate draws its own reach.
const REACH: f64 = 0.15;
/// How far apart neighbouring levels are, in units of the cube.
const LEVEL: f64 = 0.25;

/// A trial that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// How dear it was, from 0.
    pub level: usize,
    /// Where.
    pub at: Vec<f64>,
    /// How good it was, 0 or more; the larger the better.
    pub score: f64,
}

/// Where to try next on `level`.
///
/// The first trial of a level goes where the best one of the level below was. On the lowest level the first trials are
/// spread over the whole space, two for each axis and two more; after that, the largest expected improvement decides.
///
/// `seed` shifts the spread and draws the candidates; pass another one for each trial of a search.
pub fn propose(space: &Space, tried: &[Tried], level: usize, seed: u64) -> Vec<f64> {
    let on_level = tried.iter().filter(|trial| trial.level == level).count();
    let below = best(tried.iter().filter(|trial| trial.level < level).collect());
    if on_level == 0
        && let Some(best) = below.first()
    {
        return best.at.clone();
    }
    if tried.len() < 2 * space.axes() + 2 {
        return spread(space.axes(), tried.len() + 1);
    }
    most_promising(space, tried, level, seed)
}

/// Trials of the highest level among them, best first, the earlier one among equals.
fn best(mut tried: Vec<&Tried>) -> Vec<&Tried> {
    tried.sort_by(|a, b| b.level.cmp(&a.level).then(b.score.total_cmp(&a.score)));
    tried
}

/// The `count`-th point of a sequence that fills the cube evenly (Halton 1960).
fn spread(axes: usize, count: usize) -> Vec<f64> {
    const PRIMES: [usize; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    (0..axes)
        .map(|axis| {
            let base = PRIMES[axis % PRIMES.len()];
            let (mut left, mut step, mut place) = (count, 1.0, 0.0);
            while left > 0 {
                step /= base as f64;
                place += step * (left % base) as f64;
                left /= base;
            }
            place
        })
        .collect()
}

fn most_promising(space: &Space, tried: &[Tried], level: usize, seed: u64) -> Vec<f64> {
    let located = |at: &[f64], level: usize| -> Vec<f64> {
        let height = LEVEL * level as f64;
        at.iter().copied().chain([height]).collect()
    };
    let points = tried.iter().map(|trial| located(&trial.at, trial.level));
    let losses: Vec<f64> = tried.iter().map(|trial| loss(trial, tried)).collect();
    let process = Process::fit(points.collect(), &losses);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut candidates: Vec<Vec<f64>> = (0..CANDIDATES)
        .map(|_| (0..space.axes()).map(|_| rng.random()).collect())
        .collect();
    let near = best(tried.iter().filter(|trial| trial.level <= level).collect());
    for centre in near.into_iter().take(CENTRES) {
        for _ in 0..AROUND {
            let reach: f64 = REACH * rng.random::<f64>();
            let mut step = || reach * (rng.random::<f64>() + rng.random::<f64>() - 1.0);
            let place = |at: &f64| (at + step()).clamp(0.0, 1.0);
            candidates.push(centre.at.iter().map(place).collect());
        }
    }
    // The best of every level has a loss of 0.
    let gain = |at: &Vec<f64>| expected_gain(process.predict(&located(at, level)));
    let gains: Vec<f64> = candidates.iter().map(gain).collect();
    let most = (0..gains.len()).max_by(|&a, &b| gains[a].total_cmp(&gains[b]).then(b.cmp(&a)));
    most.map_or_else(Vec::new, |most| candidates.swap_remove(most))
}

/// How much worse a trial is than the best of its level: nothing for that one, 1 for a twelfth, 3 for all.
///
/// The logarithm keeps what is of no use at all from hiding the differences among what is.
fn loss(trial: &Tried, tried: &[Tried]) -> f64 {
    let peers = tried.iter().filter(|peer| peer.level == trial.level);
    let best = peers.map(|peer| peer.score).fold(0.0, f64::max);
    match best > 0.0 {
        true => (20.0 * (best - trial.score) / best).ln_1p(),
        false => 0.0,
    }
}

/// How far below 0 a normal variable is on average, counting 0 where it is above (Jones, Schonlau and Welch 1998).
fn expected_gain((mean, deviation): (f64, f64)) -> f64 {
    let deviation = deviation.max(1e-9);
    let z = -mean / deviation;
    -mean * cumulative(z) + deviation * (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The share of a standard normal variable below `z`, within 1e-7 (Abramowitz and Stegun, 26.2.17).
fn cumulative(z: f64) -> f64 {
    const FACTORS: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let sum = FACTORS
        .iter()
        .rev()
        .fold(0.0, |sum, factor| t * (factor + sum));
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * sum;
    if z > 0.0 { 1.0 - tail } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Axis, Scale};

    fn square() -> Space {
        Space::new(vec![Axis::new(0.0, 1.0, Scale::Linear); 2])
    }

    /// A hill whose top lies at (0.3, 0.7), a little elsewhere on the next level.
    fn hill(at: &[f64], level: usize) -> f64 {
        let shift = 0.05 * level as f64;
        let distance = (at[0] - 0.3 - shift).powi(2) + 2.0 * (at[1] - 0.7).powi(2);
        (1.0 + 0.1 * level as f64) * (-4.0 * distance).exp()
    }

    fn search(trials: &[usize]) -> Vec<Tried> {
        let mut tried = Vec::new();
        for (level, &trials) in trials.iter().enumerate() {
            for _ in 0..trials {
                let at = propose(&square(), &tried, level, tried.len() as u64);
                let score = hill(&at, level);
                tried.push(Tried { level, at, score });
            }
        }
        tried
    }

    #[test]
    fn the_top_of_a_hill_is_found_in_few_trials() {
        let tried = search(&[20]);
        let best = tried.iter().map(|trial| trial.score).fold(0.0, f64::max);
        assert!(best > 0.99, "{best}");
    }

    #[test]
    fn what_is_learned_on_a_cheap_level_serves_the_next() {
        let tried = search(&[16, 6]);
        let best_of = |level| {
            let own = tried.iter().filter(|trial| trial.level == level);
            own.map(|trial| trial.score).fold(0.0, f64::max)
        };
        let first = tried.iter().find(|trial| trial.level == 1).unwrap();
        assert_eq!(hill(&first.at, 0), best_of(0));
        assert!(best_of(1) > 0.99 * 1.1, "{}", best_of(1));
        assert!(best_of(1) > first.score);
    }

    #[test]
    fn the_same_trials_and_seed_give_the_same_place() {
        assert_eq!(search(&[9, 3]), search(&[9, 3]));
    }

    #[test]
    fn nothing_but_failures_still_gives_places() {
        let mut tried = Vec::new();
        for seed in 0..10 {
            let at = propose(&square(), &tried, 0, seed);
            assert!(at.iter().all(|place| (0.0..=1.0).contains(place)));
            tried.push(Tried {
                level: 0,
                at,
                score: 0.0,
            });
        }
    }

    #[test]
    fn a_space_without_axes_has_its_one_place() {
        let space = Space::new(Vec::new());
        let mut tried = Vec::new();
        for seed in 0..4 {
            let at = propose(&space, &tried, 0, seed);
            assert!(at.is_empty());
            tried.push(Tried {
                level: 0,
                at,
                score: 1.0,
            });
        }
    }

    #[test]
    fn expected_gains_agree_with_the_normal_distribution() {
        // E max(0, -X) of a standard normal is 1 / sqrt(2 pi); far from 0 it is -mean or nothing.
        let standard = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
        assert!((expected_gain((0.0, 1.0)) - standard).abs() < 1e-6);
        assert!((expected_gain((-5.0, 0.1)) - 5.0).abs() < 1e-6);
        assert!(expected_gain((5.0, 0.1)) < 1e-6);
        assert!((cumulative(1.0) - 0.841_344_746).abs() < 1e-7);
    }
}
