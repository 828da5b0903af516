use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{World, copy_directory, crossfade, fail, succeed};

/// Enough epochs that a training is still far from its end when something happens to it in its first few.
const EPOCHS: &str = "1000";

/// The command that trains into `store`, with so many epochs and further arguments.
fn training(store: &Path, epochs: &str, arguments: &[&str]) -> Command {
    let data = &World::shared().data;
    let mut command = crossfade();
    command
        .arg("train")
        .arg("--plays")
        .arg(data.join("plays.parquet"))
        .arg("--tracks")
        .arg(data.join("tracks.parquet"))
        .arg("--out")
        .arg(store)
        .args([
            "--dim",
            "8",
            "--no-validation",
            "--json",
            "--epochs",
            epochs,
        ])
        .args(arguments);
    command
}

/// Runs a training that must succeed; what it reports, and the names and hashes of what it published.
fn trained(command: &mut Command, store: &Path) -> (Value, Value) {
    let report: Value = serde_json::from_str(&succeed(command)).unwrap();
    let files = published(&report, store);
    (report, files)
}

/// The names and hashes of what was published; the checkpoint is gone then.
fn published(report: &Value, store: &Path) -> Value {
    let bundle = store.join(report["version"].as_str().unwrap());
    let manifest = fs::read(bundle.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert!(!store.join(".checkpoint").exists(), "it is published");
    manifest["files"].clone()
}

/// Runs a training without some of its arguments, `--quiet` among them; what it reports and what it said meanwhile.
fn talking(training: &Command, without: &[&str]) -> (Value, String) {
    let kept = training
        .get_args()
        .filter(|argument| !without.iter().any(|left_out| argument == left_out));
    let output = Command::new(training.get_program())
        .args(kept)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{training:?} failed: {said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

/// The files of a training that nothing happens to.
fn undisturbed(epochs: &str) -> Value {
    let store = tempfile::tempdir().unwrap();
    trained(&mut training(store.path(), epochs, &[]), store.path()).1
}

/// A training under way that saves every epoch and tells of it.
struct Running {
    process: Child,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut process = command
            .env("CROSSFADE_LOG", "crossfade=debug")
            .env("CROSSFADE_CHECKPOINT__EVERY_SECONDS", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, said }
    }

    /// Waits until it says `message` of an epoch.
    fn until(&mut self, message: &str, epoch: usize) {
        let epoch = format!("\"epoch\":{epoch}");
        let found = |line: &str| {
            let mut parts = line.split([',', '}']);
            line.contains(message) && parts.any(|part| part.ends_with(&epoch))
        };
        let told = self.said.by_ref().any(|line| found(&line.unwrap()));
        assert!(told, "it never said \"{message}\" of {epoch}");
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        assert_eq!(self.process.wait().unwrap().code(), None, "it had ended");
    }

    /// Sends a signal, and returns the exit status and the last that it said.
    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
        let last = self.said.map_while(Result::ok).last().unwrap_or_default();
        (self.process.wait().unwrap().code(), last)
    }
}

/// A store with a checkpoint, left by a training that was asked to stop. And how many epochs it has.
fn interrupted() -> (TempDir, usize) {
    let store = tempfile::tempdir().unwrap();
    let mut running = Running::start(training(store.path(), EPOCHS, &[]));
    running.until("checkpoint saved", 3);
    let (status, last) = running.signal("-INT");
    assert_eq!(status, Some(130), "{last}");
    let words = last.strip_prefix("stopped after epoch ").unwrap();
    let done = words.split(' ').next().unwrap().parse().unwrap();
    (store, done)
}

fn resumed_after(report: &Value) -> Option<usize> {
    report["resumed_after"].as_u64().map(|done| done as usize)
}

fn factors(store: &Path) -> PathBuf {
    store.join(".checkpoint").join("factors")
}

#[test]
fn a_training_killed_at_any_moment_goes_on_to_the_same_vectors_and_loses_one_epoch_at_most() {
    let expected = undisturbed(EPOCHS);
    let store = tempfile::tempdir().unwrap();
    // While its first checkpoint is being written, between two, and while one replaces another; each goes on from the last.
    for (message, epoch) in [
        ("saving a checkpoint", 1),
        ("checkpoint saved", 2),
        ("saving a checkpoint", 7),
        ("checkpoint saved", 20),
        ("saving a checkpoint", 50),
        ("saving a checkpoint", 51),
    ] {
        let mut running = Running::start(training(store.path(), EPOCHS, &["--resume"]));
        running.until(message, epoch);
        running.kill();
        let copy = tempfile::tempdir().unwrap();
        copy_directory(store.path(), copy.path());
        let mut resuming = training(copy.path(), EPOCHS, &["--resume"]);
        let (report, files) = trained(&mut resuming, copy.path());
        let done = resumed_after(&report).unwrap_or(0);
        assert!(
            done + 1 >= epoch,
            "killed in epoch {epoch}, {done} are left"
        );
        assert_eq!(files, expected, "killed in epoch {epoch}");
        let epochs = report["epochs"].as_array().unwrap().iter();
        assert!(
            epochs
                .map(|epoch| epoch["epoch"].as_u64().unwrap())
                .eq(1..=1000),
            "every epoch is reported once"
        );
    }
}

#[test]
fn an_interrupted_training_says_how_to_go_on_and_does_so_to_the_same_vectors() {
    let expected = undisturbed(EPOCHS);
    for signal in ["-INT", "-TERM"] {
        let store = tempfile::tempdir().unwrap();
        let mut running = Running::start(training(store.path(), EPOCHS, &[]));
        running.until("checkpoint saved", 2);
        let (status, last) = running.signal(signal);
        assert_eq!(status, Some(130), "{last}");
        assert!(last.contains("--resume goes on"), "{last}");
        let mut resuming = training(store.path(), EPOCHS, &["--resume"]);
        let (report, files) = trained(&mut resuming, store.path());
        assert!(resumed_after(&report) >= Some(2), "{report}");
        assert_eq!(files, expected, "{signal}");
    }
}

#[test]
fn what_an_interrupted_training_has_learned_can_be_published_as_it_is() {
    let (store, done) = interrupted();
    let epochs = done.to_string();
    let mut publishing = training(store.path(), &epochs, &["--resume"]);
    let (report, files) = trained(&mut publishing, store.path());
    assert_eq!(resumed_after(&report), Some(done));
    assert_eq!(files, undisturbed(&epochs));
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name_and_with_the_remedy() {
    let (store, _) = interrupted();
    let path = factors(store.path());
    let intact = fs::read(&path).unwrap();
    let mut wrong: Vec<Vec<u8>> = [0, 100, intact.len() / 2, intact.len() - 1]
        .into_iter()
        .map(|place| {
            let mut damaged = intact.clone();
            damaged[place] ^= 1 << (place % 8);
            damaged
        })
        .collect();
    wrong.extend(
        [0, 7, 32, intact.len() / 2, intact.len() - 1].map(|length| intact[..length].into()),
    );
    for damaged in wrong {
        fs::write(&path, &damaged).unwrap();
        let complaint = fail(&mut training(store.path(), EPOCHS, &["--resume"]));
        let name = path.display().to_string();
        assert!(complaint.contains(&name), "{name}: {complaint}");
        assert!(complaint.contains("without --resume"), "{complaint}");
    }
    // And the remedy helps.
    let (report, _) = trained(&mut training(store.path(), "2", &[]), store.path());
    assert_eq!(resumed_after(&report), None);
}

#[test]
fn a_checkpoint_of_another_training_is_refused_and_stays() {
    let (store, done) = interrupted();
    let refused = |command: &mut Command, difference: &str| {
        let complaint = fail(command);
        assert!(complaint.contains(difference), "{difference}: {complaint}");
        assert!(complaint.contains("without --resume"), "{complaint}");
    };
    let resume =
        |arguments: &[&str]| training(store.path(), EPOCHS, &[&["--resume"], arguments].concat());
    refused(
        &mut resume(&["--alpha0", "0.5"]),
        "factorisation.alpha0: 0.01 then, 0.5 now",
    );
    refused(
        &mut resume(&["--seed", "9"]),
        "factorisation.seed: 0 then, 9 now",
    );
    refused(
        resume(&[]).env("CROSSFADE_FACTORISATION__CONFIDENCE__ALPHA", "1"),
        "factorisation.confidence.alpha: 0.0 then, 1.0 now",
    );
    refused(
        resume(&[]).env("CROSSFADE_PLAYS__HALF_LIFE_DAYS", "1"),
        "as many as then, but others",
    );
    refused(
        &mut training(store.path(), "1", &["--resume"]),
        &format!("--epochs {done} publishes what is there"),
    );
    let (report, files) = trained(&mut resume(&[]), store.path());
    assert_eq!(resumed_after(&report), Some(done));
    assert_eq!(files, undisturbed(EPOCHS));
}

#[test]
fn an_earlier_checkpoint_or_its_absence_is_told_and_training_starts_anew() {
    let (store, _) = interrupted();
    let told = |arguments: &[&str]| {
        let (report, said) = talking(&training(store.path(), "2", arguments), &["--quiet"]);
        assert_eq!(resumed_after(&report), None);
        said
    };
    let said = told(&[]);
    assert!(
        said.contains("an earlier training left a checkpoint"),
        "{said}"
    );
    let said = told(&["--resume"]);
    assert!(said.contains("there is no checkpoint"), "{said}");
    let said = told(&[]);
    assert!(!said.contains("checkpoint"), "{said}");
}

#[test]
fn a_full_disk_ends_a_training_with_an_error_and_spares_the_checkpoint_before() {
    let (store, done) = interrupted();
    let before = fs::read(factors(store.path())).unwrap();
    let resuming = training(store.path(), EPOCHS, &["--resume"]);
    // A file may have 512 bytes, and writing more fails like on a full disk.
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""])
        .arg(resuming.get_program())
        .args(resuming.get_args())
        .env("CROSSFADE_CHECKPOINT__EVERY_SECONDS", "0");
    let complaint = fail(&mut limited);
    assert!(complaint.contains("factors.part"), "{complaint}");
    assert!(complaint.contains("--resume"), "{complaint}");
    assert!(!store.path().join(".checkpoint/factors.part").exists());
    assert_eq!(fs::read(factors(store.path())).unwrap(), before);
    let (report, _) = trained(
        &mut training(store.path(), EPOCHS, &["--resume"]),
        store.path(),
    );
    assert_eq!(resumed_after(&report), Some(done));
}

