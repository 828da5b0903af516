use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::harness::{World, crossfade, fail, succeed};

/// A search from a start that is far too stiff to learn anything.
fn search(directory: &Path) -> Command {
    let config = directory.join("start.toml");
    fs::write(
        &config,
        "[factorisation]\nalpha0 = 0.9\nregularization = 0.9\nseed = 4\n[tune.space]\nconfidence_alpha = [0.0, 0.0]\n",
    )
    .unwrap();
    let mut command = crossfade();
    command
        .args(["tune", "--json", "--config"])
        .arg(config)
        .arg("--plays")
        .arg(World::shared().data.join("plays.parquet"))
        .args(["--trials", "9", "--dims", "4,8", "--epochs", "4"]);
    command
}

fn report(command: &mut Command) -> serde_json::Value {
    serde_json::from_str(&succeed(command)).unwrap()
}

fn score(trial: &serde_json::Value) -> f64 {
    trial["score"].as_f64().unwrap()
}

/// A trial without the time it took, which no two runs share.
fn timeless(trial: &serde_json::Value) -> serde_json::Value {
    let mut trial = trial.clone();
    trial.as_object_mut().unwrap().remove("seconds").unwrap();
    trial
}

fn trials(report: &serde_json::Value) -> Vec<serde_json::Value> {
    report["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(timeless)
        .collect()
}

#[test]
fn the_best_trial_beats_a_bad_start_and_is_what_train_takes() {
    let directory = tempfile::tempdir().unwrap();
    let best = directory.path().join("best.toml");
    let report = report(search(directory.path()).arg("--out").arg(&best));
    let trials = report["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 9 + 3);
    assert_eq!(trials[0]["config"]["alpha0"], 0.9, "the start comes first");
    assert!(score(&report["best"]) > 1.2 * score(&trials[0]), "{report}");
    assert!(
        trials
            .iter()
            .all(|trial| score(trial) <= score(&report["best"]))
    );
    assert_eq!(report["complete"], true);

    let store = directory.path().join("bundles");
    let data = &World::shared().data;
    let trained = self::report(
        crossfade()
            .args(["train", "--json", "--no-validation", "--config"])
            .arg(&best)
            .arg("--plays")
            .arg(data.join("plays.parquet"))
            .arg("--tracks")
            .arg(data.join("tracks.parquet"))
            .arg("--out")
            .arg(&store),
    );
    let config = &report["best"]["config"];
    assert_eq!(trained["dim"], config["dim"]);
    assert_eq!(
        trained["epochs"].as_array().unwrap().len() as u64,
        config["epochs"].as_u64().unwrap()
    );
    let version = trained["version"].as_str().unwrap();
    let manifest = fs::read_to_string(store.join(version).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(&manifest["factorisation"], config);
}

#[test]
fn a_killed_search_goes_on_after_its_finished_trials_to_the_same_best() {
    let directory = tempfile::tempdir().unwrap();
    let journal = |name: &str| directory.path().join(name);
    let whole = report(
        search(directory.path())
            .arg("--journal")
            .arg(journal("whole")),
    );

    let torn = journal("torn");
    // Without --quiet, a line is printed for every finished trial.
    let mut running = Command::new(env!("CARGO_BIN_EXE_crossfade"))
        .args(
            search(directory.path())
                .get_args()
                .filter(|argument| *argument != "--quiet"),
        )
        .arg("--journal")
        .arg(&torn)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let finished = lines.filter(|line| line.as_ref().unwrap().contains(" trial "));
    assert_eq!(finished.take(3).count(), 3);
    running.kill().unwrap();
    running.wait().unwrap();

    let mut bytes = fs::read(&torn).unwrap();
    bytes.extend(b"{\"trial\":99,\"conf");
    fs::write(&torn, &bytes).unwrap();
    let resumed = report(search(directory.path()).arg("--journal").arg(&torn));
    assert!(resumed["resumed"].as_u64().unwrap() >= 3, "{resumed}");
    assert_eq!(trials(&resumed), trials(&whole));
    assert_eq!(timeless(&resumed["best"]), timeless(&whole["best"]));

    // With nothing left to do, nothing is done again.
    let before = fs::read(&torn).unwrap();
    let again = report(search(directory.path()).arg("--journal").arg(&torn));
    assert_eq!(again["resumed"], 12);
    assert_eq!(again["best"], resumed["best"]);
    assert_eq!(fs::read(&torn).unwrap(), before);
}

#[test]
fn a_journal_of_other_data_or_another_search_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("journal");
    let with = |arguments: &[&str]| {
        let mut command = search(directory.path());
        command.arg("--journal").arg(&journal).args(arguments);
        command
    };
    let unfinished = fail(&mut with(&["--seconds", "0"]));
    assert!(unfinished.contains("time was up"), "{unfinished}");
    let complaint = fail(&mut with(&["--fraction", "0.5"]));
    assert!(complaint.contains("other plays"), "{complaint}");
    let complaint = fail(&mut with(&["--metric", "recall@20"]));
    assert!(complaint.contains("tune.metric"), "{complaint}");
}

#[test]
fn a_given_split_is_measured_on_all_its_test_plays() {
    let directory = tempfile::tempdir().unwrap();
    let split = Split::write(directory.path());
    let evaluate = || {
        let mut command = crossfade();
        command.args([
            "evaluate", "--json", "--dim", "8", "--epochs", "4", "--train",
        ]);
        command.arg(&split.train).arg("--test").arg(&split.test);
        command
    };
    let found = report(&mut evaluate());
    assert_eq!(found["users"], split.users);
    assert_eq!(found["hidden"], split.pairs);
    assert_eq!(found["unknown_users"], 1);
    assert_eq!(found["unknown_pairs"], 2);
    assert_eq!(found["repeated_pairs"], 0);
    let arms: Vec<&str> = found["arms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arm| arm["arm"].as_str().unwrap())
        .collect();
    assert_eq!(arms, ["popular", "item-knn", "ease", "collaborative"]);
    let better = &found["comparisons"][0]["difference"]["low"];
    assert!(better.as_f64().unwrap() > 0.0, "{found}");

    let tracks = World::shared().data.join("tracks.parquet");
    let found = report(
        evaluate()
            .args(["--content-weight", "0.5"])
            .arg("--tracks")
            .arg(tracks),
    );
    assert_eq!(found["arms"].as_array().unwrap().len(), 7);
    assert!(found["parameters"]["content_weight"].is_number());

    let complaint = fail(evaluate().args(["--track-column", "item_id"]));
    assert!(complaint.contains("item_id"), "{complaint}");
}

/// Listening of two groups that share no track, parted in two files.
struct Split {
    train: PathBuf,
    test: PathBuf,
    users: usize,
    pairs: usize,
}

impl Split {
    fn write(directory: &Path) -> Self {
        let (train, test) = (
            directory.join("train.parquet"),
            directory.join("test.parquet"),
        );
        let mut known = Vec::new();
        let mut hidden = Vec::new();
        for user in 0..60 {
            for track in 0..20 {
                let id = format!("trk_{:05}", 20 * (user % 2) + track);
                let part = match (user * 7 + track * 3) % 5 {
                    0 => &mut hidden,
                    _ => &mut known,
                };
                part.push((format!("usr_{user:05}"), id));
            }
        }
        let (users, pairs) = (60 + 1, hidden.len() + 2);
        hidden.push(("a stranger".to_owned(), "never heard".to_owned()));
        hidden.push(("usr_00000".to_owned(), "never heard".to_owned()));
        for (path, plays) in [(&train, known), (&test, hidden)] {
            let mut writer = crossfade_ingest::PlayWriter::create(path).unwrap();
            for (user_id, track_id) in &plays {
                writer
                    .write(&crossfade_ingest::Play {
                        user_id,
                        track_id,
                        played_at_ms: 1_700_000_000_000,
                        ms_played: 180_000,
                        skipped: false,
                    })
                    .unwrap();
            }
            writer.finish().unwrap();
        }
        Self {
            train,
            test,
            users,
            pairs,
        }
    }
}
