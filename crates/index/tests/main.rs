//! What searches promise, checked from outside.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approximate;
mod batch;
mod costs;
mod exact;
mod planner;
mod worlds;
