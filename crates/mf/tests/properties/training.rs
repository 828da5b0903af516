//! Whole trainings, and folding in what they learned.

use std::ops::ControlFlow;

use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{
    Confidence, Config, Error, Factors, FoldIn, Solver, Training, fit, loss, reference,
};
use proptest::prelude::*;

use crate::worlds::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_loss_never_rises_and_is_the_reference_loss(shape in shapes(), exponent in 0.0..0.5_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let confidence = Confidence { popularity_exponent: exponent, ..plain() };
        let config = Config { seed, confidence, ..config(dim) };
        let plays = plays(rows, columns, density, seed);
        for config in every_solver(config) {
            let mut training = Training::new(&plays, &config).unwrap();
            let losses: Vec<f64> = (0..4).map(|_| training.epoch().unwrap().loss).collect();
            let factors = Factors {
                users: Dense::new(rows, dim, training.users().to_vec()),
                items: Dense::new(columns, dim, training.items().to_vec()),
            };
            // A row's part is its sum of confidences less what is explained, each to (n + d) roundings; the same holds
            // for the entries of the Gramians. Every term of the loss is below the sum of confidences, which is the loss
            // of all zeros.
            let slack = 4.0 * (columns + rows + dim) as f64 * ROUNDOFF * plays.nnz() as f64;
            for pair in losses.windows(2) {
                prop_assert!(pair[1] <= pair[0] + slack, "{losses:?}");
            }
            let (users, items) = (doubles(&factors.users), doubles(&factors.items));
            let reference = reference::loss(&plays, &users, &items, &config);
            let fast = loss(&plays, &factors, &config);
            prop_assert!((fast - reference).abs() <= slack, "{fast} is not {reference}");
            let reported = losses[losses.len() - 1];
            prop_assert!((reported - reference).abs() <= slack, "{reported} is not {reference}");
        }
    }

    #[test]
    fn fold_in_equals_the_last_sweep(shape in shapes(), exponent in 0.0..0.5_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let confidence = Confidence { popularity_exponent: exponent, ..plain() };
        let config = Config { seed, confidence, ..config(dim) };
        let plays = plays(rows, columns, density, seed);
        let (factors, _) = train(&plays, &config);
        let items = doubles(&factors.items);
        let fold_in = FoldIn::new(factors.items.clone(), &plays.column_counts(), &config).unwrap();
        for (row, x) in doubles(&factors.users).iter().enumerate() {
            let history: Vec<(u32, f32)> = plays.row(row).iter().collect();
            let folded: Vec<f64> =
                fold_in.fold_in(&history).unwrap().iter().map(|&v| f64::from(v)).collect();
            // Both satisfy the same equations within the bound, and no eigenvalue of A is below the pull.
            let entries = reference::entries(&plays, row, &config);
            let (a, _) = reference::normal_equations(&entries, &items, &vec![0.0; dim], &config);
            let pull = config.pull(entries.len(), columns);
            let bound = 2.0 / pull * residual_bound(&entries, &items, x, (pull, trace(&a)));
            let difference: Vec<f64> = folded.iter().zip(x).map(|(a, b)| a - b).collect();
            prop_assert!(norm(&difference) <= bound, "{} > {bound}", norm(&difference));
        }
    }

    #[test]
    fn contributions_of_plays_add_up_to_the_score(shape in shapes(), exponent in 0.0..0.5_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let confidence = Confidence { popularity_exponent: exponent, alpha: 0.5, ..plain() };
        let config = Config { seed, confidence, ..config(dim) };
        let plays = plays(rows, columns, density, seed);
        let items = dense(columns, dim, seed + 1);
        let fold_in = FoldIn::new(items.clone(), &plays.column_counts(), &config).unwrap();
        let (items, wanted) = (doubles(&items), Vec::from_iter(0..columns as u32));
        for row in 0..rows {
            let history: Vec<(u32, f32)> = plays.row(row).iter().collect();
            let x: Vec<f64> =
                fold_in.fold_in(&history).unwrap().iter().map(|&v| f64::from(v)).collect();
            let attribution = fold_in.attribution(&history).unwrap();
            prop_assert_eq!(attribution.played().len(), history.len());
            let entries = reference::entries(&plays, row, &config);
            let (a, _) = reference::normal_equations(&entries, &items, &vec![0.0; dim], &config);
            let pull = config.pull(entries.len(), columns);
            // The sum is off by A^-1 y times the residual of x, and no eigenvalue of A is below the pull.
            let residual = residual_bound(&entries, &items, &x, (pull, trace(&a)));
            for (item, parts) in items.iter().zip(attribution.of(&wanted)) {
                let bound = 2.0 * norm(item) / pull * residual;
                let difference = parts.iter().sum::<f64>() - reference::dot(&x, item);
                prop_assert!(difference.abs() <= bound, "{difference} > {bound}");
            }
        }
    }
}

