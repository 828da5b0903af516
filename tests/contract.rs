use std::{process::Stdio, time::Duration};

use crossfade::pb;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{Server, World, crossfade, succeed, train};

async fn health(server: &Server, service: &str) -> ServingStatus {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let mut client = HealthClient::new(server.channel().await);
    client.check(request).await.unwrap().into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_whether_there_is_a_bundle_to_answer_from() {
    let world = World::shared();
    let store = tempfile::tempdir().unwrap();
    let server = Server::start(store.path());
    let services = ["", "crossfade.v1.RecommendationService"];
    for service in services {
        assert_eq!(health(&server, service).await, ServingStatus::NotServing);
    }
    let request = pb::RecommendRequest::default();
    let status = server
        .recommendations()
        .await
        .recommend(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);

    train(&world.data, store.path(), "1");
    let mut patience = 600;
    while health(&server, "").await != ServingStatus::Serving {
        patience -= 1;
        assert!(
            patience > 0,
            "the server did not take the bundle into service"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for service in services {
        assert_eq!(health(&server, service).await, ServingStatus::Serving);
    }
    // It was not told where to record.
    let events = "crossfade.v1.EventService";
    assert_eq!(health(&server, events).await, ServingStatus::NotServing);
}

#[tokio::test]
async fn a_terminated_server_finishes_and_exits_with_0() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let requests: Vec<_> = (0..50)
        .map(|user| {
            let mut client = client.clone();
            let request = pb::RecommendRequest {
                user_id: format!("usr_{user:05}"),
                ..Default::default()
            };
            tokio::spawn(async move { client.recommend(request).await })
        })
        .collect();
    // On this test's one thread, each task now runs until its request is on its way. All share one connection, which keeps
    // their order, so the answer to a last request means that the server has got them all.
    tokio::task::yield_now().await;
    client
        .recommend(pb::RecommendRequest::default())
        .await
        .unwrap();
    server.terminate();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    drop(client);
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn components_add_up_to_the_score_exactly() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    for user in 0..40 {
        let request = pb::RecommendRequest {
            user_id: format!("usr_{user:05}"),
            content_weight: Some(f64::from(user) / 39.0),
            discovery: Some(f64::from(user % 5) / 2.0 - 1.0),
            ..Default::default()
        };
        let response = client.recommend(request).await.unwrap().into_inner();
        assert_eq!(response.tracks.len(), 20);
        for track in response.tracks {
            let parts = track.components.unwrap();
            let sum = parts.collaborative + parts.content + parts.popularity + parts.discovery;
            assert_eq!(sum.to_bits(), track.score.to_bits());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn played_and_excluded_tracks_are_left_out_unless_asked_for() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let base = pb::RecommendRequest {
        user_id: "usr_00001".into(),
        limit: Some(50),
        ..Default::default()
    };
    let ids = |response: pb::RecommendResponse| -> Vec<String> {
        response
            .tracks
            .into_iter()
            .map(|track| track.track_id)
            .collect()
    };
    let fresh = ids(client.recommend(base.clone()).await.unwrap().into_inner());
    let with_played = pb::RecommendRequest {
        include_played: true,
        ..base.clone()
    };
    let all = ids(client.recommend(with_played).await.unwrap().into_inner());
    assert!(
        all.iter().any(|track| !fresh.contains(track)),
        "played tracks score high"
    );
    let excluding = pb::RecommendRequest {
        exclude_track_ids: fresh[..10].to_vec(),
        ..base
    };
    let rest = ids(client.recommend(excluding).await.unwrap().into_inner());
    assert_eq!(rest[..40], fresh[10..], "the others move up in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_folded_in_on_the_history_sent() {
    let world = World::shared();
    let server = Server::start(&world.store);
    let mut client = server.recommendations().await;
    // What a known user gets, a stranger gets who sends the same plays.
    let similar = pb::SimilarTracksRequest {
        track_id: popular_track(&mut client).await,
        ranking: pb::Ranking::Collaborative.into(),
        limit: Some(8),
        ..Default::default()
    };
    let seeds = client
        .similar_tracks(similar)
        .await
        .unwrap()
        .into_inner()
        .tracks;
    let history = seeds.iter().map(|track| pb::Play {
        track_id: track.track_id.clone(),
        play_count: Some(2),
        ..Default::default()
    });
    let request = pb::RecommendRequest {
        user_id: "a stranger".into(),
        history: history.collect(),
        ranking: pb::Ranking::Collaborative.into(),
        ..Default::default()
    };
    let response = client
        .recommend(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(!response.user_known);
    assert_eq!(response.basis(), pb::Basis::Full);
    let popular = pb::RecommendRequest {
        ranking: pb::Ranking::Popular.into(),
        ..request
    };
    let charts = client.recommend(popular).await.unwrap().into_inner();
    let ids = |tracks: &[pb::RankedTrack]| -> Vec<String> {
        tracks.iter().map(|track| track.track_id.clone()).collect()
    };
    assert_ne!(
        ids(&response.tracks),
        ids(&charts.tracks),
        "not merely the charts"
    );
}

async fn popular_track(
    client: &mut pb::recommendation_service_client::RecommendationServiceClient<
        tonic::transport::Channel,
    >,
) -> String {
    let request = pb::RecommendRequest {
        limit: Some(1),
        ..Default::default()
    };
    let response = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(response.basis(), pb::Basis::Popular);
    response.tracks[0].track_id.clone()
}

#[test]
fn the_command_line_client_prints_titles_and_json() {
    let server = Server::start(&World::shared().store);
    let address = format!("http://{}", server.address);
    let text =
        succeed(crossfade().args(["recommend", "usr_00002", "-w", "0.5", "--server", &address]));
    assert!(
        text.contains("title") && text.lines().count() > 10,
        "{text}"
    );
    let json =
        succeed(crossfade().args(["recommend", "usr_00002", "--json", "--server", &address]));
    let response: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(response["tracks"].as_array().unwrap().len(), 10);
    assert_eq!(response["ranking"], "RANKING_BLEND");
    let track = response["tracks"][0]["trackId"].as_str().unwrap();
    assert!(
        succeed(crossfade().args(["similar", track, "--server", &address])).contains("similar to")
    );
    let compared = succeed(crossfade().args(["compare", "usr_00002", "--server", &address]));
    assert!(compared.contains("rank-biased overlap"), "{compared}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut command = crossfade();
    command
        .args(["bundle", "list", "--bundles"])
        .arg(&World::shared().store);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed before the program has had the time to print.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
