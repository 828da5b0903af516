use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::harness::{World, crossfade, fail, succeed};

/// The sample that the repository ships.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

fn analyze(out: &Path) -> Command {
    let mut command = crossfade();
    command
        .args(["analyze", "--tracks"])
        .arg(Path::new(DATA).join("tracks.parquet"))
        .arg("--plays")
        .arg(Path::new(DATA).join("plays.parquet"))
        .arg("--out")
        .arg(out);
    command
}

fn read_json(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("analysis.json")).unwrap()).unwrap()
}

fn sum<'a>(values: impl IntoIterator<Item = &'a Value>) -> f64 {
    values
        .into_iter()
        .map(|value| value.as_f64().unwrap())
        .sum()
}

#[test]
fn the_numbers_of_the_sample_fit_together() {
    let out = tempfile::tempdir().unwrap();
    let said: Value = serde_json::from_str(&succeed(analyze(out.path()).arg("--json"))).unwrap();
    let found = read_json(out.path());
    assert_eq!(said["counts"], found["counts"]);
    assert_eq!(found["counts"]["tracks"], 5_000);
    assert_eq!(found["counts"]["plays"], 150_000);
    let described = found["counts"]["described"].as_f64().unwrap();

    let columns = found["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 14, "13 features and the year");
    for column in columns {
        let histogram = &column["histogram"];
        let counted = sum(histogram["counts"].as_array().unwrap())
            + sum([&histogram["below"], &histogram["above"]]);
        assert_eq!(
            counted,
            column["known"].as_f64().unwrap(),
            "{}",
            column["name"]
        );
        assert_eq!(sum([&column["known"], &column["missing"]]), 5_000.0);
        let quantiles = column["quantiles"].as_array().unwrap();
        assert!(quantiles.is_sorted_by(|a, b| a.as_f64() <= b.as_f64()));
    }
    let correlations = found["correlations"]["values"].as_array().unwrap();
    for (i, row) in correlations.iter().enumerate() {
        assert!((row[i].as_f64().unwrap() - 1.0).abs() < 1e-12);
        assert!((0..i).all(|j| row[j] == correlations[j][i]));
    }

    let clusters = found["clusters"]["clusters"].as_array().unwrap();
    assert!(clusters.len() >= 4 && said["clusters"].as_array().unwrap().len() == clusters.len());
    assert_eq!(
        sum(clusters.iter().map(|cluster| &cluster["tracks"])),
        described
    );
    let choices = found["clusters"]["choices"].as_array().unwrap();
    let eligible = choices
        .iter()
        .filter(|choice| choice["clusters"].as_u64() >= Some(4));
    let score = |choice: &&Value| choice["silhouette"].as_f64().unwrap();
    let best = eligible
        .max_by(|a, b| score(a).total_cmp(&score(b)))
        .unwrap();
    assert_eq!(best["clusters"].as_u64(), Some(clusters.len() as u64));
    assert_eq!(
        found["clusters"]["tree"].as_array().unwrap().len(),
        clusters.len() - 1
    );
    let names: Vec<&str> = clusters
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");

    let popularity = &found["popularity"];
    let r2 = popularity["r2"].as_f64().unwrap();
    assert!(0.0 < r2 && r2 < 1.0 && popularity["adjusted_r2"].as_f64().unwrap() < r2);
    for effect in popularity["effects"].as_array().unwrap() {
        let [low, middle, high] =
            ["low", "per_std", "high"].map(|end| effect[end].as_f64().unwrap());
        assert!(low < middle && middle < high, "{effect}");
    }
    // The sample's latest tracks were never played.
    let year = &popularity["effects"][0];
    assert!(year["column"] == "year" && year["high"].as_f64() < Some(0.0));
}

#[test]
fn the_page_is_complete_in_itself() {
    let out = tempfile::tempdir().unwrap();
    succeed(&mut analyze(out.path()));
    let html = fs::read_to_string(out.path().join("analysis.html")).unwrap();
    for reference in [
        "http:", "https:", "//", "<script", "<link", "<img", "src=", "url(", "@import",
    ] {
        assert!(
            !html.contains(reference),
            "the page refers to something: {reference}"
        );
    }
    let links = html.split("href=\"").skip(1);
    for link in links.map(|rest| rest.split('"').next().unwrap()) {
        let id = link.strip_prefix('#').unwrap();
        assert!(
            html.contains(&format!("id=\"{id}\"")),
            "{link} leads nowhere"
        );
    }
    let drawings = check_markup(&html);
    assert!(drawings > 20, "{drawings} drawings");
    assert!(!html.contains("NaN") && !html.contains("inf\""));
    let files: Vec<_> = fs::read_dir(out.path()).unwrap().collect();
    assert_eq!(files.len(), 2, "{files:?}");
}

/// Checks that elements are closed in order, attributes quoted and references complete, and counts the drawings.
fn check_markup(html: &str) -> usize {
    let mut open: Vec<&str> = Vec::new();
    let mut drawings = 0;
    let body = html.strip_prefix("<!DOCTYPE html>").unwrap();
    for (at, part) in body.split('<').enumerate() {
        if at == 0 {
            continue;
        }
        let (tag, text) = part.split_once('>').expect("a tag ends");
        let in_style = tag == "style";
        assert!(in_style || !text.contains('>'), "a stray > after <{tag}>");
        for reference in text.split('&').skip(1).chain(tag.split('&').skip(1)) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(
                known.iter().any(|known| reference.starts_with(known)),
                "&{reference}"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> closes something else");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}> has an open quote");
        let name = tag.split([' ', '/']).next().unwrap();
        drawings += usize::from(name == "svg");
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    drawings
}

#[test]
fn the_same_input_gives_the_same_bytes_on_any_number_of_threads() {
    let [one, four] = ["1", "4"].map(|threads| {
        let out = tempfile::tempdir().unwrap();
        succeed(analyze(out.path()).args(["--threads", threads, "--clusters", "6"]));
        ["analysis.json", "analysis.html"].map(|file| fs::read(out.path().join(file)).unwrap())
    });
    assert!(one == four);
    let found: Value = serde_json::from_slice(&one[0]).unwrap();
    assert_eq!(found["clusters"]["clusters"].as_array().unwrap().len(), 6);
}

#[test]
fn what_cannot_be_analyzed_is_named_and_nothing_is_written() {
    let out = tempfile::tempdir().unwrap();
    let refuse = |tracks: &Path, arguments: &[&str]| {
        let mut command = crossfade();
        command.args(["analyze", "--out"]).arg(out.path());
        let complaint = fail(command.arg("--tracks").arg(tracks).args(arguments));
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
        complaint
    };
    let sample = Path::new(DATA).join("tracks.parquet");
    // A play log has track ids, but no audio features.
    let complaint = refuse(&Path::new(DATA).join("plays.parquet"), &[]);
    assert!(
        complaint.contains("plays.parquet has nothing to analyze")
            && complaint.contains("content.schema"),
        "{complaint}"
    );
    let complaint = refuse(&out.path().join("nowhere.parquet"), &[]);
    assert!(complaint.contains("nowhere.parquet"), "{complaint}");
    for count in ["0", "1", "101"] {
        let complaint = refuse(&sample, &["--clusters", count]);
        assert!(
            complaint.contains("--clusters must be from 2 to 100"),
            "{complaint}"
        );
    }
}

#[test]
fn a_bundle_tells_its_clusters() {
    let mut show = crossfade();
    show.args(["bundle", "show", "--bundles"])
        .arg(&World::shared().store);
    let bundle: Value = serde_json::from_str(&succeed(show.arg("--json"))).unwrap();
    let clusters = bundle["clusters"].as_array().unwrap();
    assert!(clusters.len() >= 4);
    assert_eq!(
        sum(clusters.iter().map(|cluster| &cluster["tracks"])),
        900.0
    );

    let mut show = crossfade();
    show.args(["bundle", "show", "--bundles"])
        .arg(&World::shared().store);
    let text = succeed(&mut show);
    for cluster in clusters {
        assert!(text.contains(cluster["name"].as_str().unwrap()), "{text}");
    }
}
