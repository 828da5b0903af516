//! What the crate promises, against the double-precision reference.

use std::ops::ControlFlow;

use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{
    Confidence, Config, ConjugateGradients, Error, Exact, Factors, FoldIn, HalfSweep, Rotated,
    RowSolver, Solver, Subspace, Training, fit, loss, reference,
};
use proptest::prelude::*;

/// The unit roundoff of single precision.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

fn config(dim: usize) -> Config {
    Config {
        dim,
        epochs: 4,
        alpha0: 0.1,
        regularization: 0.02,
        confidence: plain(),
        ..Config::default()
    }
}

/// Every entry weighs 1: what can be computed for a part of the matrix alone.
fn plain() -> Confidence {
    Confidence {
        popularity_exponent: 0.0,
        ..Confidence::default()
    }
}

/// One configuration for each way to solve.
fn every_solver(config: Config) -> impl Iterator<Item = Config> {
    let solvers = [Solver::Exact, Solver::ConjugateGradients, Solver::Subspace];
    solvers.into_iter().map(move |solver| Config {
        solver,
        subspace_block: 5,
        ..config.clone()
    })
}

/// Pseudo-random numbers in [-1, 1), enough for test data.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x5851_f42d_4c95_7f2d);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

fn dense(rows: usize, columns: usize, seed: u64) -> Dense {
    let mut noise = noise(seed);
    Dense::new(
        rows,
        columns,
        (0..rows * columns).map(|_| noise()).collect::<Vec<_>>(),
    )
}

/// About a fraction `density` of all pairs, with strengths up to 10.
fn plays(users: usize, items: usize, density: f32, seed: u64) -> Csr {
    let mut noise = noise(seed);
    let mut triplets = Vec::new();
    for user in 0..users as u32 {
        for item in 0..items as u32 {
            if (noise() + 1.0) / 2.0 < density {
                triplets.push((user, item, 5.01 + 5.0 * noise()));
            }
        }
    }
    Csr::from_triplets(users, items, triplets).expect("entries inside the shape")
}

fn doubles(matrix: &Dense) -> Vec<Vec<f64>> {
    let rows = (0..matrix.rows()).map(|row| matrix.row(row));
    rows.map(|row| row.iter().map(|&v| f64::from(v)).collect())
        .collect()
}

fn train(plays: &Csr, config: &Config) -> (Factors, Vec<f64>) {
    let mut losses = Vec::new();
    let factors = fit(plays, config, |epoch| {
        losses.push(epoch.loss);
        ControlFlow::Continue(())
    })
    .expect("training succeeds");
    (factors, losses)
}

/// One half-sweep from random rows. Returns the fixed side as it was rotated, the rows, and the sum of their parts of the
/// objective.
fn half_sweep<R: RowSolver>(
    confidences: &Csr,
    (fixed, prior): (&Dense, Option<&Dense>),
    config: &Config,
    solver: &R,
) -> (Dense, Dense, f64) {
    let (count, dim) = (confidences.rows(), config.dim);
    let mut fixed = fixed.clone().into_vec();
    let mut rows = dense(count, dim, 99).into_vec();
    let half = HalfSweep {
        confidences,
        fixed: &mut fixed,
        prior,
        config,
    };
    let rotated = Rotated::new(half).expect("finite factors");
    let objective = rotated.solve(solver, &mut rows).expect("definite systems");
    let fixed = Dense::new(confidences.columns(), dim, fixed);
    (fixed, Dense::new(count, dim, rows), objective)
}

/// The dual way, the primal way, and some of each.
fn exact_ways() -> [Exact; 3] {
    [0, 9, usize::MAX].map(|crossover| Exact { crossover })
}

/// The objective of the rows that [`half_sweep`] starts from, with every term taken as positive.
fn objective_of_first_guess(
    confidences: &Csr,
    (fixed, prior): (&Dense, Option<&Dense>),
    config: &Config,
) -> f64 {
    let rows = doubles(&dense(confidences.rows(), config.dim, 99));
    let fixed = doubles(fixed);
    let mut sum = 0.0;
    for (row, x) in rows.iter().enumerate() {
        let entries = confidences.row(row);
        let pull = config.pull(entries.len(), fixed.len());
        sum += pull * reference::dot(x, x);
        if let Some(prior) = prior {
            sum += pull
                * prior
                    .row(row)
                    .iter()
                    .map(|&p| f64::from(p).powi(2))
                    .sum::<f64>();
        }
        for y in &fixed {
            sum += config.alpha0 * reference::dot(x, y).powi(2);
        }
        for (column, c) in entries.iter() {
            let score = reference::dot(x, &fixed[column as usize]);
            sum += f64::from(c) * (1.0 + score.powi(2));
        }
    }
    sum
}

