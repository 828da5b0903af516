use crate::{Arm, Candidate, Choice, Error, OffPolicy, Trial, estimate};

/// A trial, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// Whose; trials of one user are not taken for independent.
    pub user: u64,
    /// What was tried.
    pub trial: Trial,
    /// Whether the track that was drawn was played.
    pub is_played: bool,
}

/// What a ranking would earn at the place where lists explore, in plays of that place per list: if of each list's candidates it
/// were to put its own best there, everything else being as it was.
///
/// The model of the doubly robust estimate is a least-squares fit of plays to what rankings make of candidates. It is fitted to
/// the users of even numbers for those of odd ones and the other way round (Chernozhukov et al. 2018), so that it has not seen
/// what it corrects.
///
/// # Errors
///
/// As [`estimate`]; [`Error::Unsupported`] also where the ranking lists none of a list's candidates.
pub fn replay(tried: &[Tried], target: &Arm) -> Result<OffPolicy, Error> {
    let models = [0, 1].map(|fold| Model::fit(tried.iter().filter(|one| one.user % 2 != fold)));
    let choices = tried.iter().map(|one| {
        let candidates = &one.trial.candidates;
        let model = &models[(one.user % 2) as usize];
        let chosen = one.trial.choice(target);
        let expected = |place: usize| {
            candidates
                .get(place)
                .map_or(0.0, |of| model.expects(&features(of)))
        };
        Choice {
            user: one.user,
            logged: candidates
                .get(one.trial.drawn)
                .map_or(0.0, |drawn| drawn.probability),
            target: f64::from(u8::from(chosen == Some(one.trial.drawn))),
            reward: f64::from(u8::from(one.is_played)),
            covered: f64::from(u8::from(chosen.is_some())),
            expected: expected(one.trial.drawn),
            expected_of_target: chosen.map_or(0.0, expected),
        }
    });
    estimate(&choices.collect::<Vec<_>>())
}

const FEATURES: usize = 4;
type Features = [f64; FEATURES];

/// What is known of a candidate beforehand: one, its scores at both ends of the content weight, and its popularity.
fn features(candidate: &Candidate) -> Features {
    [
        1.0,
        candidate.collaborative,
        candidate.content,
        candidate.popularity,
    ]
}

/// Coefficients of the chance to be played.
#[derive(Debug, Clone, Copy, Default)]
struct Model(Features);

/// What holds coefficients at zero where little is known, in observations.
const RIDGE: f64 = 1.0;

impl Model {
    fn fit<'a>(tried: impl Iterator<Item = &'a Tried>) -> Self {
        let mut system = [[0.0; FEATURES + 1]; FEATURES];
        for (place, row) in system.iter_mut().enumerate() {
            row[place] = RIDGE;
        }
        for one in tried {
            let Some(drawn) = one.trial.candidates.get(one.trial.drawn) else {
                continue;
            };
            let x = features(drawn);
            for (row, at) in system.iter_mut().zip(x) {
                for (cell, other) in row.iter_mut().zip(x) {
                    *cell += at * other;
                }
                row[FEATURES] += at * f64::from(u8::from(one.is_played));
            }
        }
        Self(solve(system))
    }

    fn expects(&self, features: &Features) -> f64 {
        let terms = self.0.iter().zip(features);
        terms
            .map(|(coefficient, feature)| coefficient * feature)
            .sum()
    }
}

