//! Offline measurement of rankings.
//!
//! A [`Holdout`] hides some plays of some users; whatever ranks tracks is trained on the rest; [`ArmScores`] says per
//! user how well a ranking found what was hidden; [`Interval`] says how sure one may be of a mean, and of the difference
//! of two rankings on the same users.
//!
//! A [`TrackHoldout`] hides whole tracks instead, to measure what is said of tracks that nobody has played yet.
//!
//! This crate neither trains nor ranks: it is handed lists.
//!
//! ```
//! use crossfade_eval::{ArmScores, Metric, TestUser};
//!
//! let hidden = [TestUser { user: 0, tracks: vec![7, 9] }];
//! let lists = [vec![9, 3, 7]];
//! let scores = ArmScores::measure("blend", &lists, &hidden, &[Metric::Recall(1)]);
//! assert_eq!(scores.mean(Metric::Recall(1)), Some(0.5));
//! ```

mod arm;
mod cold;
mod interval;
mod metrics;
mod split;

pub use arm::{ArmReport, ArmScores, Comparison, Estimate};
pub use cold::{TrackHoldout, TrackSplit};
pub use interval::{Bootstrap, Interval};
pub use metrics::Metric;
pub use split::{Holdout, Order, Split, TestUser};
