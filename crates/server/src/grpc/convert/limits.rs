//! Limits that every request must keep.

/// Largest `limit`.
pub const LIMIT: i32 = 1_000;
/// `limit` of a request that names none.
pub const DEFAULT_LIMIT: usize = 20;
/// Longest `history`.
pub const HISTORY: usize = 10_000;
/// Longest `exclude_track_ids`.
pub const EXCLUDED: usize = 10_000;
/// Most `seed_track_ids`.
pub const SEEDS: usize = 100;
/// Most tracks to rank at once.
pub const RANKED: usize = 10_000;
/// Longest playlist.
pub const PLAYLIST: i32 = 200;
/// Most neighbours of a described track.
pub const NEIGHBORS: i32 = 100;
/// Neighbours of a described track when a request says nothing.
pub const DEFAULT_NEIGHBORS: i32 = 10;
/// Largest `max_per_artist`.
pub const PER_ARTIST: i32 = 1_000;
/// Largest `no_repeat_plays`.
pub const NO_REPEAT_PLAYS: i32 = 100_000;
/// Longest `no_repeat_within` in seconds: ten years.
pub const NO_REPEAT_SECONDS: i64 = 10 * 365 * 86_400;
/// Contributions told of each track of an explained list.
pub const CONTRIBUTIONS: usize = 10;
/// How many of the best tracks are looked at, at least, to say where rules moved one from.
pub const DEPTH: usize = 1_000;
/// Most tracks that a filter lists.
pub const FILTER_TRACKS: usize = 10_000;
/// Most artists or genres in each list of a filter.
pub const FILTER_NAMES: usize = 1_000;
/// Most events in one RecordPlays.
pub const EVENTS: usize = 1_000;
/// Longest id in bytes.
pub const ID_BYTES: usize = 256;
/// Longest attribution token in bytes.
pub const TOKEN_BYTES: usize = 1_024;
/// Largest `play_count`.
pub const PLAY_COUNT: u32 = 1_000_000;
/// Most rankings to compare.
pub const RANKINGS: usize = 8;
/// Most bundles on a page.
pub const PAGE: i32 = 100;
