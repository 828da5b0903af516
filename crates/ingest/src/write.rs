//! Writing: rows or column batches -> row groups -> a file that appears when it is complete.

mod atomic;
mod events;
mod exposures;
mod plays;
mod scores;
mod table;
mod tracks;

pub use events::{Attributed, EventWriter, RecordedPlay};
pub use exposures::ExposureWriter;
pub(crate) use exposures::{CANDIDATES, TEAMS};
pub use plays::{Play, PlayWriter, write_plays};
pub use scores::{ScoreWriter, Scores, run_of_remote_scores, run_of_scores};
pub use tracks::{Track, TrackWriter};
