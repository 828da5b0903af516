//! The gRPC boundary: generated types in, domain types inside, statuses out.

mod admission;
mod call;
mod convert;
mod deadline;
mod event_service;
mod experiment_service;
mod guard;
mod health;
mod methods;
mod metrics;
mod model_service;
mod options;
mod recommendation_service;
mod serve;
mod status;
mod tls;
mod tokens;
mod upkeep;
mod workers;

pub use convert::limits;
#[cfg(fuzzing)]
pub use convert::trial;
pub use options::ServeOptions;
pub(crate) use serve::transport;
pub use serve::{Listeners, serve};
