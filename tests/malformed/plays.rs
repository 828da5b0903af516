//! Plays that must not be recorded.

use crossfade::pb::{self, event_service_client::EventServiceClient};
use tonic::Code;
use tonic_types::StatusExt;

use super::requests::long_ids;
use crate::harness::{Server, World};

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
    for length in [1_025, 100_000, 10_000_000] {
        let event = pb::PlayEvent {
            attribution_token: "x".repeat(length),
            ..good.clone()
        };
        add(event, "attribution_token");
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
