use crossfade_blend::BANDS;
use crossfade_bundle::{Manifest, Store, Summary};
use serde::Serialize;

use super::{
    args::{Bundle, BundleVerb},
    labels, measure,
    tables::table,
    ui::Ui,
};

pub(super) fn run(args: Bundle, ui: &Ui) -> anyhow::Result<()> {
    match args.verb {
        BundleVerb::List { store } => list(&Store::open(store.bundles)?, ui),
        BundleVerb::Show { store, version } => show(&Store::open(store.bundles)?, version, ui),
        BundleVerb::Verify { store, version } => verify(&Store::open(store.bundles)?, version, ui),
        BundleVerb::Measure(args) => measure::run(&args, ui),
        BundleVerb::Activate { store, version } => {
            let store = Store::open(store.bundles)?;
            store.activate(&version)?;
            activated(version, ui)
        }
        BundleVerb::Rollback { store } => {
            let store = Store::open(store.bundles)?;
            let version = store.rollback_target()?;
            store.activate(&version)?;
            activated(version, ui)
        }
    }
}

/// A bundle as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    version: String,
    active: bool,
    size_bytes: u64,
    #[serde(flatten)]
    manifest: Manifest,
}

impl From<Summary> for Listed {
    fn from(summary: Summary) -> Self {
        Self {
            version: summary.version,
            active: summary.active,
            size_bytes: summary.manifest.size_bytes(),
            manifest: summary.manifest,
        }
    }
}

fn list(store: &Store, ui: &Ui) -> anyhow::Result<()> {
    let bundles = store
        .versions()?
        .iter()
        .map(|version| Ok(store.summary(version)?.into()))
        .collect::<anyhow::Result<Vec<Listed>>>()?;
    ui.result(&bundles, |bundles| {
        let mut rows = table(&["", "version", "users", "tracks", "pairs", "dim", "MB"], 2);
        for bundle in bundles {
            let counts = bundle.manifest.counts;
            rows.add_row([
                if bundle.active { "*" } else { "" }.to_owned(),
                bundle.version.clone(),
                counts.users.to_string(),
                counts.tracks.to_string(),
                counts.pairs.to_string(),
                counts.dim.to_string(),
                format!("{:.1}", bundle.size_bytes as f64 / 1e6),
            ]);
        }
        rows.to_string()
    })
}

fn show(store: &Store, version: Option<String>, ui: &Ui) -> anyhow::Result<()> {
    let version = version.map_or_else(|| store.current(), Ok)?;
    let bundle = Listed::from(store.summary(&version)?);
    ui.result(&bundle, |bundle| {
        let manifest = &bundle.manifest;
        let mut text = format!(
            "{}{}\nwritten {} by crossfade {}\n{} users, {} tracks, {} pairs, dim {} + {}\n\
             content weight {}, popularity weight {}\ndata {}\n\n",
            bundle.version,
            if bundle.active { " (active)" } else { "" },
            manifest.created_at,
            manifest.program_version,
            manifest.counts.users,
            manifest.counts.tracks,
            manifest.counts.pairs,
            manifest.counts.dim,
            manifest.counts.content_dim,
            manifest.blend.content_weight,
            manifest.blend.popularity_weight,
            manifest.data_fingerprint,
        );
        let mut files = table(&["file", "bytes", "blake3"], 1);
        for file in &manifest.files {
            files.add_row([
                file.name.clone(),
                file.bytes.to_string(),
                file.blake3.clone(),
            ]);
        }
        text += &files.to_string();
        if !manifest.recall.is_empty() {
            text += &format!(
                "\n\nThe graph finds, of the exact answers:\n{}",
                recall(manifest)
            );
        }
        if !manifest.clusters.is_empty() {
            let mut clusters = table(&["cluster", "what it is like", "tracks"], 2);
            for (number, cluster) in manifest.clusters.iter().enumerate() {
                clusters.add_row([
                    number.to_string(),
                    cluster.name.clone(),
                    cluster.tracks.to_string(),
                ]);
            }
            text += &format!("\n\n{clusters}");
        }
        if !manifest.labels.is_empty() {
            text += &format!("\n\n{}", labels::quality(&manifest.labels));
        }
        text
    })
}

/// How much the graph finds, by content weight and band of popularity, and where it may answer.
fn recall(manifest: &Manifest) -> String {
    let mut header = vec!["content weight", "recall", "worst query"];
    header.extend(BANDS);
    header.push("may answer");
    let mut rows = table(&header, usize::MAX);
    for at in &manifest.recall {
        let mut row = vec![
            at.mix.to_string(),
            format!("{:.4}", at.mean),
            format!("{:.4}", at.min),
        ];
        row.extend((0..BANDS.len()).map(|band| {
            let of_band = at.bands.get(band).filter(|band| band.hits > 0);
            of_band.map_or_else(String::new, |band| format!("{:.4}", band.found))
        }));
        row.push(
            if at.reaches(&manifest.index) {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        );
        rows.add_row(row);
    }
    rows.to_string()
}

/// A bundle whose files all have the bytes they were published with.
#[derive(Debug, Serialize)]
struct Verified {
    version: String,
    files: usize,
    bytes: u64,
}

fn verify(store: &Store, version: Option<String>, ui: &Ui) -> anyhow::Result<()> {
    let versions = match version {
        Some(version) => vec![version],
        None => {
            // The pointer is a file like any other.
            store.current()?;
            store.versions()?
        }
    };
    let verified = versions
        .into_iter()
        .map(|version| {
            let manifest = store.verify(&version)?;
            Ok(Verified {
                files: manifest.files.len() + 1,
                bytes: manifest.size_bytes(),
                version,
            })
        })
        .collect::<anyhow::Result<Vec<Verified>>>()?;
    ui.result(&verified, |verified| {
        let line = |bundle: &Verified| {
            format!(
                "{} intact: {} files, {} bytes",
                bundle.version, bundle.files, bundle.bytes
            )
        };
        verified.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn activated(version: String, ui: &Ui) -> anyhow::Result<()> {
    let result = serde_json::json!({ "activated": version });
    ui.result(&result, |_| format!("activated {version}"))
}
