//! Logs of what happens while serving: plays as they are reported, and lists that were shown as part of an experiment. A log is
//! durable before anybody is told so, has each record once, and becomes Parquet.
//!
//! [`Log::record`] returns when its records are on disk. Callers at the same time share one write and one sync. A record whose
//! key the log remembers is a [`Outcome::Duplicate`] and changes nothing, so that a caller in doubt may always repeat.
//! [`EventLog::recent`] has a user's newest plays from then on, and [`Log::compact`] turns segments that are full into Parquet
//! files; those of plays are a play log, which `crossfade_ingest::read_plays` reads. [`read_all`] reads what a directory has,
//! whoever has it open.
//!
//! # Files
//!
//! A log is a directory. It holds `.lock`, segments `0000000001.log`, `0000000002.log`, … of which the last is written to, and
//! beside each compacted segment its `0000000001.parquet`. A segment is a header of 16 bytes, which tells kinds of logs apart,
//! and frames:
//!
//! ```text
//! frame   = FF 'P' 'L' '1', length of the payload (u32), checksum (8 bytes), payload
//! payload = when it was recorded (i64), records
//! event   = id, user, track (u16 length and UTF-8 each), played_at (i64), play_count (u32), ms_played (u32), flags (u8);
//!           experiment, request (u16 length and UTF-8 each), if the flags say so
//! ```
//!
//! Numbers are little-endian, times are milliseconds since 1970. The checksum is the start of the BLAKE3 of segment number,
//! offset and payload. A frame is what is written and synced at once, so that only the last one of the last segment can be
//! incomplete: it was never acknowledged, and is moved to `.torn` at opening. Anything else that does not fit is an error.
//!
//! # What is remembered
//!
//! The newest segments that together hold [`Options::window`] records at least, and all that are not compacted, are kept, and
//! keys and recent plays are those of the kept segments: the same before and after a restart.
//!
//! ```
//! use crossfade_events::{Event, EventLog, Options, Outcome};
//!
//! # let directory = tempfile::tempdir()?;
//! let log = EventLog::open(directory.path(), Options::default())?;
//! let event = Event {
//!     event_id: "e1".into(),
//!     user_id: "ada".into(),
//!     track_id: "blue".into(),
//!     played_at_ms: 1_700_000_000_000,
//!     play_count: 1,
//!     ms_played: Some(180_000),
//!     skipped: false,
//!     attribution: None,
//! };
//! assert_eq!(log.record(vec![event.clone()])?, [Outcome::Accepted]);
//! assert_eq!(log.record(vec![event])?, [Outcome::Duplicate]);
//! assert_eq!(&*log.recent("ada")[0].track_id, "blue");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
mod compact;
mod directory;
mod error;
mod event;
mod exposure;
mod frame;
mod history;
mod log;
mod record;
mod segment;
#[cfg(test)]
mod tests;
mod window;
mod writer;

pub use compact::Compacted;
pub use error::Error;
pub use event::{Attribution, Event};
pub use history::read_all;
pub use log::{EventLog, ExposureLog, Log, Options, Outcome, Result};
pub use record::{Batch, Memory, Record};
pub use window::{Recent, Recorded};
