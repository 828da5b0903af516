use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crossfade_matrix::{Buffer, Csr, Dense};

use crate::{
    Config, ConjugateGradients, Error, Exact, HalfSweep, Rotated, Solver, Subspace,
    aligned::Aligned, init::normal_vectors, item_weights::ItemWeights, loss::pull,
};

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
    /// How long solving the users took, twice in the first epoch.
    pub user_time: Duration,
}

/// Learns factors from `plays`: a row for each user, a column for each item, and a positive strength for each pair
/// with listening.
///
/// `observer` is told of every epoch and may stop training. Who wants to do more between epochs, such as measuring or
/// saving what was learned so far, runs a [`Training`] instead.
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
    let mut training = Training::new(plays, config)?;
    while training.epochs() < config.epochs {
        if observer(&training.epoch()?).is_break() {
            break;
        }
    }
    training.finish()
}

/// Factors on their way: both sides as they are being solved in turn.
///
/// Users are first solved against random items; then every epoch solves the items and then the users. A user or an item
/// without entries gets the zero vector.
///
/// Work runs in rayon's current pool; the same seed gives the same bits on any number of threads, and so does a training
/// that was [resumed](Self::resume).
#[derive(Debug)]
pub struct Training {
    config: Config,
    /// Confidences of (user, item).
    by_user: Csr,
    /// Confidences of (item, user).
    by_item: Csr,
    users: Aligned,
    items: Aligned,
    epochs: usize,
}

impl Training {
    /// A training of `plays` before its first epoch: user factors are zero, item factors random.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid or a strength is not positive.
    pub fn new(plays: &Csr, config: &Config) -> Result<Self, Error> {
        config.validate()?;
        let by_user = confidences(plays, config)?;
        let by_item = by_user.transpose();
        let stddev = config.first_stddev();
        Ok(Self {
            config: config.clone(),
            users: Aligned::zeros(plays.rows() * config.dim),
            items: normal_vectors(plays.columns(), config.dim, stddev, config.seed),
            by_user,
            by_item,
            epochs: 0,
        })
    }

    /// A training that continues after `epochs` epochs, whose [`Factors`] were taken from [`users`](Self::users) and
    /// [`items`](Self::items) then. It goes on with the same bits as if it had never stopped.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid or a strength is not positive.
    ///
    /// # Panics
    ///
    /// If the factors do not fit the plays and `config.dim`.
    pub fn resume(
        plays: &Csr,
        config: &Config,
        (epochs, factors): (usize, Factors),
    ) -> Result<Self, Error> {
        config.validate()?;
        let Factors { users, items } = factors;
        assert_eq!(
            [users.rows(), users.columns(), items.rows(), items.columns()],
            [plays.rows(), config.dim, plays.columns(), config.dim],
            "one factor of `dim` numbers for each row and column"
        );
        let by_user = confidences(plays, config)?;
        let by_item = by_user.transpose();
        Ok(Self {
            config: config.clone(),
            users: users.as_slice().into(),
            items: items.as_slice().into(),
            by_user,
            by_item,
            epochs,
        })
    }

    /// Solves the items and then the users.
    ///
    /// # Errors
    ///
    /// If a system of equations cannot be solved in single precision; the factors are then of no use any more.
    pub fn epoch(&mut self) -> Result<Epoch, Error> {
        self.epoch_towards(None)
    }

    /// The same, where each item is pulled towards its row of `prior` rather than towards zero: `lambda_i |y_i - p_i|^2`. Rows
    /// are in the basis that [`items`](Self::items) has now. The loss that is told has the pull towards zero all the same, so
    /// that it means the same for every prior; it may rise.
    ///
    /// # Errors
    ///
    /// As [`epoch`](Self::epoch).
    ///
    /// # Panics
    ///
    /// If the prior does not have `dim` numbers for each item, or before the first epoch, when items are still random.
    pub fn epoch_towards(&mut self, prior: Option<&Dense>) -> Result<Epoch, Error> {
        assert!(
            self.epochs > 0 || prior.is_none(),
            "a prior needs items that have been learned"
        );
        let start = Instant::now();
        if self.epochs == 0 {
            self.solve_users()?;
        }
        let first_users = start.elapsed();
        let start = Instant::now();
        self.solve_items(prior)?;
        let item_time = start.elapsed();
        let start = Instant::now();
        let loss = self.solve_users()? + self.item_pull();
        let user_time = first_users + start.elapsed();
        self.epochs += 1;
        Ok(Epoch {
            epoch: self.epochs,
            loss,
            item_time,
            user_time,
        })
    }

    /// How many epochs are done.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The users' factors now, one row of `dim` numbers each.
    pub fn users(&self) -> &[f32] {
        &self.users
    }

    /// The items' factors now, in the same basis.
    pub fn items(&self) -> &[f32] {
        &self.items
    }

    /// What was learned: the items as they are, and the users solved exactly against them, whatever the solver. So a user's
    /// factor is the one that [`FoldIn`](crate::FoldIn) gives to the same history.
    ///
    /// # Errors
    ///
    /// If a user's system of equations cannot be solved in single precision.
    pub fn finish(mut self) -> Result<Factors, Error> {
        let dim = self.config.dim;
        if self.epochs == 0 || self.config.solver != Solver::Exact {
            let half = HalfSweep {
                confidences: &self.by_user,
                fixed: &mut self.items,
                prior: None,
                config: &self.config,
            };
            Rotated::new(half)?.solve(&Exact::new(dim), &mut self.users)?;
        }
        Ok(Factors {
            users: Dense::new(self.by_user.rows(), dim, Buffer::shared(self.users)),
            items: Dense::new(self.by_item.rows(), dim, Buffer::shared(self.items)),
        })
    }

    /// Solves the users. Returns the objective but for the pull of the items.
    fn solve_users(&mut self) -> Result<f64, Error> {
        let half = HalfSweep {
            confidences: &self.by_user,
            fixed: &mut self.items,
            prior: None,
            config: &self.config,
        };
        solve(half, &mut self.users)
    }

    /// Solves the items. Returns the objective but for the pull of the users.
    fn solve_items(&mut self, prior: Option<&Dense>) -> Result<f64, Error> {
        let half = HalfSweep {
            confidences: &self.by_item,
            fixed: &mut self.users,
            prior,
            config: &self.config,
        };
        solve(half, &mut self.items)
    }

    /// The pull of the items towards zero: their part of the objective that no user's row holds.
    fn item_pull(&self) -> f64 {
        let users = self.by_item.columns();
        pull(&self.config, &self.items, users, |item| {
            self.by_item.row(item).len()
        })
    }
}

fn solve(half: HalfSweep<'_>, rows: &mut [f32]) -> Result<f64, Error> {
    let config = half.config;
    let half = Rotated::new(half)?;
    match config.solver {
        Solver::Exact => half.solve(&Exact::new(config.dim), rows),
        Solver::ConjugateGradients => {
            let steps = config.cg_steps;
            half.solve(&ConjugateGradients { steps }, rows)
        }
        Solver::Subspace => {
            let block = config.subspace_block;
            half.solve(&Subspace { block }, rows)
        }
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
    let weights = ItemWeights::new(&plays.column_counts(), &config.confidence);
    let entries = plays.values().iter().zip(plays.indices());
    let values: Vec<f32> = entries
        .map(|(&strength, &item)| config.confidence.of(strength) * weights.of(item))
        .collect();
    Ok(plays
        .with_values(values)
        .expect("one finite value for each entry"))
}
