//! Synthetic listening worlds whose truth is known.
//!
//! A [`World`] has [`Track`]s with names, audio features and places in a latent space of styles; [`User`]s with one to
//! four tastes in that space, which drift over the year; and [`Play`]s that follow from both, from popularity, and from
//! habit. What a recommender should find out is there to ask: [`World::affinity`], [`World::place`], [`World::style`].
//!
//! Rows are made when they are asked for, so a world of a hundred million plays needs no more memory than its tracks.
//! The same [`WorldConfig`] gives the same rows on every platform. This crate writes no files.
//!
//! ```
//! use crossfade_synth::{World, WorldConfig};
//!
//! let world = World::new(WorldConfig { users: 20, tracks: 200, plays: 1_000, ..WorldConfig::default() })?;
//! assert_eq!(world.tracks().len(), 200);
//! assert_eq!(world.plays().count(), 1_000);
//!
//! // Any user alone has the same plays as in the whole log.
//! let alone: Vec<_> = world.user_plays(7).collect();
//! let among: Vec<_> = world.plays().filter(|play| play.user == 7).collect();
//! assert_eq!(alone, among);
//! # Ok::<(), crossfade_synth::Error>(())
//! ```

mod alias;
mod audio;
mod calendar;
mod config;
mod date;
mod error;
mod listeners;
mod names;
mod plays;
mod pools;
mod space;
mod stream;
mod tracks;
mod world;

pub use audio::{AUDIO_FEATURES, AudioFeatures};
pub use config::WorldConfig;
pub use date::Date;
pub use error::Error;
pub use listeners::{Taste, User};
pub use plays::{Play, UserPlays};
pub use space::{DIM, Point};
pub use tracks::Track;
pub use world::World;