fn norm(vector: &[f64]) -> f64 {
    reference::dot(vector, vector).sqrt()
}

/// How far `x` may be from satisfying `A x = b`, for the entries (row of `fixed`, confidence).
///
/// To first order in the roundoff u, with n entries, d numbers in a factor, and every norm bounded by a trace:
/// - sums of n or d products, the rotation and the Cholesky factorisation of A each perturb A by no more than
///   (n + d) u trace(A), and b by no more than (n + d) u |Z'c|;
/// - the dual way solves (M + E) w = 1 with |E| <= (n + d) u trace(M), where M = C^-1 + Z D^-1 Z' and w = C (1 - Z x);
///   that shows in the residual of x as Z'C E w;
/// - it then sums Z'w with an error of n u |Z| |w|, which A D^-1 (of norm at most trace(A) / pull) carries over.
///
/// Four such roundings of each kind happen at most.
fn residual_bound(
    entries: &[(usize, f64)],
    fixed: &[Vec<f64>],
    x: &[f64],
    (pull, trace): (f64, f64),
) -> f64 {
    let mut largest = 0.0_f64;
    let (mut z, mut zc, mut w, mut dual_trace) = (0.0, 0.0, 0.0, 0.0);
    for &(row, c) in entries {
        let square = reference::dot(&fixed[row], &fixed[row]);
        z += square;
        zc += c * c * square;
        w += (c * (1.0 - reference::dot(&fixed[row], x))).powi(2);
        dual_trace += 1.0 / c + square / pull;
        largest = largest.max(c);
    }
    let (z, zc, w) = (f64::sqrt(z), f64::sqrt(zc), f64::sqrt(w));
    let primal = trace * norm(x) + zc * (entries.len() as f64).sqrt();
    let dual = zc * dual_trace * w + trace / pull * z * w;
    4.0 * (entries.len() + x.len()) as f64 * ROUNDOFF * (primal + dual)
}

fn trace(a: &[Vec<f64>]) -> f64 {
    (0..a.len()).map(|i| a[i][i]).sum()
}

