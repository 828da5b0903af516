//! The gRPC boundary: generated types in, domain types inside, statuses out.

mod admission;
mod convert;
mod event_service;
mod model_service;
mod recommendation_service;
mod serve;
mod status;

pub use convert::limits;
pub use serve::{ServeOptions, serve};