#[test]
fn a_contribution_is_what_a_hand_computes() {
    let config = Config {
        alpha0: 0.5,
        regularization: 0.1,
        ..config(1)
    };
    let items = Dense::new(3, 1, vec![1.0, 2.0, -1.0]);
    let fold_in = FoldIn::new(items, &[1, 1, 0], &config).unwrap();
    let attribution = fold_in
        .attribution(&[(0, 1.0), (2, 0.0), (1, 3.0)])
        .unwrap();
    assert_eq!(attribution.played().collect::<Vec<_>>(), [0, 1]);
    // Nobody played item 2: A = 0.5 (1 + 4) + (1 + 4) + pull, and item 0 gets 1 * 1 / A of itself and 1 * 2 / A of item 1.
    let a = 2.5 + 5.0 + config.pull(2, 3);
    let parts = &attribution.of(&[0])[0];
    for (part, expected) in parts.iter().zip([1.0 / a, 2.0 / a]) {
        // alpha0 Y'Y is kept in single precision.
        assert!(
            (part - expected).abs() <= 4.0 * ROUNDOFF * expected,
            "{part}"
        );
    }
}

#[test]
fn the_loss_of_one_user_is_what_a_hand_computes() {
    let config = Config {
        alpha0: 0.5,
        regularization: 0.1,
        confidence: Confidence {
            alpha: 1.0,
            ..plain()
        },
        ..config(1)
    };
    // ln(1 + strength) = 1, so that the confidence is 2.
    let strength = std::f32::consts::E - 1.0;
    let plays = Csr::from_triplets(1, 2, vec![(0, 0, strength)]).unwrap();
    let factors = Factors {
        users: Dense::new(1, 1, vec![2.0]),
        items: Dense::new(2, 1, vec![0.25, -0.5]),
    };
    let data = 2.0 * (1.0 - 0.5_f64).powi(2);
    let unobserved = 0.5 * (0.5_f64.powi(2) + 1.0);
    let user = 0.1 * (1.0 + 0.5 * 2.0) * 4.0;
    let items = 0.1 * (1.0 + 0.5) * 0.0625 + 0.1 * 0.5 * 0.25;
    let expected = data + unobserved + user + items;
    // The strength is rounded to single precision.
    assert!((loss(&plays, &factors, &config) - expected).abs() < 1e-6);
    let (users, items) = (doubles(&factors.users), doubles(&factors.items));
    assert!((reference::loss(&plays, &users, &items, &config) - expected).abs() < 1e-6);
}

#[test]
fn one_two_and_eight_threads_give_the_same_bits() {
    // Several blocks in every loop over rows, rows on both sides of the crossover, and one heavy row.
    let mut triplets = Vec::new();
    let mut noise = noise(3);
    for user in 0..3000_u32 {
        triplets.push((user, 0, 1.0));
        for _ in 0..1 + user % 24 {
            triplets.push((user, ((noise() + 1.0) * 100.0) as u32, 1.0));
        }
    }
    let plays = Csr::from_triplets(3000, 201, triplets).unwrap();
    for config in every_solver(config(16)) {
        let bits = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let (factors, losses) = pool.build().unwrap().install(|| train(&plays, &config));
            let numbers = |matrix: &Dense| -> Vec<u32> {
                matrix.as_slice().iter().map(|v| v.to_bits()).collect()
            };
            let losses: Vec<u64> = losses.iter().map(|l| l.to_bits()).collect();
            (numbers(&factors.users), numbers(&factors.items), losses)
        };
        let one = bits(1);
        let solver = config.solver;
        assert!(one == bits(2), "{solver:?}: two threads differ from one");
        assert!(one == bits(8), "{solver:?}: eight threads differ from one");
    }
}

