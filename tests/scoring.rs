use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crossfade::pb;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::harness::{Server, World, crossfade, fail, succeed, train_command};

type List = Vec<(String, f64)>;

/// (track, score) in order of rank, by user and arm.
type Lists = BTreeMap<(String, String), List>;

/// The files of a directory, in order.
fn parts(directory: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(directory).unwrap();
    let paths = listed.map(|entry| entry.unwrap().path());
    let mut parts: Vec<PathBuf> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "parquet")
        })
        .collect();
    parts.sort();
    parts
}

/// Everything in a directory with its bytes.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let listed = fs::read_dir(directory).unwrap();
    let named = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    listed.map(named).collect()
}

fn read(directory: &Path) -> Lists {
    let mut lists = Lists::new();
    for part in parts(directory) {
        read_part(&part, &mut lists);
    }
    lists
}

fn read_part(path: &Path, lists: &mut Lists) {
    let file = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let columns: Vec<String> = file
        .metadata()
        .file_metadata()
        .schema()
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    assert_eq!(
        columns,
        [
            "user_id",
            "arm",
            "rank",
            "track_id",
            "score",
            "collaborative_score",
            "content_score",
            "popularity_score",
            "discovery_score"
        ]
    );
    for row in file.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let text = |column| row.get_string(column).unwrap().clone();
        let number = |column| row.get_double(column).unwrap();
        let list = lists.entry((text(0), text(1))).or_default();
        list.push((text(3), number(4)));
        assert_eq!(
            row.get_uint(2).unwrap() as usize,
            list.len(),
            "ranks count up"
        );
        let parts = number(5) + number(6) + number(7) + number(8);
        assert_eq!(parts.to_bits(), number(4).to_bits());
    }
}

fn score(out: &Path) -> std::process::Command {
    score_by(&World::shared().store, out)
}

