//! The two matrix shapes the recommender is made of.
//!
//! [`Csr`] holds plays: one sparse row per user, one column per track. [`Dense`] holds vectors: factors, embeddings,
//! taste vectors, one row each. Both keep their numbers in a [`Buffer`], which is either owned or shared with something
//! longer lived such as a memory-mapped file, so that opening a bundle copies nothing.
//!
//! This crate knows shapes, not songs: rows and columns are plain indices.
//!
//! ```
//! use crossfade_matrix::Csr;
//!
//! // (row, column, value) in any order; duplicates are added up.
//! let plays = Csr::from_triplets(2, 3, vec![(1, 0, 2.0), (0, 2, 1.0), (1, 0, 1.0)])?;
//! assert_eq!(plays.row(1).values, [3.0]);
//! assert_eq!(plays.transpose().row(2).indices, [0]);
//! # Ok::<(), crossfade_matrix::Error>(())
//! ```

mod buffer;
mod csr;
mod dense;

pub use buffer::Buffer;
pub use csr::{Csr, Error, Row};
pub use dense::Dense;
