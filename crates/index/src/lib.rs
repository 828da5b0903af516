//! Top-k maximum-inner-product retrieval over joint vectors.
//!
//! Every row has a joint vector made of blocks that live in separate matrices ([`JointRows`]); a query is a vector of the
//! same layout, and a row's score is their inner product. Weighing the blocks happens in the query, so one index serves
//! every weight.
//!
//! - [`Exact`] scores every row that could be among the best. Which those are it learns from a copy of the rows in 8-bit
//!   integers, whose products come with a proven bound on what is lost, and from norms: rows lie in order of falling
//!   norm, and most are never looked at.
//! - [`Approximate`] asks a navigable graph (usearch) for candidates and scores those exactly.
//! - [`Index`] has both and picks by what each was measured to cost ([`Costs`]): exact search over all rows or over those
//!   a filter allows, or the graph, the latter only where its recall was measured to be good ([`Measured`]). Where the
//!   bounds leave little open, the graph's answer is completed and thereby [certified](Path::Certified). It never returns
//!   fewer hits than were asked for while more rows qualify.
//! - [`Batch`] scores every row of one matrix for many queries at once.
//!
//! Scores of single queries have the same bits on every path and every processor with fused multiply-add; ties go to the
//! lower row.
//!
//! This crate knows rows, not songs: what the blocks mean, how queries are calibrated and which rows are excluded is the
//! caller's business. It does not update: an index is built once and only searched.
//!
//! ```
//! use crossfade_index::{Config, Filter, Index, JointRows, Path, Request, RowList};
//! use crossfade_matrix::Dense;
//!
//! let factors = Dense::new(3, 2, vec![0.0, 2.0, 1.0, 0.0, 0.0, 1.0]);
//! let prior = Dense::new(3, 1, vec![0.1, 0.2, 0.3]);
//! let index = Index::new(JointRows::new(vec![factors, prior])?, Config::default())?;
//!
//! let known = RowList::from(vec![0]);
//! let answer = index.search(&Request {
//!     query: &[0.0, 1.0, 1.0],
//!     limit: 2,
//!     filter: Filter::all().denying(&known),
//!     mix: None,
//!     cancel: None,
//! })?;
//! let rows: Vec<u32> = answer.hits.iter().map(|hit| hit.row).collect();
//! assert_eq!(rows, [2, 1]);
//! assert_eq!(answer.path, Path::Exact);
//! # Ok::<(), crossfade_index::Error>(())
//! ```

mod approximate;
mod batch;
mod bitmap;
mod bound;
mod calibrate;
mod cancel;
mod codes;
mod config;
mod cost;
mod distinct;
mod error;
mod exact;
mod filter;
mod gate;
mod graph;
mod hit;
mod index;
mod integer;
mod kernel;
mod largest;
mod parts;
mod pass;
mod recall;
mod reference;
mod rows;
mod scan;
mod screen;
mod sieve;

pub use approximate::Approximate;
pub use batch::Batch;
pub use bitmap::Bitmap;
pub use calibrate::Sample;
pub use cancel::Cancel;
pub use config::Config;
pub use cost::Costs;
pub use error::Error;
pub use exact::{Exact, Found};
pub use filter::{Allowed, Filter, RowList};
pub use hit::{Hit, TopK};
pub use index::{Answer, Index, Path, Request};
pub use recall::{BandRecall, Measured, Recall};
pub use reference::rank_all;
pub use rows::{JointRows, Query};
