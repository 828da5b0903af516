use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use crossfade_blend::Parameters;
use crossfade_content::LabelReports;
use serde::{Deserialize, Serialize};

use crate::{Error, damaged};

/// Name of the manifest in a bundle.
pub(crate) const FILE: &str = "manifest.json";
/// The bundle format this program writes and reads.
pub const FORMAT: u32 = 1;
/// Hex digits of the manifest's hash in a version's name.
const HASH_DIGITS: usize = 16;

/// What a bundle is, how it came about, and the hash of each of its files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of the bundle; see [`FORMAT`].
    pub format: u32,
    /// Version of the program that wrote it.
    pub program_version: String,
    /// When it was written, UTC.
    pub created_at: DateTime<Utc>,
    /// How large it is.
    pub counts: Counts,
    /// BLAKE3 over the ids and plays it was trained on: equal data, equal fingerprint.
    pub data_fingerprint: String,
    /// How the factors were learned; fold-in solves the same problem at request time.
    pub factorisation: crossfade_mf::Config,
    /// How many tracks there were when the factors were learned; those behind them were added since. Absent in bundles of
    /// earlier versions, to which none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned_tracks: Option<u64>,
    /// How listening becomes a taste vector, at request time too.
    pub taste: crossfade_content::TasteConfig,
    /// How the graph index was built.
    pub index: crossfade_index::Config,
    /// How much of the exact answers the graph finds, by content weight; empty without a graph.
    pub recall: Vec<crossfade_index::Recall>,
    /// What searches were measured to cost. They say when the graph answers, which must not depend on where and when a bundle
    /// is opened; and measuring them takes seconds with millions of tracks, so that only small bundles without a graph have
    /// it done again when they are opened. Absent in bundles of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<crossfade_index::Costs>,
    /// How scores are blended.
    pub blend: Parameters,
    /// What each cluster of tracks is like; `tracks.arrow` has the number of each track's. Empty without clusters, and in
    /// bundles from before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<crossfade_content::Profile>,
    /// What labels are predicted of tracks, and how well; `labels.arrow` has the predictions. Empty without any, and in bundles
    /// from before there were any.
    #[serde(default, skip_serializing_if = "LabelReports::is_empty")]
    pub labels: LabelReports,
    /// What was found before publishing: metrics on held-out plays, and the settings used.
    pub training: serde_json::Value,
    /// Every other file of the bundle.
    pub files: Vec<FileEntry>,
}

/// Sizes of a bundle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Users with a history.
    pub users: u64,
    /// Tracks, cold ones included.
    pub tracks: u64,
    /// Distinct pairs of user and track.
    pub pairs: u64,
    /// Length of the factors.
    pub dim: u32,
    /// Length of the content embeddings.
    pub content_dim: u32,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Name within the bundle's directory.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hex.
    pub blake3: String,
}

impl Manifest {
    /// The bytes of the manifest file and the version they give the bundle: the time of writing, so that versions sort by
    /// age, and the hash of these bytes, so that a changed manifest no longer fits its directory's name.
    pub(crate) fn seal(&self) -> (Vec<u8>, String) {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a manifest has string keys and finite numbers");
        bytes.push(b'\n');
        let time = self.created_at.format("%Y%m%dT%H%M%S%3fZ");
        let version = format!("{time}-{}", short_hash(&bytes));
        (bytes, version)
    }

    /// Reads the manifest of the bundle in `directory`, whose name ends in the hash it must have.
    pub(crate) fn read(directory: &Path, version: &str) -> Result<Self, Error> {
        let path = directory.join(FILE);
        let bytes = fs::read(&path).map_err(Error::io("read", &path))?;
        let expected = version.rsplit('-').next().unwrap_or_default();
        if short_hash(&bytes) != expected {
            return Err(damaged(
                &path,
                "its hash is not the one in the bundle's name",
            ));
        }
        let format: Format =
            serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error))?;
        if format.format != FORMAT {
            return Err(Error::Format {
                path,
                found: format.format,
                supported: FORMAT,
            });
        }
        serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error))
    }

    /// Bytes of all files but the manifest.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The one field that every format has.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

fn short_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..HASH_DIGITS].to_owned()
}
