//! Offline measurement of rankings.
//!
//! A [`Holdout`] hides some plays of some users, a [`TimeHoldout`] what came after a moment, a [`TrackHoldout`] whole tracks, to
//! measure what is said of tracks that nobody has played yet. Whatever ranks tracks is trained on the rest; [`ArmScores`]
//! says per user how well a ranking found what was hidden; [`Interval`] says how sure one may be of a mean, and of the
//! difference of two rankings on the same users. Of several comparisons at once [`Test`] says which are chance, and
//! [`Variety`] what lists offer beside what was looked for.
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
mod segment;
mod significance;
mod split;
mod time;
mod variety;

pub use arm::{ArmReport, ArmScores, Comparison, Estimate};
pub use cold::{TrackHoldout, TrackSplit};
pub use interval::{Bootstrap, Interval};
pub use metrics::Metric;
pub use segment::{Band, Segment};
pub use significance::{SignFlips, Test, Verdict, holm};
pub use split::{Holdout, Order, Split, TestUser};
pub use time::TimeHoldout;
pub use variety::{Catalogue, Variety};
