//! Implicit-feedback matrix factorisation: from who played what to one vector for each user and each item, such that
//! the inner product of two says how well they go together.
//!
//! This is iALS as its authors tuned it: [`Config`] states the objective and where it comes from. [`fit`] learns
//! [`Factors`] ([`Training`] does so epoch by epoch), [`FoldIn`] solves users that come later, [`Attribution`] says which plays a score comes from, and [`loss`] is the objective itself. [`mod@reference`] is the same
//! mathematics in double precision, slow and obviously right.
//!
//! Rows are solved by a [`RowSolver`]: [`Exact`] reaches each row's minimum, [`ConjugateGradients`] comes near it in far less
//! time, and [`Subspace`] goes block by block. All work in the eigenbasis of the fixed side's Gramian ([`Rotated`]), where what all rows share is diagonal.
//!
//! The crate knows rows and columns, not songs: who they are, what they sound like and which to show is decided
//! elsewhere.
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use crossfade_matrix::Csr;
//! use crossfade_mf::{Config, FoldIn, fit};
//!
//! // Two listeners with one taste and one with another.
//! let plays = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0)];
//! let plays = Csr::from_triplets(3, 3, plays.to_vec())?;
//! let config = Config { dim: 2, ..Config::default() };
//! let factors = fit(&plays, &config, |epoch| {
//!     println!("epoch {}: loss {:.4}", epoch.epoch, epoch.loss);
//!     ControlFlow::Continue(())
//! })?;
//!
//! // Somebody new has played item 0, and so would like item 1 rather than item 2.
//! let fold_in = FoldIn::new(factors.items, &plays.column_counts(), &config)?;
//! let user = fold_in.fold_in(&[(0, 1.0)])?;
//! let score = |item| -> f32 { user.iter().zip(fold_in.items().row(item)).map(|(x, y)| x * y).sum() };
//! assert!(score(1) > score(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aligned;
mod attribution;
mod basis;
mod cg;
mod cholesky;
mod config;
mod dual;
mod entries;
mod error;
mod exact;
mod few;
mod fit;
mod fold_in;
mod half_sweep;
mod init;
mod item_weights;
mod kernels;
mod loss;
mod primal;
pub mod reference;
mod row_system;
mod subspace;
mod sweep;

pub use attribution::Attribution;
pub use cg::{CgScratch, ConjugateGradients};
pub use config::{Confidence, Config, Solver};
pub use error::Error;
pub use exact::{Exact, ExactScratch};
pub use fit::{Epoch, Factors, Training, fit};
pub use fold_in::FoldIn;
pub use half_sweep::{HalfSweep, Rotated, RowSolver};
pub use loss::loss;
pub use row_system::RowSystem;
pub use subspace::{Subspace, SubspaceScratch};
