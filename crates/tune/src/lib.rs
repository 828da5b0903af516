//! Searching for good settings of something that is costly to try: where to try next, and when to give a trial up.
//!
//! Trials have levels, from cheap to dear (models of growing size, say). [`propose`] says where to try next on a level,
//! given everything tried so far: at first places spread evenly over the [`Space`], then those where a Gaussian process
//! over all trials expects the largest improvement, so that cheap levels inform the dear ones. A trial is measured as it
//! goes; [`verdict`] says after each measurement whether going on is worth it (as in successive halving, Jamieson and
//! Talwalkar 2016).
//!
//! Nothing here runs trials or knows what they are. Everything is a pure function of what was tried and a seed, so a search
//! that was interrupted goes on as if it had not been.
//!
//! ```
//! use crossfade_tune::{Axis, Scale, Space, Tried, propose};
//!
//! let space = Space::new(vec![Axis::new(0.001, 1.0, Scale::Log)]);
//! let mut tried = Vec::new();
//! for seed in 0..12 {
//!     let at = propose(&space, &tried, 0, seed);
//!     let value = space.values(&at)[0];
//!     let score = 1.0 - (value.ln() - 0.03_f64.ln()).abs() / 10.0;
//!     tried.push(Tried { level: 0, at, score });
//! }
//! let best = tried.iter().max_by(|a, b| a.score.total_cmp(&b.score)).unwrap();
//! assert!((0.02..0.045).contains(&space.values(&best.at)[0]));
//! ```

mod process;
mod propose;
mod space;
mod stop;

pub use propose::{Tried, propose};
pub use space::{Axis, Scale, Space};
pub use stop::{Patience, Verdict, verdict};