/// Trains in double precision, every row exactly, from the same first items.
fn train_reference(plays: &Csr, config: &Config, epochs: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let first = Training::new(plays, config).expect("a valid configuration");
    let first = Dense::new(plays.columns(), config.dim, first.items().to_vec());
    let by_item = plays.transpose();
    let solve = |plays: &Csr, fixed: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let solve_row = |row| {
            let entries = reference::entries(plays, row, config);
            let prior = vec![0.0; config.dim];
            let (a, b) = reference::normal_equations(&entries, fixed, &prior, config);
            reference::solve(a, b)
        };
        (0..plays.rows()).map(solve_row).collect()
    };
    let mut items = doubles(&first);
    let mut users = solve(plays, &items);
    for _ in 0..epochs {
        items = solve(&by_item, &users);
        users = solve(plays, &items);
    }
    (users, items)
}

#[test]
fn every_solver_returns_to_the_fixed_point_of_the_reference() {
    let (users, items, epochs) = (30, 20, 600);
    let plays = plays(users, items, 0.3, 6);
    let config = Config {
        epochs,
        confidence: Confidence {
            alpha: 1.0,
            ..plain()
        },
        alpha0: 0.5,
        regularization: 0.1,
        ..config(6)
    };
    let (x, y) = train_reference(&plays, &config, epochs);
    let (x_earlier, y_earlier) = train_reference(&plays, &config, epochs / 2);
    // Scores of the fixed point carry the roundings of single precision, magnified by the condition of the systems: the
    // trace over the pull, at most.
    let condition = (0..users).map(|row| {
        let entries = reference::entries(&plays, row, &config);
        let (a, _) = reference::normal_equations(&entries, &y, &[0.0; 6], &config);
        trace(&a) / config.pull(entries.len(), items)
    });
    let roundings = 4.0 * (items + users + config.dim) as f64 * ROUNDOFF;
    let bound = roundings * condition.fold(0.0, f64::max);
    assert!(bound < 1e-3, "{bound} proves nothing");
    // Nearby, since the objective has more than one stationary point.
    let mut noise = noise(8);
    let mut nearby = |rows: &[Vec<f64>]| -> Dense {
        let numbers = rows.iter().flatten().map(|&v| v as f32 + 0.01 * noise());
        Dense::new(rows.len(), 6, numbers.collect::<Vec<f32>>())
    };
    let start = Factors {
        users: nearby(&x),
        items: nearby(&y),
    };
    for config in every_solver(config) {
        let mut training = Training::resume(&plays, &config, (1, start.clone())).unwrap();
        while training.epochs() < 300 {
            training.epoch().unwrap();
        }
        let factors = training.finish().unwrap();
        let (users, items) = (doubles(&factors.users), doubles(&factors.items));
        for (u, user) in users.iter().enumerate() {
            for (i, item) in items.iter().enumerate() {
                let (expected, found) = (reference::dot(&x[u], &y[i]), reference::dot(user, item));
                // That the reference has arrived shows in what half of its epochs still move.
                let moving = reference::dot(&x_earlier[u], &y_earlier[i]) - expected;
                assert!(
                    moving.abs() < bound / 10.0,
                    "the reference still moves by {moving}"
                );
                let solver = config.solver;
                assert!(
                    (found - expected).abs() < bound,
                    "{solver:?}: {found} is not {expected}, to {bound}"
                );
            }
        }
    }
}

