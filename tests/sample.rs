use std::{fs, path::Path};

use crate::harness::{crossfade, succeed};

/// The sample that the repository ships.
fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}

#[test]
fn the_sample_is_what_generate_writes_bit_for_bit() {
    let again = tempfile::tempdir().unwrap();
    succeed(crossfade().arg("generate").arg("--out").arg(again.path()));
    for file in ["plays.parquet", "tracks.parquet"] {
        let shipped = fs::read(data().join(file)).unwrap();
        let written = fs::read(again.path().join(file)).unwrap();
        assert!(
            shipped == written,
            "data/{file} is not what \"crossfade generate --out data\" writes"
        );
    }
}

#[test]
fn the_sample_stays_small() {
    let total: u64 = ["plays.parquet", "tracks.parquet"]
        .iter()
        .map(|file| fs::metadata(data().join(file)).unwrap().len())
        .sum();
    assert!(total < 4_000_000, "data/ has {total} bytes");
}
