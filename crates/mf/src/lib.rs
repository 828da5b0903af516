//! Implicit-feedback matrix factorisation: from who played what to one vector for each user and each item, such that
//! the inner product of two says how well they go together.
//!
//! This is iALS as its authors tuned it: [`Config`] states the objective and where it comes from. [`fit`] learns
//! [`Factors`] ([`Training`] does so epoch by epoch), [`FoldIn`] solves users that come later, and [`loss`] is the objective itself. [`mod@reference`] is the same
//! mathematics in double precision, slow and obviously right.
//!
//! Rows are solved by a [`RowSolver`]. [`ExactRows`] reaches each row's minimum, and does so at less cost than usual
//! iterative solvers because most rows have far fewer entries than a factor has numbers.
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
//! let fold_in = FoldIn::new(factors.items, &config)?;
//! let user = fold_in.fold_in(&[(0, 1.0)])?;
//! let score = |item| -> f32 { user.iter().zip(fold_in.items().row(item)).map(|(x, y)| x * y).sum() };
//! assert!(score(1) > score(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod basis;
mod cholesky;
mod config;
mod dual;
mod error;
mod exact;
mod fit;
mod fold_in;
mod init;
mod kernels;
mod loss;
mod primal;
pub mod reference;
mod row_system;
mod sweep;

pub use config::{Confidence, Config, Solver};
pub use error::Error;
pub use exact::{ExactRows, ExactScratch, HalfSweep};
pub use fit::{Epoch, Factors, Training, fit};
pub use fold_in::FoldIn;
pub use loss::loss;
pub use sweep::{RowSolver, sweep};