#[test]
fn only_one_training_at_a_time_keeps_a_checkpoint_in_a_store() {
    let store = tempfile::tempdir().unwrap();
    let mut running = Running::start(training(store.path(), "100000", &[]));
    running.until("checkpoint saved", 1);
    let complaint = fail(&mut training(store.path(), "2", &[]));
    assert!(
        complaint.contains("another training is going on"),
        "{complaint}"
    );
    running.kill();
    trained(&mut training(store.path(), "2", &[]), store.path());
}

#[test]
fn a_resumed_training_takes_over_what_was_found_on_hidden_plays() {
    const WITHOUT: [&str; 2] = ["--quiet", "--no-validation"];
    let whole = tempfile::tempdir().unwrap();
    let (expected, said) = talking(&training(whole.path(), "300", &[]), &WITHOUT);
    assert!(expected["validation"]["users"].as_u64().unwrap() > 0);
    assert!(!said.contains("taken over"), "{said}");

    let store = tempfile::tempdir().unwrap();
    let plain = training(store.path(), "300", &[]);
    let mut validating = Command::new(plain.get_program());
    validating.args(plain.get_args().filter(|argument| *argument != WITHOUT[1]));
    let mut running = Running::start(validating);
    running.until("checkpoint saved", 2);
    running.kill();

    let findings = store.path().join(".checkpoint").join("findings");
    let kept = fs::read(&findings).unwrap();
    for (bytes, note) in [
        (&kept[..9], "measuring again"),
        (&kept, "what was found on hidden plays is taken over"),
    ] {
        let copy = tempfile::tempdir().unwrap();
        copy_directory(store.path(), copy.path());
        fs::write(copy.path().join(".checkpoint").join("findings"), bytes).unwrap();
        let resuming = training(copy.path(), "300", &["--resume"]);
        let (report, said) = talking(&resuming, &WITHOUT);
        assert!(said.contains(note), "{said}");
        assert!(resumed_after(&report) >= Some(2), "{report}");
        assert_eq!(report["validation"], expected["validation"]);
        assert_eq!(
            published(&report, copy.path()),
            published(&expected, whole.path())
        );
    }
}

#[test]
fn early_stopping_ends_a_training_once_epochs_are_of_no_more_use() {
    let store = tempfile::tempdir().unwrap();
    let plain = training(store.path(), "300", &[]);
    let mut stopping = Command::new(plain.get_program());
    let kept = plain
        .get_args()
        .filter(|argument| *argument != "--no-validation");
    stopping
        .args(kept)
        .env("CROSSFADE_VALIDATION__EARLY_STOPPING__ENABLED", "true");
    let (report, files) = trained(&mut stopping, store.path());
    let found = &report["validation"];
    let enough = found["enough_epochs"].as_u64().unwrap() as usize;
    assert!((1..200).contains(&enough), "{found}");
    assert_eq!(found["epochs"], enough);
    assert_eq!(found["epoch_curve"].as_array().unwrap().len(), enough + 2);
    assert_eq!(report["epochs"].as_array().unwrap().len(), enough);
    assert_eq!(files, undisturbed(&enough.to_string()));
}
