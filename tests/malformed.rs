use crossfade::pb::{self, recommendation_service_client::RecommendationServiceClient};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{Server, World};

mod dials;
mod experiments;
mod plays;
mod requests;

use dials::{describe_cases, dial_cases, playlist_cases, rank_cases};
use requests::{compare_cases, play, recommend_cases, similar_cases};

/// A request that must be refused, and the field that must be blamed.
enum Malformed {
    Recommend(pb::RecommendRequest, String),
    Similar(pb::SimilarTracksRequest, String),
    Compare(pb::CompareRankingsRequest, String),
    Rank(pb::RankTracksRequest, String),
    Playlist(pb::GeneratePlaylistRequest, String),
    Describe(pb::DescribeTrackRequest, String),
}

use Malformed::{Compare, Describe, Playlist, Rank, Recommend, Similar};

async fn refusal(
    client: &mut RecommendationServiceClient<Channel>,
    malformed: Malformed,
) -> (Status, String) {
    match malformed {
        Recommend(request, field) => (client.recommend(request).await.unwrap_err(), field),
        Similar(request, field) => (client.similar_tracks(request).await.unwrap_err(), field),
        Compare(request, field) => (client.compare_rankings(request).await.unwrap_err(), field),
        Rank(request, field) => (client.rank_tracks(request).await.unwrap_err(), field),
        Playlist(request, field) => (client.generate_playlist(request).await.unwrap_err(), field),
        Describe(request, field) => (client.describe_track(request).await.unwrap_err(), field),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_request_is_told_its_field_and_the_server_goes_on() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let cases: Vec<Malformed> = [
        recommend_cases(),
        similar_cases(),
        compare_cases(),
        dial_cases(),
        rank_cases(),
        playlist_cases(),
        describe_cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(cases.len() >= 300, "only {} cases", cases.len());
    for case in cases {
        let (status, field) = refusal(&mut client, case).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].field, field, "{violations:?}");
        assert!(!violations[0].description.is_empty());
        assert_eq!(details.error_info().unwrap().reason, "INVALID_REQUEST");
    }
    let response = client
        .recommend(pb::RecommendRequest::default())
        .await
        .unwrap();
    assert_eq!(response.into_inner().tracks.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_request_is_told_at_once() {
    let server = Server::start(&World::shared().store);
    let request = pb::RecommendRequest {
        limit: Some(-1),
        content_weight: Some(f64::NAN),
        history: vec![play("", Some(0))],
        ..Default::default()
    };
    let status = server
        .recommendations()
        .await
        .recommend(request)
        .await
        .unwrap_err();
    let details = status.get_error_details();
    let fields: Vec<&str> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "history[0].track_id",
            "history[0].play_count",
            "content_weight",
            "limit"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tracks_are_reported_where_they_may_be_and_refused_where_they_must_exist() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let request = pb::RecommendRequest {
        history: vec![
            play("no such", None),
            play("nor this", None),
            play("no such", None),
        ],
        exclude_track_ids: vec!["nor this".into(), "nor that".into()],
        ..Default::default()
    };
    let response = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(
        response.unknown_track_ids,
        ["no such", "nor this", "nor that"]
    );
    assert_eq!(response.basis(), pb::Basis::Popular);

    let request = pb::SimilarTracksRequest {
        track_id: "no such".into(),
        ..Default::default()
    };
    let status = client.similar_tracks(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let details = status.get_error_details();
    assert_eq!(details.resource_info().unwrap().resource_name, "no such");
}
