use crossfade::pb::{
    self, event_service_client::EventServiceClient,
    recommendation_service_client::RecommendationServiceClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{Server, World};

/// A request that must be refused, and the field that must be blamed.
enum Malformed {
    Recommend(pb::RecommendRequest, String),
    Similar(pb::SimilarTracksRequest, String),
    Compare(pb::CompareRankingsRequest, String),
}

use Malformed::{Compare, Recommend, Similar};

fn limits() -> Vec<i32> {
    vec![0, -1, -20, i32::MIN, 1_001, 5_000, 1_000_000, i32::MAX]
}

fn weights() -> Vec<f64> {
    vec![
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.000_1,
        -1.0,
        1.000_1,
        2.0,
        f64::MAX,
        f64::MIN,
    ]
}

fn rankings() -> Vec<i32> {
    vec![-1, 5, 6, 99, i32::MAX, i32::MIN]
}

/// Ids that are too long, up to 10 MB.
fn long_ids() -> Vec<String> {
    let lengths = [257, 1_000, 100_000, 10_000_000];
    let mut ids: Vec<String> = lengths.iter().map(|&length| "x".repeat(length)).collect();
    // 256 characters, but 512 bytes.
    ids.push("é".repeat(256));
    ids
}

fn play(track_id: &str, play_count: Option<u32>) -> pb::Play {
    pb::Play {
        track_id: track_id.to_owned(),
        play_count,
    }
}

fn recommend_cases() -> Vec<Malformed> {
    let base = pb::RecommendRequest {
        user_id: "usr_00001".into(),
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut add = |request: pb::RecommendRequest, field: &str| {
        cases.push(Recommend(request, field.to_owned()));
    };
    for limit in limits() {
        add(
            pb::RecommendRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    for weight in weights() {
        add(
            pb::RecommendRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    for ranking in rankings() {
        add(
            pb::RecommendRequest {
                ranking,
                ..base.clone()
            },
            "ranking",
        );
    }
    for ranking in [
        pb::Ranking::Collaborative,
        pb::Ranking::Content,
        pb::Ranking::Popular,
    ] {
        for weight in [0.0, 0.5, 1.0] {
            let request = pb::RecommendRequest {
                ranking: ranking.into(),
                content_weight: Some(weight),
                ..base.clone()
            };
            add(request, "content_weight");
        }
    }
    for id in long_ids() {
        add(
            pb::RecommendRequest {
                user_id: id.clone(),
                ..base.clone()
            },
            "user_id",
        );
        let history = vec![play("a", None), play(&id, None)];
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            "history[1].track_id",
        );
        let exclude_track_ids = vec![id];
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            "exclude_track_ids[0]",
        );
    }
    for place in [0_usize, 1, 9] {
        let mut history = vec![play("a", Some(1)); 10];
        history[place].track_id.clear();
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            &format!("history[{place}].track_id"),
        );
        let mut exclude_track_ids = vec!["a".to_owned(); 10];
        exclude_track_ids[place].clear();
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            &format!("exclude_track_ids[{place}]"),
        );
        for count in [0, 1_000_001, u32::MAX] {
            let mut history = vec![play("a", Some(1)); 10];
            history[place].play_count = Some(count);
            add(
                pb::RecommendRequest {
                    history,
                    ..base.clone()
                },
                &format!("history[{place}].play_count"),
            );
        }
    }
    for entries in [10_001, 50_000] {
        let history = vec![play("a", None); entries];
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            "history",
        );
        let exclude_track_ids = vec!["a".to_owned(); entries];
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            "exclude_track_ids",
        );
    }
    for (filter, field) in filters() {
        let filter = Some(filter);
        add(
            pb::RecommendRequest {
                filter,
                ..base.clone()
            },
            &format!("filter.{field}"),
        );
    }
    cases
}

