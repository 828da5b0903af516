//! Crossfade.