fn score_by(store: &Path, out: &Path) -> std::process::Command {
    let mut command = crossfade();
    command.args(["score", "--bundles"]).arg(store);
    command.arg("--out").arg(out);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_scores_are_what_the_service_answers() {
    both_are_the_same(&World::shared().store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_with_several_and_recent_tastes_get_the_same_lists_in_both_ways() {
    let store = tempfile::tempdir().unwrap();
    let train = |modes: &str, share: &str| {
        let mut command = train_command(&World::shared().data, store.path());
        command
            .env("CROSSFADE_CONTENT__TASTE__MODES", modes)
            .env("CROSSFADE_CONTENT__TASTE__RECENT_SHARE", share);
        succeed(&mut command);
        let out = store.path().join(format!("content-{modes}-{share}"));
        succeed(score_by(store.path(), &out).args(["--limit", "15", "--arms", "content"]));
        read(&out)
    };
    // Either changes lists by content alone.
    let plain = train("1", "0");
    let recent = train("1", "0.5");
    let both = train("3", "0.5");
    assert!(plain != recent && recent != both);
    both_are_the_same(store.path()).await;
}

async fn both_are_the_same(store: &Path) {
    let server = Server::start(store);
    let mut client = server.recommendations().await;
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("scores");
    let arms = "blend:0,blend:0.5,blend:1,popular";
    succeed(score_by(store, &out).args(["--limit", "15", "--arms", arms]));
    let lists = read(&out);
    assert_eq!(
        lists.len(),
        4 * 300,
        "every user is scored under every ranking"
    );
    for ((user, arm), list) in lists.iter().step_by(5) {
        let weight = arm
            .strip_prefix("blend:")
            .map(|weight| weight.parse().unwrap());
        let ranking = match weight {
            Some(_) => pb::Ranking::Blend,
            None => pb::Ranking::Popular,
        };
        let request = pb::RecommendRequest {
            user_id: user.clone(),
            ranking: ranking.into(),
            content_weight: weight,
            limit: Some(15),
            ..Default::default()
        };
        let response = client.recommend(request).await.unwrap().into_inner();
        let answered: List = response
            .tracks
            .into_iter()
            .map(|track| (track.track_id, track.score))
            .collect();
        assert_eq!(&answered, list, "user {user} by {arm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dials_and_rules_are_those_of_requests() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("scores");
    let dials = [
        "--discovery",
        "-0.5",
        "--diversity",
        "0.3",
        "--max-per-artist",
        "1",
    ];
    succeed(
        score(&out)
            .args(["--limit", "10", "--shard", "0/2", "--part-users", "20"])
            .args(dials),
    );
    for ((user, _), list) in read(&out).iter().step_by(5) {
        let request = pb::RecommendRequest {
            user_id: user.clone(),
            limit: Some(10),
            discovery: Some(-0.5),
            diversity: Some(0.3),
            rules: Some(pb::ListRules {
                max_per_artist: Some(1),
                ..Default::default()
            }),
            ..Default::default()
        };
        let response = client.recommend(request).await.unwrap().into_inner();
        let answered = response.tracks.into_iter();
        let answered: List = answered
            .map(|track| (track.track_id, track.score))
            .collect();
        assert_eq!(&answered, list, "user {user}");
    }
    let complaint = fail(score(&out).args(["--diversity", "2"]));
    assert!(
        complaint.contains("--diversity must be from 0 to 1, is 2"),
        "{complaint}"
    );
}

#[cfg(not(feature = "object-store"))]
#[test]
fn a_url_is_refused_with_what_to_build() {
    let complaint = fail(&mut score(Path::new("s3://music/scores")));
    assert!(complaint.contains("--features object-store"), "{complaint}");
    assert!(!Path::new("s3:").exists());
}

#[cfg(feature = "object-store")]
#[test]
fn an_object_store_gets_the_files_of_a_directory_and_goes_on_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let [plain, stored] = ["plain", "stored"].map(|name| directory.path().join(name));
    let url = format!("file://{}", stored.display());
    let small = ["--part-users", "70", "--limit", "5"];
    succeed(score(&plain).args(small));
    succeed(score(Path::new(&url)).args(small).args(["--shard", "1/2"]));
    assert!(parts(&stored).len() < 5);
    let report = succeed(score(Path::new(&url)).args(small).arg("--json"));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["parts_found"], 3);
    assert!(contents(&stored) == contents(&plain));
    let complaint = fail(score(Path::new(&url)).args(["--limit", "6"]));
    assert!(
        complaint.contains("_manifest.json is of another run"),
        "{complaint}"
    );
    fs::write(stored.join("part-00000.parquet"), "not Parquet").unwrap();
    let complaint = fail(score(Path::new(&url)).args(small));
    assert!(complaint.contains("part-00000.parquet"), "{complaint}");
}

#[test]
fn one_ranking_alone_is_what_it_is_beside_others() {
    let directory = tempfile::tempdir().unwrap();
    let [both, alone] = ["both", "alone"].map(|name| directory.path().join(name));
    succeed(score(&both).args(["--arms", "content,blend:0.3", "--limit", "7"]));
    succeed(score(&alone).args(["--content-weight", "0.3", "--limit", "7"]));
    let mut both = read(&both);
    both.retain(|(_, arm), _| arm == "blend:0.3");
    assert_eq!(both, read(&alone));
    let complaint = fail(score(directory.path()).args(["--arms", "blend:0.50,blend:0.5"]));
    assert!(complaint.contains("twice"), "{complaint}");
}

#[test]
fn shards_may_share_a_directory_and_together_are_the_whole() {
    let directory = tempfile::tempdir().unwrap();
    let [whole, shared] = ["whole", "shared"].map(|name| directory.path().join(name));
    let small = ["--part-users", "70"];
    succeed(score(&whole).args(small));
    for shard in ["1/3", "0/3", "2/3"] {
        let before = parts_or_none(&shared);
        succeed(score(&shared).args(small).args(["--shard", shard]));
        assert!(parts(&shared).len() > before);
    }
    assert_eq!(parts(&shared).len(), 5);
    assert!(contents(&shared) == contents(&whole));
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| directory.path().join(name));
    let request = ["--part-users", "16", "--limit", "200"];
    succeed(score(&whole).args(request).args(["--threads", "4"]));
    for _ in 0..3 {
        let mut running = score(&killed)
            .args(request)
            .args(["--threads", "1"])
            .spawn()
            .unwrap();
        let before = parts_or_none(&killed);
        while parts_or_none(&killed) < before + 2 && running.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let done = parts_or_none(&killed);
    let report = succeed(score(&killed).args(request).arg("--json"));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["parts"], 19);
    assert_eq!(report["parts_found"], done);
    assert_eq!(report["users"], 300);
    assert!(contents(&killed) == contents(&whole));
}

/// How many files there are, if there is a directory yet.
fn parts_or_none(directory: &Path) -> usize {
    match directory.exists() {
        true => parts(directory).len(),
        false => 0,
    }
}

#[test]
fn files_of_another_run_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let [out, other, empty] = ["out", "other", "empty"].map(|name| directory.path().join(name));
    succeed(score(&out).args(["--limit", "5"]));
    let before = contents(&out);
    let complaint = fail(score(&out).args(["--limit", "6"]));
    assert!(
        complaint.contains("_manifest.json") && complaint.contains("limit (there 5, here 6)"),
        "{complaint}"
    );
    assert!(contents(&out) == before, "what is there stays");

    succeed(score(&other).args(["--limit", "6"]));
    fs::copy(
        other.join("part-00000.parquet"),
        out.join("part-00000.parquet"),
    )
    .unwrap();
    let complaint = fail(score(&out).args(["--limit", "5"]));
    assert!(
        complaint.contains("part-00000.parquet is not of this run"),
        "{complaint}"
    );

    fs::create_dir(&empty).unwrap();
    fs::copy(other.join("part-00000.parquet"), empty.join("mine.parquet")).unwrap();
    let complaint = fail(score(&empty).args(["--limit", "6"]));
    assert!(
        complaint.contains("mine.parquet is not of this run"),
        "{complaint}"
    );
    assert_eq!(contents(&empty).len(), 1);
}

#[test]
fn candidates_bound_what_is_recommended() {
    let world = World::shared();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("scores");
    // A file of scores has both columns that lists of users and candidates need.
    let narrow = directory.path().join("narrow");
    let two = ["--part-users", "2", "--shard", "0/150", "--limit", "5"];
    succeed(score(&narrow).args(["--ranking", "popular"]).args(two));
    let allowed: Vec<String> = read(&narrow)
        .into_values()
        .flatten()
        .map(|(track, _)| track)
        .collect();
    succeed(
        score(&out)
            .arg("--candidates")
            .arg(&narrow)
            .arg("--users")
            .arg(&narrow),
    );
    let lists = read(&out);
    assert_eq!(lists.len(), 2);
    assert!(
        lists
            .values()
            .flatten()
            .all(|(track, _)| allowed.contains(track))
    );
    let complaint = fail(
        score(&out)
            .arg("--users")
            .arg(world.data.join("tracks.parquet")),
    );
    assert!(
        complaint.contains("user_id") && complaint.contains("tracks.parquet"),
        "{complaint}"
    );
}
