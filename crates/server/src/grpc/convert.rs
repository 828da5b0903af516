//! Checks every field of a request once, here, and speaks the domain's language from then on.

mod audience;
mod checks;
mod events;
mod filters;
pub mod limits;
mod playlist;
mod requests;
mod responses;
mod rules;
mod times;

pub(super) use audience::{Audience, Recorded, Resolved};
pub(super) use events::events;
pub(super) use filters::unknown_names;
pub(super) use playlist::{Generate, playlist};
pub(super) use requests::{
    Compare, Order, Rank, Recommend, Similar, describe, neighbors, page, stream_id, version,
};
pub(super) use responses::{basis, components, explained, path, ranked, ranking, retrieval};
