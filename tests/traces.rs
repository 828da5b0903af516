use std::fs;

use crate::harness::{World, crossfade, fail};

#[cfg(feature = "otlp")]
mod collected;

#[test]
fn a_collector_that_nothing_can_be_sent_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("settings.toml");
    fs::write(
        &settings,
        "[serve]\ntraces_collector = \"not an address\"\n",
    )
    .unwrap();
    let mut serve = crossfade();
    serve
        .arg("serve")
        .arg("--bundles")
        .arg(&World::shared().store);
    let complaint = fail(serve.arg("--config").arg(&settings));
    assert!(complaint.contains("serve.traces_collector"), "{complaint}");
    let remedy = complaint.contains("--features otlp");
    assert_eq!(remedy, cfg!(not(feature = "otlp")), "{complaint}");
}
