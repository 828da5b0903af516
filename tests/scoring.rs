use std::{collections::BTreeMap, path::Path};

use crossfade::pb;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;

use crate::harness::{Server, World, crossfade, fail, succeed};

type Lists = BTreeMap<String, Vec<(String, f64)>>;

/// (track, score) by user, in order of rank.
fn read(path: &Path) -> Lists {
    let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
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
            "rank",
            "track_id",
            "score",
            "collaborative_score",
            "content_score",
            "popularity_score"
        ]
    );
    let mut lists = Lists::new();
    for row in file.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let list = lists.entry(row.get_string(0).unwrap().clone()).or_default();
        list.push((
            row.get_string(2).unwrap().clone(),
            row.get_double(3).unwrap(),
        ));
        assert_eq!(
            row.get_uint(1).unwrap() as usize,
            list.len(),
            "ranks count up"
        );
        let parts =
            row.get_double(4).unwrap() + row.get_double(5).unwrap() + row.get_double(6).unwrap();
        assert_eq!(parts.to_bits(), row.get_double(3).unwrap().to_bits());
    }
    lists
}

fn score(out: &Path) -> std::process::Command {
    let mut command = crossfade();
    command
        .arg("score")
        .arg("--bundles")
        .arg(&World::shared().store)
        .arg("--out")
        .arg(out);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_scores_are_what_the_service_answers() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let directory = tempfile::tempdir().unwrap();
    for weight in [0.0, 0.5, 1.0] {
        let out = directory.path().join(format!("{weight}.parquet"));
        succeed(score(&out).args(["--limit", "15", "--content-weight", &weight.to_string()]));
        let lists = read(&out);
        assert_eq!(lists.len(), 300, "every user is scored");
        for (user, list) in lists.iter().step_by(7) {
            let request = pb::RecommendRequest {
                user_id: user.clone(),
                content_weight: Some(weight),
                limit: Some(15),
                ..Default::default()
            };
            let response = client.recommend(request).await.unwrap().into_inner();
            let answered: Vec<(String, f64)> = response
                .tracks
                .into_iter()
                .map(|track| (track.track_id, track.score))
                .collect();
            assert_eq!(&answered, list, "user {user} at weight {weight}");
        }
    }
}

#[test]
fn shards_are_disjoint_and_together_complete() {
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.parquet");
    succeed(&mut score(&whole));
    let mut joined = Lists::new();
    for shard in 0..3 {
        let out = directory.path().join(format!("{shard}.parquet"));
        succeed(score(&out).args(["--shard", &format!("{shard}/3")]));
        for (user, list) in read(&out) {
            assert!(
                joined.insert(user, list).is_none(),
                "a user is in two shards"
            );
        }
    }
    assert_eq!(joined, read(&whole));
}

#[test]
fn the_same_request_writes_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| directory.path().join(name));
    succeed(score(&first).args(["--threads", "1"]));
    succeed(score(&second).args(["--threads", "4"]));
    assert!(std::fs::read(first).unwrap() == std::fs::read(second).unwrap());
}

#[test]
fn candidates_bound_what_is_recommended() {
    let world = World::shared();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("scores.parquet");
    // A score file has both columns that lists of users and candidates need.
    let narrow = directory.path().join("narrow.parquet");
    succeed(score(&narrow).args(["--ranking", "popular", "--shard", "0/150", "--limit", "5"]));
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