fn filters() -> Vec<(pb::TrackFilter, String)> {
    let none = pb::TrackFilter::default();
    let mut filters = Vec::new();
    let mut names = |place: &str, make: &dyn Fn(Vec<String>) -> pb::TrackFilter, most: usize| {
        filters.push((make(vec!["a".into(); most + 1]), place.to_owned()));
        filters.push((make(vec!["a".into(), String::new()]), format!("{place}[1]")));
        filters.push((make(vec!["x".repeat(257)]), format!("{place}[0]")));
    };
    names(
        "track_ids",
        &|track_ids| pb::TrackFilter {
            track_ids,
            ..none.clone()
        },
        10_000,
    );
    names(
        "artists",
        &|artists| pb::TrackFilter {
            artists,
            ..none.clone()
        },
        1_000,
    );
    names(
        "genres",
        &|genres| pb::TrackFilter {
            genres,
            ..none.clone()
        },
        1_000,
    );
    let blocked = |blocked_artists| pb::TrackFilter {
        blocked_artists,
        ..none.clone()
    };
    names("blocked_artists", &blocked, 1_000);
    let blocked = |blocked_genres| pb::TrackFilter {
        blocked_genres,
        ..none.clone()
    };
    names("blocked_genres", &blocked, 1_000);
    for year in [i32::MIN, -40_000, 40_000, i32::MAX] {
        let min_year = Some(year);
        filters.push((
            pb::TrackFilter {
                min_year,
                ..none.clone()
            },
            "min_year".into(),
        ));
        let max_year = Some(year);
        filters.push((
            pb::TrackFilter {
                max_year,
                ..none.clone()
            },
            "max_year".into(),
        ));
    }
    let (min_year, max_year) = (Some(2_000), Some(1_999));
    filters.push((
        pb::TrackFilter {
            min_year,
            max_year,
            ..none.clone()
        },
        "max_year".into(),
    ));
    let market = "x".repeat(257);
    filters.push((pb::TrackFilter { market, ..none }, "market".into()));
    filters
}

