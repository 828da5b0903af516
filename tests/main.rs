//! End-to-end promises.
