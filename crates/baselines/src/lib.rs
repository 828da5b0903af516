//! Baselines that any ranking has to beat before it is worth its complexity (Dacrema, Cremonesi and Jannach 2019).
//!
//! [`ItemKnn`] and [`Ease`] learn from which items users have in common, and nothing else. Both rank for a user by the sum of
//! what each item of the user's history says, so that users need not have been there when they learned.
//!
//! ```
//! use crossfade_baselines::{ItemKnn, KnnConfig};
//! use crossfade_matrix::Csr;
//!
//! // Users 0 and 1 have items 0 and 1 in common.
//! let plays = vec![(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)];
//! let plays = Csr::from_triplets(3, 4, plays)?;
//! let knn = ItemKnn::fit(&plays, &KnnConfig::default());
//! assert_eq!(knn.rank(&[0], 9), [1, 2]);
//! # Ok::<(), crossfade_matrix::Error>(())
//! ```

mod ease;
mod knn;
mod sweep;
mod top;

pub use ease::{Ease, EaseConfig, Error};
pub use knn::{ItemKnn, KnnConfig};
