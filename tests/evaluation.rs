use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use crate::harness::{World, crossfade, fail, succeed};

const ARMS: [&str; 6] = [
    "popular",
    "item-knn",
    "ease",
    "collaborative",
    "content",
    "blend",
];

/// Measures on the shared world with small factors.
fn evaluate(arguments: &[&str]) -> Command {
    let data = &World::shared().data;
    let mut command = crossfade();
    command.args(["evaluate", "--json", "--dim", "16", "--epochs", "4"]);
    command.arg("--plays").arg(data.join("plays.parquet"));
    command.arg("--tracks").arg(data.join("tracks.parquet"));
    command.args(arguments);
    command
}

fn report(command: &mut Command) -> Value {
    serde_json::from_str(&succeed(command)).unwrap()
}

/// The mean of a metric by ranking.
fn means(found: &Value, metric: &str) -> BTreeMap<String, f64> {
    let arms = found["arms"].as_array().unwrap().iter();
    let mean = |arm: &Value| {
        let metrics = arm["metrics"].as_array().unwrap();
        let of = metrics
            .iter()
            .find(|found| found["metric"] == metric)
            .unwrap();
        let interval = ["low", "mean", "high"].map(|end| of[end].as_f64().unwrap());
        assert!(interval.is_sorted(), "{arm}");
        (arm["arm"].as_str().unwrap().to_owned(), interval[1])
    };
    arms.map(mean).collect()
}

#[test]
fn every_ranking_is_measured_on_the_same_users_whatever_is_hidden() {
    for split in ["plays", "time", "users"] {
        let found = report(&mut evaluate(&[
            "--split",
            split,
            "--k",
            "5,20",
            "--content-weight",
            "0,0.5",
        ]));
        assert_eq!(found["split"]["kind"], split);
        let users = found["users"].as_u64().unwrap();
        assert!(users >= 20, "{users} users of {split}");
        let ndcg = means(&found, "NDCG@20");
        assert_eq!(ndcg.len(), ARMS.len() + 2);
        for arm in ["item-knn", "ease", "blend"] {
            assert!(
                ndcg[arm] > ndcg["popular"],
                "{split}: {arm} finds less than popularity, {ndcg:?}"
            );
        }
        // The blend without content is the collaborative ranking.
        assert_eq!(ndcg["blend:0"], ndcg["collaborative"]);
        assert!(means(&found, "Recall@20")["blend"] > means(&found, "Recall@5")["blend"]);

        let tests = found["comparisons"].as_array().unwrap();
        assert_eq!(
            tests.len(),
            ARMS.len() + 1,
            "the blend against each other ranking"
        );
        for test in tests {
            let [p, adjusted] = ["p_value", "adjusted"].map(|name| test[name].as_f64().unwrap());
            assert!(0.0 < p && p <= adjusted && adjusted <= 1.0, "{test}");
        }
        for by in ["history", "popularity"] {
            let segments = found["segments"].as_array().unwrap().iter();
            let segments: Vec<&Value> = segments.filter(|segment| segment["by"] == by).collect();
            let of_segments: u64 = segments
                .iter()
                .map(|segment| segment["users"].as_u64().unwrap())
                .sum();
            assert!(of_segments >= users, "{by} leaves users out");
            assert!(
                segments
                    .iter()
                    .all(|segment| segment["arms"].as_array().unwrap().len() == ARMS.len())
            );
        }
    }
}

#[test]
fn new_tracks_are_looked_for_among_each_other() {
    let found = report(&mut evaluate(&["--split", "tracks", "--k", "5,20"]));
    assert_eq!(
        (&found["split"]["kind"], &found["target"]),
        (&"tracks".into(), &"Recall@20".into())
    );
    let recall = means(&found, "Recall@20");
    assert!(recall["content"] > recall["chance"], "{recall:?}");
    let tracks = found["tracks"].as_u64().unwrap();
    assert!(tracks < 900, "{tracks} tracks are new");
    for arm in found["arms"].as_array().unwrap() {
        let coverage = arm["coverage"].as_f64().unwrap();
        assert!(coverage <= 1.0 && arm["bands"][3] == 1.0, "{arm}");
    }
    assert_eq!(found["unknown_pairs"], found["hidden"]);
}

#[test]
fn the_page_is_complete_in_itself_and_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let written = |name: &str, threads: &str| {
        let out = directory.path().join(name);
        let out_flag = out.to_str().unwrap();
        succeed(&mut evaluate(&["--out", out_flag, "--threads", threads]));
        let read = |file: &str| fs::read_to_string(out.join(file)).unwrap();
        (read("report.html"), read("metrics.json"))
    };
    let (page, numbers) = written("one", "1");
    for section in [
        "rankings",
        "weight",
        "tests",
        "segments",
        "popularity",
        "variety",
        "examples",
    ] {
        assert!(
            page.contains(&format!("<section id=\"{section}\">")),
            "{section}"
        );
    }
    for loading in ["http:", "https:", "<script", "<img", "<link", "url("] {
        assert!(!page.contains(loading), "the page has {loading}");
    }
    let found: Value = serde_json::from_str(&numbers).unwrap();
    let examples = found["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 4);
    assert!(page.contains(examples[0]["user"].as_str().unwrap()));
    let without_times = |numbers: &str| {
        let mut found: Value = serde_json::from_str(numbers).unwrap();
        found.as_object_mut().unwrap().remove("epochs");
        found
    };
    let (again, numbers_again) = written("two", "4");
    assert!(page == again, "threads change the page");
    assert_eq!(without_times(&numbers), without_times(&numbers_again));
}

#[test]
fn what_cannot_be_measured_is_told_with_a_remedy() {
    let complaint = fail(&mut evaluate(&["--split", "users", "--each-epoch"]));
    assert!(complaint.contains("--split users"), "{complaint}");
    let complaint = fail(&mut evaluate(&["--split", "tracks", "--arms", "blend"]));
    assert!(complaint.contains("--arms"), "{complaint}");
    let complaint = fail(&mut evaluate(&["--content-weight", "1.5"]));
    assert!(complaint.contains("1.5"), "{complaint}");
    let complaint = fail(evaluate(&[]).env("CROSSFADE_VALIDATION__MIN_TRACKS", "100000"));
    assert!(complaint.contains("validation.min_tracks"), "{complaint}");
    let blocked = World::shared().data.join("plays.parquet");
    let complaint = fail(evaluate(&["--out"]).arg(Path::new(&blocked).join("x")));
    assert!(complaint.contains("cannot create"), "{complaint}");
}
