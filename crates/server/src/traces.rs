//! Traces for OpenTelemetry, where the program was built with them (feature `otlp`).

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
mod without;

#[cfg(feature = "otlp")]
pub(crate) use otlp::{Traces, begun, ended, layer};
#[cfg(not(feature = "otlp"))]
pub(crate) use without::{Traces, begun, ended, layer};

/// Whether this program can send traces.
pub(crate) const AVAILABLE: bool = cfg!(feature = "otlp");
