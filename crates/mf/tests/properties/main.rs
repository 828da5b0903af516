//! What the crate promises, against the double-precision reference.

mod rows;
mod training;
mod worlds;
