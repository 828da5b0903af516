//! Experiments on rankings, from the definition to the verdict: who sees which ranking, what came of it, and when it may be
//! believed. Nothing here touches a socket, a file or a clock.
//!
//! - An [`Experiment`] says which rankings are compared. [`Experiment::assign`] deals users out by a pure hash; [`interleave`]
//!   has two rankings draft one list; [`Attribution`] is the note that goes out with a list and comes back, sealed, with a play.
//! - A [`Ledger`] joins plays to the lists that were shown, and a [`Report`] sums up what came of them: an [`Effect`] with an
//!   interval and a p-value that hold however often one looks ([`Sequence`]), an alarm when users do not arrive as they were dealt
//!   out ([`Mismatch`]), and guardrails.
//! - An [`Exposure`] is what is kept of a list. Where a list [explores](Exploration), it has a [`Trial`], and [`replay`] tells
//!   what a ranking would have earned there that never served, by [`estimate`], which works on any log of random choices.
//!
//! ```
//! use crossfade_experiments::{Arm, Experiment, Ledger, Played, Report, Shown, Verdict};
//!
//! let arm = |name: &str, weight| Arm {
//!     name: name.into(),
//!     ranking: Default::default(),
//!     content_weight: Some(weight),
//!     share: 0.5,
//! };
//! let experiment = Experiment {
//!     arms: vec![arm("control", 0.2), arm("sound", 0.6)],
//!     ..Experiment::default()
//! };
//! experiment.validate("weights")?;
//! let place = experiment.assign("weights", "ada").expect("the shares add up to 1");
//!
//! let mut ledger = Ledger::new("weights", &experiment);
//! ledger.show(&Shown {
//!     user_id: "ada",
//!     request_id: "r1",
//!     definition: &experiment.fingerprint("weights"),
//!     arm: &experiment.arms[place].name,
//!     shown_at_ms: 0,
//!     activity: 3.0,
//!     latency_ms: 0.4,
//!     top_artist_share: 0.1,
//!     tracks: &["blue".into()],
//!     teams: &[],
//! });
//! ledger.play(&Played {
//!     user_id: "ada",
//!     track_id: "blue",
//!     played_at_ms: 60_000,
//!     request_id: None,
//!     skipped: false,
//! });
//! let tomorrow = 24 * 3_600_000;
//! let report = Report::new("weights", &experiment, &ledger.finish(tomorrow), tomorrow);
//! assert_eq!(report.arms[place].played, 1);
//! assert_eq!(report.verdict, Verdict::Open);
//! # Ok::<(), crossfade_experiments::Error>(())
//! ```

mod assign;
mod compare;
mod coverage;
mod definition;
mod error;
mod explore;
mod exposure;
mod fields;
mod interleave;
mod ledger;
mod mismatch;
mod moments;
mod off_policy;
mod replay;
mod report;
mod sequence;
mod study;
mod token;

pub use assign::{BUCKETS, bucket};
pub use compare::{Comparison, Direction, Effect, FIRST_LOOK, Look, Preference};
pub use definition::{Arm, ArmRanking, Experiment, Guardrails, Method, Outcome};
pub use error::Error;
pub use explore::{Candidate, Exploration, Trial, chance};
pub use exposure::Exposure;
pub use interleave::{Coins, Pick, Team, interleave};
pub use ledger::{Ledger, Outcomes, Played, Shown, UserOutcome};
pub use mismatch::Mismatch;
pub use moments::{Estimate, Observation};
pub use off_policy::{Choice, OffPolicy, estimate};
pub use replay::{Tried, replay};
pub use report::{ArmEffect, ArmSummary, Arrivals, Guardrail, GuardrailState, Report, Verdict};
pub use sequence::{Interval, Sequence};
pub use token::{Attribution, INTERLEAVED, Sealer};
