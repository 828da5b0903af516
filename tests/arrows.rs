use std::{collections::BTreeSet, process::Command};

/// Which of our crates each may depend on. Whoever adds an arrow adds it here, and says why in ARCHITECTURE.md.
const ARROWS: [(&str, &[&str]); 16] = [
    (
        "crossfade",
        &[
            "baselines",
            "blend",
            "bundle",
            "catalog",
            "client",
            "content",
            "eval",
            "events",
            "experiments",
            "index",
            "ingest",
            "matrix",
            "mf",
            "synth",
            "tune",
        ],
    ),
    ("crossfade-baselines", &["matrix"]),
    (
        "crossfade-blend",
        &["catalog", "content", "index", "matrix", "mf"],
    ),
    (
        "crossfade-bundle",
        &["blend", "catalog", "content", "index", "matrix", "mf"],
    ),
    ("crossfade-catalog", &[]),
    ("crossfade-client", &[]),
    ("crossfade-content", &["matrix"]),
    ("crossfade-eval", &["matrix"]),
    ("crossfade-events", &["experiments", "ingest"]),
    ("crossfade-experiments", &[]),
    ("crossfade-index", &["matrix"]),
    ("crossfade-ingest", &["catalog", "experiments", "matrix"]),
    ("crossfade-matrix", &[]),
    ("crossfade-mf", &["matrix"]),
    ("crossfade-synth", &[]),
    ("crossfade-tune", &[]),
];

/// Libraries that only these crates may use.
const OWNERS: [(&str, &[&str]); 7] = [
    ("tonic", &["crossfade", "crossfade-client"]),
    ("tokio", &["crossfade", "crossfade-client"]),
    ("prost", &["crossfade", "crossfade-client"]),
    ("usearch", &["crossfade-index"]),
    ("parquet", &["crossfade-ingest"]),
    ("arrow-array", &["crossfade-bundle", "crossfade-ingest"]),
    (
        "faer",
        &[
            "crossfade-baselines",
            "crossfade-content",
            "crossfade-index",
            "crossfade-mf",
        ],
    ),
];

/// (package, dependency) for every dependency that is built into the product.
fn dependencies() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut found = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["kind"].is_null() {
                let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
                found.push((name(package), name(dependency)));
            }
        }
    }
    found
}

#[test]
fn crates_depend_on_each_other_only_downwards() {
    let ours = |name: &str| name == "crossfade" || name.starts_with("crossfade-");
    let found: BTreeSet<(String, String)> = dependencies()
        .into_iter()
        .filter(|(_, dependency)| ours(dependency))
        .collect();
    let allowed: BTreeSet<(String, String)> = ARROWS
        .iter()
        .flat_map(|(package, targets)| {
            targets
                .iter()
                .map(|target| (package.to_string(), format!("crossfade-{target}")))
        })
        .collect();
    assert_eq!(found, allowed);
}

#[test]
fn heavy_libraries_stay_where_they_belong() {
    let found = dependencies();
    for (library, owners) in OWNERS {
        let users: BTreeSet<&str> = found
            .iter()
            .filter(|(_, dependency)| dependency == library)
            .map(|(package, _)| package.as_str())
            .collect();
        assert_eq!(
            users,
            owners.iter().copied().collect(),
            "who uses {library}"
        );
    }
}