/// Numbers of rows, of columns and in a factor, density, and seed.
fn shapes() -> impl Strategy<Value = (usize, usize, usize, f32, u64)> {
    (
        1..8_usize,
        1..30_usize,
        1..40_usize,
        0.0..1.0_f32,
        0..1000_u64,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_systems_satisfy_the_normal_equations(shape in shapes(), alpha in 0.0..20.0_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let config = Config { confidence: Confidence { alpha, ..plain() }, ..config(dim) };
        let plays = plays(rows, columns, density, seed);
        let confidences = weigh(&plays, &config);
        let fixed = dense(columns, dim, seed + 1);
        for solver in exact_ways() {
            let (fixed, solved, _) = half_sweep(&confidences, (&fixed, None), &config, &solver);
            let fixed = doubles(&fixed);
            for (row, x) in doubles(&solved).iter().enumerate() {
                let entries = reference::entries(&plays, row, &config);
                let (a, b) = reference::normal_equations(&entries, &fixed, &vec![0.0; dim], &config);
                let residual: Vec<f64> =
                    a.iter().zip(&b).map(|(a, b)| reference::dot(a, x) - b).collect();
                let pull = config.pull(entries.len(), columns);
                let bound = residual_bound(&entries, &fixed, x, (pull, trace(&a)));
                prop_assert!(norm(&residual) <= bound, "{} > {bound}", norm(&residual));
            }
        }
    }

    #[test]
    fn a_row_is_pulled_towards_its_prior(shape in shapes()) {
        let (rows, columns, dim, density, seed) = shape;
        let config = config(dim);
        let plays = plays(rows, columns, density, seed);
        let confidences = weigh(&plays, &config);
        let (fixed, prior) = (dense(columns, dim, seed + 1), dense(rows, dim, seed + 2));
        for solver in exact_ways() {
            let (rotated, solved, _) =
                half_sweep(&confidences, (&fixed, Some(&prior)), &config, &solver);
            let (before, after) = (doubles(&fixed), doubles(&rotated));
            let priors = doubles(&prior);
            for (row, x) in doubles(&solved).iter().enumerate() {
                let entries = reference::entries(&plays, row, &config);
                let (a, b) =
                    reference::normal_equations(&entries, &before, &priors[row], &config);
                let trace = trace(&a);
                let expected = reference::solve(a, b);
                // The rows lie in another basis than the reference's, so it is the scores that must agree: they are
                // off by no more than |y| |A^-1| times the residual, and no eigenvalue of A is below the pull. The
                // pull's own part of the right-hand side adds to the residual.
                let pull = config.pull(entries.len(), columns);
                let prior = 4.0 * dim as f64 * ROUNDOFF * trace * norm(&priors[row]);
                let residual = residual_bound(&entries, &after, x, (pull, trace)) + prior;
                for (before, after) in before.iter().zip(&after) {
                    let difference = reference::dot(before, &expected) - reference::dot(after, x);
                    let bound = norm(before) * residual / pull;
                    prop_assert!(difference.abs() <= bound, "{difference} > {bound}");
                }
            }
        }
    }

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
    fn enough_steps_reach_the_exact_minimum(shape in shapes(), alpha in 0.0..20.0_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let config = Config { confidence: Confidence { alpha, ..plain() }, ..config(dim) };
        let confidences = weigh(&plays(rows, columns, density, seed), &config);
        let (fixed, prior) = (dense(columns, dim, seed + 1), dense(rows, dim, seed + 2));
        for prior in [None, Some(&prior)] {
            let sides = (&fixed, prior);
            let (_, _, minimum) = half_sweep(&confidences, sides, &config, &Exact::new(dim));
            // As many steps as a row has distinct eigenvalues, and as many again for rounding.
            let steps = ConjugateGradients { steps: 2 * (columns + 1) };
            let (_, _, by_steps) = half_sweep(&confidences, sides, &config, &steps);
            let whole = Subspace { block: dim };
            let (_, _, by_block) = half_sweep(&confidences, sides, &config, &whole);
            // Objectives are sums of n + d rounded terms, none above what the random first guess or the prior starts
            // with; steps end within 1e-10 of the minimum.
            let start: f64 = objective_of_first_guess(&confidences, sides, &config);
            let slack = 8.0 * (columns + dim) as f64 * ROUNDOFF * start;
            prop_assert!((by_steps - minimum).abs() <= slack + 1e-10 * minimum, "{by_steps} {minimum} {slack}");
            prop_assert!((by_block - minimum).abs() <= slack, "{by_block} {minimum} {slack}");
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
}

/// The confidences of `plays`.
fn weigh(plays: &Csr, config: &Config) -> Csr {
    let strengths = plays.values().iter();
    let values: Vec<f32> = strengths.map(|&s| config.confidence.of(s)).collect();
    let (offsets, indices) = (plays.offsets().to_vec(), plays.indices().to_vec());
    Csr::new(plays.columns(), offsets, indices, values).expect("the same shape")
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
fn permuting_users_permutes_their_factors() {
    let (users, items, dim) = (50, 30, 12);
    let config = config(dim);
    let plays = plays(users, items, 0.3, 1);
    let order: Vec<usize> = (0..users).map(|user| user * 7 % users).collect();
    let mut triplets = Vec::new();
    for (row, &user) in order.iter().enumerate() {
        let entries = plays.row(user).iter();
        triplets.extend(entries.map(|(item, strength)| (row as u32, item, strength)));
    }
    let permuted = Csr::from_triplets(users, items, triplets).unwrap();
    let fixed = dense(items, dim, 2);
    for solver in exact_ways() {
        let (_, rows, _) = half_sweep(&plays, (&fixed, None), &config, &solver);
        let (_, permuted, _) = half_sweep(&permuted, (&fixed, None), &config, &solver);
        for (row, &user) in order.iter().enumerate() {
            assert_eq!(permuted.row(row), rows.row(user), "user {user}");
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
