//! Immutable, checksummed, versioned model bundles
