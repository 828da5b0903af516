//! Solving rows, one half of the factors being given.

use crossfade_matrix::{Csr, Dense};
use crossfade_mf::{
    Confidence, Config, ConjugateGradients, Exact, HalfSweep, Rotated, RowSolver, Subspace,
    reference,
};
use proptest::prelude::*;

use crate::worlds::*;

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
    fn enough_steps_reach_the_exact_minimum(shape in shapes(), alpha in 0.0..20.0_f64) {
        let (rows, columns, dim, density, seed) = shape;
        let config = Config { confidence: Confidence { alpha, ..plain() }, ..config(dim) };
        let plays = plays(rows, columns, density, seed);
        let confidences = weigh(&plays, &config);
        let (fixed, prior) = (dense(columns, dim, seed + 1), dense(rows, dim, seed + 2));
        for prior in [None, Some(&prior)] {
            let sides = (&fixed, prior);
            let (rotated, solved, minimum) = half_sweep(&confidences, sides, &config, &Exact::new(dim));
            // As many steps as a row has distinct eigenvalues, and as many again for rounding.
            let steps = ConjugateGradients { steps: 2 * (columns + 1) };
            let (_, _, by_steps) = half_sweep(&confidences, sides, &config, &steps);
            let whole = Subspace { block: dim };
            let (_, _, by_block) = half_sweep(&confidences, sides, &config, &whole);
            // Objectives are sums of n + d rounded terms, none above what the random first guess or the prior starts
            // with; steps end within 1e-10 of the minimum, and where a row is solved at once, what its residual is worth.
            let start: f64 = objective_of_first_guess(&confidences, sides, &config);
            let rotated = doubles(&rotated);
            let excess: f64 = (doubles(&solved).iter().enumerate())
                .map(|(row, x)| {
                    let entries = reference::entries(&plays, row, &config);
                    let (a, _) = reference::normal_equations(&entries, &rotated, &vec![0.0; dim], &config);
                    let pull = config.pull(entries.len(), columns);
                    let of_prior = prior.map_or(0.0, |prior| norm(&doubles(prior)[row]));
                    let residual = residual_bound(&entries, &rotated, x, (pull, trace(&a)))
                        + 4.0 * dim as f64 * ROUNDOFF * trace(&a) * of_prior;
                    // r' A^-1 r, and no eigenvalue of A is below the pull.
                    residual.powi(2) / pull
                })
                .sum();
            let slack = 8.0 * (columns + dim) as f64 * ROUNDOFF * start + excess;
            prop_assert!((by_steps - minimum).abs() <= slack + 1e-10 * minimum, "{by_steps} {minimum} {slack}");
            prop_assert!((by_block - minimum).abs() <= slack, "{by_block} {minimum} {slack}");
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
