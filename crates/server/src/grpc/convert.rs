//! Checks every field of a request once, here, and speaks the domain's language from then on.

mod checks;
pub mod limits;
mod requests;
mod responses;

pub(super) use requests::{Compare, Recommend, Similar, page, version};
pub(super) use responses::{basis, ranked, ranking, retrieval};
