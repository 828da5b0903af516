use std::{collections::BTreeSet, path::Path, sync::OnceLock};

use crossfade::pb;

use crate::harness::{Server, crossfade, succeed};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

/// The sample, trained with default settings: its store and the training's report.
fn trained() -> &'static (tempfile::TempDir, serde_json::Value) {
    static TRAINED: OnceLock<(tempfile::TempDir, serde_json::Value)> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let store = tempfile::tempdir().unwrap();
        let report = succeed(
            crossfade()
                .args(["train", "--json", "--plays"])
                .arg(Path::new(DATA).join("plays.parquet"))
                .arg("--tracks")
                .arg(Path::new(DATA).join("tracks.parquet"))
                .arg("--out")
                .arg(store.path()),
        );
        (store, serde_json::from_str(&report).unwrap())
    })
}

fn ndcg(report: &serde_json::Value, arm: &str) -> f64 {
    let arms = report["validation"]["arms"].as_array().unwrap();
    let arm = arms.iter().find(|found| found["arm"] == arm).unwrap();
    let metrics = arm["metrics"].as_array().unwrap();
    let metric = metrics
        .iter()
        .find(|found| found["metric"] == "NDCG@20")
        .unwrap();
    metric["mean"].as_f64().unwrap()
}

#[test]
fn the_default_blend_is_no_worse_than_either_kind_of_evidence() {
    let report = &trained().1;
    let popular = ndcg(report, "popular");
    assert!(ndcg(report, "collaborative") > popular && ndcg(report, "blend") > popular);
    for comparison in report["validation"]["comparisons"].as_array().unwrap() {
        let high = comparison["difference"]["high"].as_f64().unwrap();
        assert!(
            high >= 0.0,
            "the blend is worse than {}: {comparison}",
            comparison["baseline"]
        );
    }
}

#[test]
fn what_is_known_of_new_tracks_leads_to_their_listeners() {
    let output = succeed(
        crossfade()
            .args(["evaluate", "--json", "--split", "tracks"])
            .args(["--fraction", "0.1", "--dim", "32", "--plays"])
            .arg(Path::new(DATA).join("plays.parquet"))
            .arg("--tracks")
            .arg(Path::new(DATA).join("tracks.parquet")),
    );
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let comparisons = report["comparisons"].as_array().unwrap();
    let baselines: Vec<_> = comparisons.iter().map(|found| &found["baseline"]).collect();
    assert_eq!(baselines, ["chance", "content", "predicted by numbers"]);
    for comparison in comparisons {
        let low = comparison["difference"]["low"].as_f64().unwrap();
        assert!(low > 0.0, "predicted factors gain nothing: {comparison}");
    }
}

#[test]
fn the_report_has_what_an_operator_wants_to_know() {
    let report = &trained().1;
    for number in ["users", "tracks", "cold_tracks", "pairs", "dim", "rows"] {
        assert!(report[number].as_u64().unwrap() > 0, "{number}");
    }
    let losses: Vec<f64> = report["epochs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|epoch| epoch["loss"].as_f64().unwrap())
        .collect();
    // In single precision the sum of some hundred thousand terms may wobble in its last digits.
    assert!(
        losses
            .windows(2)
            .all(|pair| pair[1] <= pair[0] * (1.0 + 1e-5)),
        "{losses:?}"
    );
    assert!(report["seconds_per_epoch"].as_f64().unwrap() > 0.0);
    assert!(report["stages"].as_array().unwrap().len() >= 5);
    assert_eq!(report["solver"], "conjugate_gradients");
    assert!(report["index_recall"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn cold_tracks_are_reached_by_every_ranking_that_knows_of_them() {
    let (store, report) = trained();
    let server = Server::start(store.path());
    let mut client = server.recommendations().await;
    let mut collaborative = BTreeSet::new();
    let mut content = BTreeSet::new();
    let mut blend = BTreeSet::new();
    for user in (0..2_000).step_by(25) {
        let user = format!("usr_{user:05}");
        collaborative.extend(tracks(&mut client, &user, pb::Ranking::Collaborative, None).await);
        content.extend(tracks(&mut client, &user, pb::Ranking::Content, None).await);
        blend.extend(tracks(&mut client, &user, pb::Ranking::Blend, Some(0.5)).await);
    }
    let is_cold = cold_ids();
    let share = is_cold.len() as f64 / report["tracks"].as_f64().unwrap();
    assert!(
        (0.04..0.07).contains(&share),
        "{share} of the sample is cold"
    );
    // Tracks that were only ever skipped have no listeners either.
    assert!(report["cold_tracks"].as_u64().unwrap() as usize >= is_cold.len());
    assert!(report["predicted_tracks"].as_u64().unwrap() as usize >= is_cold.len());
    assert!(collaborative.intersection(&is_cold).count() > 0);
    assert!(content.intersection(&is_cold).count() > 0);
    assert!(blend.intersection(&is_cold).count() > 0);
}

async fn tracks(
    client: &mut pb::recommendation_service_client::RecommendationServiceClient<
        tonic::transport::Channel,
    >,
    user: &str,
    ranking: pb::Ranking,
    content_weight: Option<f64>,
) -> BTreeSet<String> {
    let request = pb::RecommendRequest {
        user_id: user.to_owned(),
        ranking: ranking.into(),
        content_weight,
        limit: Some(1_000),
        ..Default::default()
    };
    let response = client.recommend(request).await.unwrap().into_inner();
    response
        .tracks
        .into_iter()
        .map(|track| track.track_id)
        .collect()
}

/// Tracks of the sample that no play names.
fn cold_ids() -> BTreeSet<String> {
    let read = |file: &str| -> BTreeSet<String> {
        let path = Path::new(DATA).join(file);
        let (ids, _) = crossfade_ingest::read_ids(path, "track_id").unwrap();
        ids.iter().map(str::to_owned).collect()
    };
    read("tracks.parquet")
        .difference(&read("plays.parquet"))
        .cloned()
        .collect()
}
