use std::{collections::BTreeSet, num::NonZeroUsize};

use crossfade_blend::TrackFilter;
use crossfade_bundle::Fingerprint;
use crossfade_catalog::Vocab;
use serde::Serialize;
use serde_json::{Map, Value};

use super::BatchRequest;
use crate::arm::Arm;

/// Changes when the same request to the same bundle is written differently.
const FORMAT: u32 = 2;

/// All that the bytes of a run's files depend on: what `_manifest.json` beside them holds.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    format: u32,
    program_version: &'static str,
    bundle_version: String,
    users: Ids,
    candidates: Option<Ids>,
    filter: TrackFilter,
    arms: Vec<String>,
    limit: usize,
    include_played: bool,
    discovery: f64,
    diversity: f64,
    max_per_artist: Option<NonZeroUsize>,
    /// Users in each file but the last.
    pub(super) part_users: usize,
    /// How many files there are when all shards are done.
    pub(super) parts: usize,
}

/// A list of ids, without the ids.
#[derive(Debug, Serialize)]
struct Ids {
    count: usize,
    blake3: String,
}

impl Ids {
    fn of<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let mut fingerprint = Fingerprint::default();
        let count = ids.len();
        for id in ids {
            fingerprint.value(&id);
        }
        Self {
            count,
            blake3: fingerprint.finish(),
        }
    }
}

impl Run {
    pub(super) fn new(bundle_version: &str, request: &BatchRequest, users: &[&str]) -> Self {
        let part_users = request.part_users.max(1);
        let candidates = |ids: &Vocab| Ids::of(ids.iter().collect::<Vec<_>>().into_iter());
        Self {
            format: FORMAT,
            program_version: env!("CARGO_PKG_VERSION"),
            bundle_version: bundle_version.to_owned(),
            users: Ids::of(users.iter().copied()),
            candidates: request.candidates.as_ref().map(candidates),
            filter: request.filter.clone(),
            arms: request.arms.iter().map(Arm::to_string).collect(),
            limit: request.limit,
            include_played: request.include_played,
            discovery: request.discovery.get(),
            diversity: request.arrangement.diversity.get(),
            max_per_artist: request.arrangement.max_per_artist,
            part_users,
            parts: users.len().div_ceil(part_users),
        }
    }

    /// What tells it from all other runs.
    pub(super) fn id(&self) -> String {
        let mut fingerprint = Fingerprint::default();
        fingerprint.value(self);
        fingerprint.finish()
    }

    /// The manifest's text.
    pub(super) fn manifest(&self) -> String {
        serde_json::to_string_pretty(self).expect("invariant: a run has string keys") + "\n"
    }

    /// In what another manifest differs, if in anything: `limit (there 100, here 50)`.
    pub(super) fn differences(&self, manifest: &[u8]) -> Option<String> {
        let ours = self.manifest();
        if manifest == ours.as_bytes() {
            return None;
        }
        let parse = |bytes| serde_json::from_slice::<Map<String, Value>>(bytes);
        let (Ok(there), Ok(here)) = (parse(manifest), parse(ours.as_bytes())) else {
            return Some("it is not the manifest of a run".to_owned());
        };
        let names: BTreeSet<&String> = there.keys().chain(here.keys()).collect();
        let differ = names
            .into_iter()
            .filter(|&name| there.get(name) != here.get(name));
        let value =
            |of: &Map<String, Value>, name: &String| of.get(name).cloned().unwrap_or_default();
        let differ = differ.map(|name| {
            format!(
                "{name} (there {}, here {})",
                value(&there, name),
                value(&here, name)
            )
        });
        Some(differ.collect::<Vec<_>>().join(", "))
    }
}
