//! Reading: files -> row groups -> batches -> values -> tables.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "arrow has dozens of types, and what is not read falls to the last arm"
)]

mod contain;
mod exposures;
mod files;
mod ids;
mod kind;
mod labels;
mod newest;
mod pairs;
mod plays;
mod recorded;
mod scan;
mod source;
mod times;
mod tracks;
mod values;

pub use exposures::read_exposures;
pub use ids::read_ids;
#[cfg(test)]
pub(crate) use plays::read as read_plays_in_batches;
pub use plays::{PlayLog, read_plays};
pub use recorded::read_recorded;
pub use tracks::read_tracks;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 1 << 16;
