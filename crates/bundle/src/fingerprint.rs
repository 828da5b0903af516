use std::io::{BufWriter, Write};

use crossfade_catalog::Vocab;
use crossfade_matrix::Csr;
use serde::Serialize;

/// A BLAKE3 hash over what something was made of: equal parts in equal order, equal fingerprint.
#[derive(Debug)]
pub struct Fingerprint(BufWriter<blake3::Hasher>);

impl Default for Fingerprint {
    /// The fingerprint of nothing yet.
    fn default() -> Self {
        /// Bytes from which hashing works at full speed.
        const CHUNK: usize = 1 << 16;
        Self(BufWriter::with_capacity(CHUNK, blake3::Hasher::new()))
    }
}

impl Fingerprint {
    /// The fingerprint of ids and plays, as manifests and checkpoints have it.
    pub fn of_data(users: &Vocab, tracks: &Vocab, plays: &Csr) -> String {
        let mut fingerprint = Self::default();
        for id in users.iter().chain(tracks.iter()) {
            fingerprint.add(&(id.len() as u64).to_le_bytes());
            fingerprint.add(id.as_bytes());
        }
        for user in 0..plays.rows() {
            let row = plays.row(user);
            fingerprint.add(&(row.len() as u64).to_le_bytes());
            for (track, strength) in row.iter() {
                fingerprint.add(&track.to_le_bytes());
                fingerprint.add(&strength.to_le_bytes());
            }
        }
        fingerprint.finish()
    }

    /// Adds whole numbers.
    pub fn integers(&mut self, numbers: &[u32]) -> &mut Self {
        self.add(&(numbers.len() as u64).to_le_bytes());
        for number in numbers {
            self.add(&number.to_le_bytes());
        }
        self
    }

    /// Adds numbers, bit by bit.
    pub fn numbers(&mut self, numbers: &[f32]) -> &mut Self {
        self.add(&(numbers.len() as u64).to_le_bytes());
        for number in numbers {
            self.add(&number.to_le_bytes());
        }
        self
    }

    /// Adds anything else by its JSON.
    pub fn value(&mut self, value: &impl Serialize) -> &mut Self {
        let json = serde_json::to_vec(value).expect("what is hashed has string keys");
        self.add(&(json.len() as u64).to_le_bytes());
        self.add(&json);
        self
    }

    /// The hash in hex.
    pub fn finish(self) -> String {
        let Ok(hasher) = self.0.into_inner() else {
            unreachable!("hashing cannot fail");
        };
        hasher.finalize().to_hex().to_string()
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("hashing cannot fail");
    }
}
