//! Checks every field of a request once, here, and speaks the domain's language from then on.

mod checks;
mod events;
mod filters;
pub mod limits;
mod requests;
mod responses;

pub(super) use events::events;
pub(super) use filters::unknown_names;
pub(super) use requests::{Audience, Compare, Recommend, Similar, page, version};
pub(super) use responses::{basis, path, ranked, ranking, retrieval};
