//! Hashing of several fields, so that no two lists of fields look alike.

use blake3::{Hash, Hasher};

/// BLAKE3 of fields, each after its length (u64, little-endian).
pub(crate) fn hash(fields: &[&[u8]]) -> Hash {
    feed(Hasher::new(), fields).finalize()
}

/// The same under a key.
pub(crate) fn keyed_hash(key: &[u8; 32], fields: &[&[u8]]) -> Hash {
    feed(Hasher::new_keyed(key), fields).finalize()
}

fn feed(mut hasher: Hasher, fields: &[&[u8]]) -> Hasher {
    for field in fields {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher
}