/// Solves a positive definite system by elimination; its last column is the right-hand side.
fn solve(mut system: [[f64; FEATURES + 1]; FEATURES]) -> Features {
    for pivot in 0..FEATURES {
        let (upper, lower) = system.split_at_mut(pivot + 1);
        let row = &upper[pivot];
        for below in lower {
            let factor = below[pivot] / row[pivot];
            for (cell, above) in below.iter_mut().zip(row) {
                *cell -= factor * above;
            }
        }
    }
    let mut solution = [0.0; FEATURES];
    for row in (0..FEATURES).rev() {
        let known: f64 = (row + 1..FEATURES)
            .map(|column| system[row][column] * solution[column])
            .sum();
        solution[row] = (system[row][FEATURES] - known) / system[row][row];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArmRanking, Exploration, chance};

    const EXPLORATION: Exploration = Exploration {
        place: 5,
        candidates: 6,
        share: 0.5,
    };

    fn arm(ranking: ArmRanking, content_weight: Option<f64>) -> Arm {
        Arm {
            name: "target".into(),
            ranking,
            content_weight,
            share: 0.0,
        }
    }

    /// Lists of a world in which the chance of a play grows with the content score alone, drawn from rankings by the other one.
    fn world(users: u64) -> Vec<Tried> {
        let number = |kind: &str, user: u64, place: usize| {
            chance(kind, &user.to_string(), &place.to_string())
        };
        let lists = (0..users).map(|user| {
            let mut candidates: Vec<Candidate> = (0..EXPLORATION.candidates)
                .map(|place| Candidate {
                    track_id: place.to_string(),
                    probability: EXPLORATION.probability(place, EXPLORATION.candidates),
                    collaborative: number("collaborative", user, place),
                    content: number("content", user, place),
                    popularity: number("popularity", user, place),
                    is_warm: true,
                    is_described: true,
                })
                .collect();
            candidates.sort_by(|a, b| b.collaborative.total_cmp(&a.collaborative));
            let probability = |place| EXPLORATION.probability(place, EXPLORATION.candidates);
            for (place, candidate) in candidates.iter_mut().enumerate() {
                candidate.probability = probability(place);
            }
            let drawn = EXPLORATION.draw(candidates.len(), number("draw", user, 0));
            let is_played = number("play", user, 0) < play_chance(&candidates[drawn]);
            let trial = Trial {
                place: 4,
                drawn,
                candidates,
            };
            Tried {
                user,
                trial,
                is_played,
            }
        });
        lists.collect()
    }

    fn play_chance(candidate: &Candidate) -> f64 {
        0.05 + 0.3 * candidate.content
    }

    #[test]
    fn what_rankings_earn_that_never_served_is_found() {
        let tried = world(20_000);
        let targets = [
            arm(ArmRanking::Collaborative, None),
            arm(ArmRanking::Blend, Some(0.5)),
            arm(ArmRanking::Content, None),
        ];
        let mut last = 0.0;
        for target in targets {
            let truths = tried.iter().map(|one| {
                let chosen = one.trial.choice(&target).unwrap();
                play_chance(&one.trial.candidates[chosen])
            });
            let truth = truths.sum::<f64>() / tried.len() as f64;
            let found = replay(&tried, &target).unwrap();
            for interval in [found.ips, found.snips, found.dr] {
                // Twice as wide as an interval of 95 %: 3.9 standard errors.
                let reach = interval.high - interval.low;
                assert!(
                    (interval.estimate - truth).abs() < reach,
                    "{truth}: {found:?}"
                );
            }
            let width = |interval: crate::Interval| interval.high - interval.low;
            assert!(width(found.dr) < width(found.ips), "{found:?}");
            assert!(found.dr.low > last, "{found:?}");
            last = found.dr.estimate;
        }
    }

    #[test]
    fn the_model_is_the_least_squares_fit() {
        let tried = world(4_000);
        let Model(found) = Model::fit(tried.iter());
        // The gradient of the penalised squares is zero.
        for place in 0..FEATURES {
            let slopes = tried.iter().map(|one| {
                let x = features(&one.trial.candidates[one.trial.drawn]);
                let error = Model(found).expects(&x) - f64::from(u8::from(one.is_played));
                error * x[place]
            });
            let slope = slopes.sum::<f64>() + RIDGE * found[place];
            assert!(slope.abs() < 1e-8, "{place}: {slope}");
        }
        assert!((found[2] - 0.3).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_ranking_that_lists_none_of_the_candidates_is_refused() {
        let mut tried = world(200);
        for candidate in &mut tried[7].trial.candidates {
            candidate.is_described = false;
        }
        let error = replay(&tried, &arm(ArmRanking::Content, None)).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}
