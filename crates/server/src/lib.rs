//! Crossfade, a hybrid music recommender served over gRPC.
//!
//! This package joins the crates below it: [`pipeline`] turns Parquet play logs into a bundle, [`serving`] and [`grpc`]
//! answer from it, [`batch`] scores whole user bases, [`evaluation`] measures rankings, [`experiments`]
//! compares them while serving, [`analysis`] describes a catalogue, and [`cli`] is the program. Everything that learns or ranks lives
//! in the crates; here are files, sockets, settings and words.

pub mod analysis;
pub mod arm;
mod aside;
pub mod batch;
pub mod cli;
pub mod evaluation;
pub mod experiments;
mod files;
pub mod grpc;
pub mod load;
pub mod paths;
pub mod pipeline;
pub mod recorder;
mod report;
pub mod serving;
pub mod settings;
mod traces;

pub use crossfade_client::pb;
