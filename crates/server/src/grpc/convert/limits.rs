//! Limits that every request must keep.

/// Largest `limit`.
pub const LIMIT: i32 = 1_000;
/// `limit` of a request that names none.
pub const DEFAULT_LIMIT: usize = 20;
/// Longest `history`.
pub const HISTORY: usize = 10_000;
/// Longest `exclude_track_ids`.
pub const EXCLUDED: usize = 10_000;
/// Most tracks that a filter lists.
pub const FILTER_TRACKS: usize = 10_000;
/// Most artists or genres in each list of a filter.
pub const FILTER_NAMES: usize = 1_000;
/// Most events in one RecordPlays.
pub const EVENTS: usize = 1_000;
/// Longest id in bytes.
pub const ID_BYTES: usize = 256;
/// Largest `play_count`.
pub const PLAY_COUNT: u32 = 1_000_000;
/// Most rankings to compare.
pub const RANKINGS: usize = 8;
/// Most bundles on a page.
pub const PAGE: i32 = 100;
