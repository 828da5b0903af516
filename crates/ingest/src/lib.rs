//! Parquet in and out: play logs and track tables as they come, batch scores and lists of experiments as they go.
//!
//! [`read_tracks`] and [`read_plays`] accept a file, a directory or a Hive-partitioned directory and stream it, so that
//! memory is bounded by users + tracks + distinct pairs and not by the length of the log. Rows that cannot be used are
//! counted by [`Reason`] in a [`Report`], never dropped silently; files that cannot be read are an [`Error`] that names
//! the file, the row group, the column and what to do. [`PlayWriter`], [`EventWriter`], [`ExposureWriter`],
//! [`TrackWriter`] and [`ScoreWriter`] write the same shapes: compressed, atomic, and with the same bytes for the same rows.
//!
//! Nothing here learns or ranks, and nothing here draws progress bars: [`Progress`] is handed to the caller's closure.
//!
//! # How strong a pair is
//!
//! The rows of one user and one track add up to a strength:
//!
//! ```text
//! strength   = max(0, sum over rows of decay * play_count * (completion - skipped * skip_penalty))
//! decay      = 2^(-age / half_life), age counted back from the newest play read; 1 without a half-life
//! completion = min(1, ms_played / duration_ms)   if both are known
//!              min(1, ms_played / 30000)         if only ms_played is known
//!              0                                 if neither is and the play was skipped
//!              1                                 otherwise
//! skipped    = 1 if the play was skipped, else 0
//! ```
//!
//! A missing `play_count` is one play. A pair whose plays were all skipped keeps its place with strength 0: the track is
//! known to have been played, only not liked.
//!
//! ```
//! use crossfade_catalog::TrackTable;
//! use crossfade_ingest::{Play, PlayOptions, PlayWriter, read_plays};
//!
//! # let directory = tempfile::tempdir()?;
//! let path = directory.path().join("plays.parquet");
//! let mut writer = PlayWriter::create(&path)?;
//! for played_at_ms in [1_700_000_000_000, 1_700_000_300_000] {
//!     writer.write(&Play {
//!         user_id: "ada",
//!         track_id: "blue",
//!         played_at_ms,
//!         ms_played: 180_000,
//!         skipped: false,
//!     })?;
//! }
//! writer.finish()?;
//!
//! let mut tracks = TrackTable::default();
//! let log = read_plays(&path, &PlayOptions::default(), &mut tracks, &|_| {})?;
//! assert_eq!(log.users.id(0), "ada");
//! assert_eq!(log.strengths.row(0).values, [2.0]);
//! assert_eq!(log.last_played, Some(vec![1_700_000_300]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod error;
mod heard;
mod progress;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod write;

pub use config::{PlayColumns, PlayOptions, SPOTIFY_FEATURES, TrackColumns};
pub use error::Error;
pub use heard::Heard;
pub use progress::{Observer, Progress};
pub use read::{PlayLog, read_exposures, read_ids, read_plays, read_recorded, read_tracks};
pub use report::{Notice, Place, Reason, Report, Tally};
pub use write::{
    Attributed, EventWriter, ExposureWriter, Play, PlayWriter, RecordedPlay, ScoreWriter, Scores,
    Track, TrackWriter, run_of_remote_scores, run_of_scores, write_plays,
};
