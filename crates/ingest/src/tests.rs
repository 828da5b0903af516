//! Promises of reading and writing, on real files in temporary directories.

mod files;
mod fixtures;
mod hostile;
mod plays;
mod tracks;
mod types;
mod writers;
