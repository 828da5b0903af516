//! Offline measurement of rankings