fn similar_cases() -> Vec<Malformed> {
    let base = pb::SimilarTracksRequest {
        track_id: "trk_00001".into(),
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut add = |request: pb::SimilarTracksRequest, field: &str| {
        cases.push(Similar(request, field.to_owned()));
    };
    add(pb::SimilarTracksRequest::default(), "track_id");
    for limit in limits() {
        add(
            pb::SimilarTracksRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    for weight in weights() {
        add(
            pb::SimilarTracksRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    for ranking in rankings() {
        add(
            pb::SimilarTracksRequest {
                ranking,
                ..base.clone()
            },
            "ranking",
        );
    }
    add(
        pb::SimilarTracksRequest {
            ranking: pb::Ranking::Popular.into(),
            ..base.clone()
        },
        "ranking",
    );
    for ranking in [pb::Ranking::Collaborative, pb::Ranking::Content] {
        let request = pb::SimilarTracksRequest {
            ranking: ranking.into(),
            content_weight: Some(0.5),
            ..base.clone()
        };
        add(request, "content_weight");
    }
    for id in long_ids() {
        add(
            pb::SimilarTracksRequest {
                track_id: id.clone(),
                ..base.clone()
            },
            "track_id",
        );
        add(
            pb::SimilarTracksRequest {
                exclude_track_ids: vec![id],
                ..base.clone()
            },
            "exclude_track_ids[0]",
        );
    }
    cases
}

fn compare_cases() -> Vec<Malformed> {
    let base = pb::CompareRankingsRequest {
        user_id: "usr_00001".into(),
        ..Default::default()
    };
    let spec = |ranking: i32, content_weight| pb::RankingSpec {
        ranking,
        content_weight,
    };
    let good = spec(pb::Ranking::Collaborative.into(), None);
    let mut cases = Vec::new();
    let mut add = |request: pb::CompareRankingsRequest, field: &str| {
        cases.push(Compare(request, field.to_owned()));
    };
    for limit in limits() {
        add(
            pb::CompareRankingsRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    add(
        pb::CompareRankingsRequest {
            rankings: vec![good],
            ..base.clone()
        },
        "rankings",
    );
    add(
        pb::CompareRankingsRequest {
            rankings: vec![good; 9],
            ..base.clone()
        },
        "rankings",
    );
    for place in [0_usize, 1, 2, 3, 4] {
        for weight in weights() {
            let mut rankings = vec![good; 5];
            rankings[place] = spec(pb::Ranking::Blend.into(), Some(weight));
            add(
                pb::CompareRankingsRequest {
                    rankings,
                    ..base.clone()
                },
                &format!("rankings[{place}].content_weight"),
            );
        }
        for ranking in rankings() {
            let mut rankings = vec![good; 5];
            rankings[place] = spec(ranking, None);
            add(
                pb::CompareRankingsRequest {
                    rankings,
                    ..base.clone()
                },
                &format!("rankings[{place}].ranking"),
            );
        }
    }
    for id in long_ids() {
        add(
            pb::CompareRankingsRequest {
                user_id: id.clone(),
                ..base.clone()
            },
            "user_id",
        );
        add(
            pb::CompareRankingsRequest {
                history: vec![play(&id, None)],
                ..base.clone()
            },
            "history[0].track_id",
        );
    }
    cases
}

async fn refusal(
    client: &mut RecommendationServiceClient<Channel>,
    malformed: Malformed,
) -> (Status, String) {
    match malformed {
        Recommend(request, field) => (client.recommend(request).await.unwrap_err(), field),
        Similar(request, field) => (client.similar_tracks(request).await.unwrap_err(), field),
        Compare(request, field) => (client.compare_rankings(request).await.unwrap_err(), field),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_request_is_told_its_field_and_the_server_goes_on() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let cases: Vec<Malformed> = [recommend_cases(), similar_cases(), compare_cases()]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 200, "only {} cases", cases.len());
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

fn record_cases() -> Vec<(pb::RecordPlaysRequest, String)> {
    let now = std::time::SystemTime::now();
    let good = pb::PlayEvent {
        event_id: "e".into(),
        user_id: "u".into(),
        track_id: "t".into(),
        played_at: Some(now.into()),
        ..Default::default()
    };
    let all = |events| pb::RecordPlaysRequest { events };
    let mut cases = vec![
        (all(Vec::new()), "events".to_owned()),
        (all(vec![good.clone(); 1_001]), "events".to_owned()),
    ];
    let mut add = |event: pb::PlayEvent, field: &str| {
        let request = all(vec![good.clone(), event]);
        cases.push((request, format!("events[1].{field}")));
    };
    for id in long_ids().into_iter().chain([String::new()]) {
        let mut wrong = [good.clone(), good.clone(), good.clone()];
        wrong[0].event_id = id.clone();
        wrong[1].user_id = id.clone();
        wrong[2].track_id = id;
        for (event, field) in wrong.into_iter().zip(["event_id", "user_id", "track_id"]) {
            add(event, field);
        }
    }
    for count in [0, 1_000_001, u32::MAX] {
        let event = pb::PlayEvent {
            play_count: Some(count),
            ..good.clone()
        };
        add(event, "play_count");
    }
    let tomorrow = now + std::time::Duration::from_secs(90_000);
    let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let times = [
        None,
        Some(tomorrow.into()),
        time(-1, 0),
        time(0, -1),
        time(0, 1_000_000_000),
        time(i64::MAX, 0),
        time(i64::MIN, 0),
    ];
    for played_at in times {
        let event = pb::PlayEvent {
            played_at,
            ..good.clone()
        };
        add(event, "played_at");
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_plays_are_told_their_field_and_nothing_is_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let events = directory.path().to_str().unwrap();
    let server = Server::try_start(&World::shared().store, &["--events", events]).unwrap();
    let mut client = EventServiceClient::new(server.channel().await);
    for (request, field) in record_cases() {
        let status = client.record_plays(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(violations[0].field, field, "{violations:?}");
    }
    let segment = std::fs::metadata(directory.path().join("0000000001.log")).unwrap();
    assert_eq!(segment.len(), 16, "nothing but its header");
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