#[test]
fn degenerate_shapes_give_finite_factors() {
    let all = |users: u32, items: u32| -> Vec<(u32, u32, f32)> {
        let pairs = (0..users).flat_map(|user| (0..items).map(move |item| (user, item)));
        pairs.map(|(user, item)| (user, item, 1.0)).collect()
    };
    let cases = [
        ("one item", 5, 1, all(5, 1)),
        ("one user", 1, 5, all(1, 5)),
        ("one pair", 1, 1, all(1, 1)),
        ("more factors than users", 3, 40, all(3, 40)),
        ("everybody plays everything", 30, 30, all(30, 30)),
        ("nobody plays anything", 4, 4, Vec::new()),
        ("no users", 0, 3, Vec::new()),
        ("no items", 3, 0, Vec::new()),
    ];
    for (name, users, items, triplets) in cases {
        let plays = Csr::from_triplets(users, items, triplets).unwrap();
        for config in every_solver(config(8)) {
            let (factors, losses) = train(&plays, &config);
            let mut numbers = factors.users.as_slice().iter();
            assert!(numbers.all(|v| v.is_finite()), "{name}");
            let mut numbers = factors.items.as_slice().iter();
            assert!(numbers.all(|v| v.is_finite()), "{name}");
            assert!(losses.iter().all(|loss| loss.is_finite()), "{name}");
        }
    }
}

#[test]
fn rows_without_entries_are_exactly_zero() {
    let plays = Csr::from_triplets(3, 4, vec![(0, 1, 1.0), (2, 3, 2.0)]).unwrap();
    let (factors, _) = train(&plays, &config(6));
    assert_eq!(factors.users.row(1), [0.0; 6]);
    assert_eq!(factors.items.row(0), [0.0; 6]);
    assert_eq!(factors.items.row(2), [0.0; 6]);
    assert!(factors.items.row(3).iter().any(|&v| v != 0.0));
    let fold_in = FoldIn::new(factors.items, &plays.column_counts(), &config(6)).unwrap();
    assert_eq!(fold_in.fold_in(&[(1, 0.0), (3, -2.0)]).unwrap(), [0.0; 6]);
}

#[test]
fn factors_from_elsewhere_count_only_for_users_who_played_them() {
    let plays = plays(12, 9, 0.3, 5).filter(|_, item, _| item != 2);
    let (factors, _) = train(&plays, &config(6));
    let counts = plays.column_counts();
    let plain = FoldIn::new(factors.items.clone(), &counts, &config(6)).unwrap();
    // Item 2 had no entries, items 9 and 10 were added since.
    let others = dense(3, 6, 8);
    let mut items = factors.items.as_slice().to_vec();
    items[2 * 6..3 * 6].copy_from_slice(others.row(2));
    items.extend_from_slice(&others.as_slice()[..2 * 6]);
    let extended = FoldIn::new(Dense::new(11, 6, items), &counts, &config(6)).unwrap();
    let known = [(0, 1.0), (4, 2.0)];
    assert_eq!(
        extended.fold_in(&known).unwrap(),
        plain.fold_in(&known).unwrap()
    );
    for other in [2, 9, 10] {
        let history = [known[0], known[1], (other, 1.0)];
        let folded = extended.fold_in(&history).unwrap();
        assert_ne!(folded, plain.fold_in(&known).unwrap());
        // With it the score of what was played is nearer to 1 than without.
        let score = |user: &[f32]| {
            let item = extended.items().row(other as usize);
            user.iter().zip(item).map(|(x, y)| x * y).sum::<f32>()
        };
        let before = score(&plain.fold_in(&known).unwrap());
        assert!((1.0 - score(&folded)).abs() < (1.0 - before).abs());
    }
}

