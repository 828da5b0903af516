//! What an engine promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// What lists are besides ordered by score: caps, diversity, discovery, seeds.
mod arrangement;
/// A catalogue of which much is known, and random vectors.
mod catalogue;
/// What an engine answers, on a world small enough to know the answers.
mod engine;
/// Which plays a score comes from.
mod explanations;
/// What filters let through, and that they change nothing else.
mod filters;
/// What playlists are worth.
mod playlists;
/// Listeners with several tastes, and with new ones.
mod tastes;
