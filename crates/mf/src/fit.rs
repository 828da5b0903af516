use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crossfade_matrix::{Csr, Dense};

use crate::{Config, Error, ExactRows, HalfSweep, Solver, init::normal_vectors, loss::pull, sweep};

/// What was learned: a score is the inner product of a user's and an item's row.
#[derive(Debug, Clone)]
pub struct Factors {
    /// One row for each user.
    pub users: Dense,
    /// One row for each item.
    pub items: Dense,
}

/// The state of training after an epoch.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Epoch {
    /// How many epochs are done, from 1.
    pub epoch: usize,
    /// The objective (see [`Config`]) at the present factors.
    pub loss: f64,
    /// How long solving the items took.
    pub item_time: Duration,
    /// How long solving the users took.
    pub user_time: Duration,
}

/// Learns factors from `plays`: a row for each user, a column for each item, and a positive strength for each pair
/// with listening.
///
/// Users are first solved against random items; then every epoch solves the items and then the users. So user factors
/// always belong to the final items, as those of [`FoldIn`](crate::FoldIn) do. A user or an item without entries gets the
/// zero vector.
///
/// `observer` is told of every epoch and may stop training. Work runs in rayon's current pool; the same seed gives
/// the same bits on any number of threads.
///
/// # Errors
///
/// If the configuration is not valid, a strength is not positive, or a system of equations cannot be solved in single
/// precision.
pub fn fit(
    plays: &Csr,
    config: &Config,
    mut observer: impl FnMut(&Epoch) -> ControlFlow<()>,
) -> Result<Factors, Error> {
    config.validate()?;
    let mut training = Training::new(plays, config)?;
    training.solve_users()?;
    for epoch in 1..=config.epochs {
        let start = Instant::now();
        training.solve_items()?;
        let item_time = start.elapsed();
        let start = Instant::now();
        let loss = training.solve_users()? + training.item_pull();
        let user_time = start.elapsed();
        let report = Epoch {
            epoch,
            loss,
            item_time,
            user_time,
        };
        if observer(&report).is_break() {
            break;
        }
    }
    Ok(training.into_factors())
}

/// Both sides as they are being solved in turn.
struct Training<'a> {
    config: &'a Config,
    /// Confidences of (user, item).
    by_user: Csr,
    /// Confidences of (item, user).
    by_item: Csr,
    users: Vec<f32>,
    items: Vec<f32>,
}

impl<'a> Training<'a> {
    fn new(plays: &Csr, config: &'a Config) -> Result<Self, Error> {
        let by_user = confidences(plays, config)?;
        let by_item = by_user.transpose();
        let stddev = config.first_stddev();
        Ok(Self {
            config,
            users: vec![0.0; plays.rows() * config.dim],
            items: normal_vectors(plays.columns(), config.dim, stddev, config.seed),
            by_user,
            by_item,
        })
    }

    /// Solves the users. Returns the objective but for the pull of the items.
    fn solve_users(&mut self) -> Result<f64, Error> {
        let half = HalfSweep {
            confidences: &self.by_user,
            fixed: &mut self.items,
            prior: None,
            config: self.config,
        };
        solve(half, &mut self.users)
    }

    /// Solves the items. Returns the objective but for the pull of the users.
    fn solve_items(&mut self) -> Result<f64, Error> {
        let half = HalfSweep {
            confidences: &self.by_item,
            fixed: &mut self.users,
            prior: None,
            config: self.config,
        };
        solve(half, &mut self.items)
    }

    /// The pull of the items towards zero: their part of the objective that no user's row holds.
    fn item_pull(&self) -> f64 {
        let users = self.by_item.columns();
        pull(self.config, &self.items, users, |item| {
            self.by_item.row(item).len()
        })
    }

    fn into_factors(self) -> Factors {
        let dim = self.config.dim;
        Factors {
            users: Dense::new(self.by_user.rows(), dim, self.users),
            items: Dense::new(self.by_item.rows(), dim, self.items),
        }
    }
}

fn solve(half: HalfSweep<'_>, rows: &mut [f32]) -> Result<f64, Error> {
    let HalfSweep {
        confidences,
        config,
        ..
    } = half;
    match config.solver {
        Solver::Exact => sweep(&ExactRows::new(half)?, confidences, rows, config.dim),
    }
}

/// The matrix of confidences in place of strengths.
fn confidences(plays: &Csr, config: &Config) -> Result<Csr, Error> {
    for user in 0..plays.rows() {
        for (item, strength) in plays.row(user).iter() {
            if strength <= 0.0 {
                let item = item as usize;
                return Err(Error::NotPositive {
                    user,
                    item,
                    strength,
                });
            }
        }
    }
    let strengths = plays.values().iter();
    let values: Vec<f32> = strengths
        .map(|&strength| config.confidence.of(strength))
        .collect();
    let (offsets, indices) = (plays.offsets().to_vec(), plays.indices().to_vec());
    Ok(Csr::new(plays.columns(), offsets, indices, values)
        .expect("the same entries with finite values"))
}