#[test]
fn items_are_solved_towards_their_prior() {
    let plays = plays(14, 9, 0.3, 6).filter(|_, item, _| item != 4);
    for solver in [Solver::Exact, Solver::ConjugateGradients] {
        let config = Config {
            solver,
            cg_steps: 40,
            ..config(6)
        };
        let mut training = Training::new(&plays, &config).unwrap();
        training.epoch().unwrap();
        let users = doubles(&Dense::new(14, 6, training.users().to_vec()));
        let prior = dense(9, 6, 12);
        let mut wanted = Vec::new();
        for item in 0..9 {
            let entries = reference::entries(&plays.transpose(), item, &config);
            let towards: Vec<f64> = prior.row(item).iter().map(|&x| f64::from(x)).collect();
            let (a, b) = reference::normal_equations(&entries, &users, &towards, &config);
            wanted.push((a, b));
        }
        training.epoch_towards(Some(&prior)).unwrap();
        // Items come out in another basis; scores do not mind: they are those of the solved items with the users before.
        let solved: Vec<Vec<f64>> = wanted
            .iter()
            .map(|(a, b)| reference::solve(a.clone(), b.clone()))
            .collect();
        let gram = |items: &[Vec<f64>], one: usize, other: usize| {
            reference::dot(&items[one], &items[other])
        };
        let items = doubles(&Dense::new(9, 6, training.items().to_vec()));
        for one in 0..9 {
            for other in 0..9 {
                let (found, expected) = (gram(&items, one, other), gram(&solved, one, other));
                assert!(
                    (found - expected).abs() < 1e-3 * (1.0 + expected.abs()),
                    "{found} is not {expected}"
                );
            }
        }
        assert!(
            gram(&items, 4, 4) > 0.0,
            "an item without entries follows its prior"
        );
    }
}

#[test]
fn on_a_checkerboard_the_withheld_item_comes_first() {
    // Even users play even items and odd users odd ones, all but the item of their own number.
    let size = 24_u32;
    let mut triplets = Vec::new();
    for user in 0..size {
        let alike = (user % 2..size).step_by(2).filter(|&item| item != user);
        triplets.extend(alike.map(|item| (user, item, 1.0)));
    }
    let plays = Csr::from_triplets(size as usize, size as usize, triplets).unwrap();
    let (factors, _) = train(&plays, &config(4));
    let (users, items) = (doubles(&factors.users), doubles(&factors.items));
    for (user, x) in users.iter().enumerate() {
        let heard = plays.row(user).indices;
        let unheard = (0..size as usize).filter(|&item| !heard.contains(&(item as u32)));
        let best = unheard.max_by(|&a, &b| {
            let score = |item: usize| reference::dot(x, &items[item]);
            score(a).total_cmp(&score(b))
        });
        assert_eq!(best, Some(user));
    }
}

#[test]
fn the_observer_can_stop_training() {
    let plays = plays(10, 10, 0.5, 4);
    let mut epochs = 0;
    let stopped = fit(&plays, &config(4), |epoch| {
        epochs = epoch.epoch;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(epochs, 1);
    let one = Config {
        epochs: 1,
        ..config(4)
    };
    let (one, _) = train(&plays, &one);
    assert_eq!(stopped.users.as_slice(), one.users.as_slice());
}

#[test]
fn a_resumed_training_has_the_bits_of_one_that_never_stopped() {
    let plays = plays(40, 30, 0.2, 4);
    let config = config(8);
    let (whole, _) = train(&plays, &config);
    let mut first = Training::new(&plays, &config).unwrap();
    first.epoch().unwrap();
    let saved = Factors {
        users: Dense::new(40, 8, first.users().to_vec()),
        items: Dense::new(30, 8, first.items().to_vec()),
    };
    let mut second = Training::resume(&plays, &config, (first.epochs(), saved)).unwrap();
    while second.epochs() < config.epochs {
        second.epoch().unwrap();
    }
    let resumed = second.finish().unwrap();
    assert_eq!(resumed.users.as_slice(), whole.users.as_slice());
    assert_eq!(resumed.items.as_slice(), whole.items.as_slice());
}

#[test]
fn a_strength_that_is_not_positive_is_refused_with_its_place() {
    let plays = Csr::from_triplets(2, 3, vec![(0, 1, 1.0), (1, 2, 0.0)]).unwrap();
    let error = fit(&plays, &config(2), |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(
        error,
        Error::NotPositive {
            user: 1,
            item: 2,
            ..
        }
    ));
}

#[test]
fn factors_that_are_not_finite_are_refused() {
    let items = Dense::new(1, 2, vec![f32::INFINITY, 0.0]);
    assert!(matches!(
        FoldIn::new(items, &[1], &config(2)),
        Err(Error::Gramian)
    ));
}
