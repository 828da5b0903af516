//! Requests about experiments that must be refused.

use crossfade::pb::{
    self, experiment_service_client::ExperimentServiceClient,
    recommendation_service_client::RecommendationServiceClient,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::requests::{limits, long_ids};
use crate::harness::{Server, World};

fn recommend_cases() -> Vec<(pb::RecommendRequest, &'static str)> {
    let base = pb::RecommendRequest {
        user_id: "usr_00001".into(),
        experiment: "sound".into(),
        ..Default::default()
    };
    let nobody = pb::RecommendRequest {
        user_id: String::new(),
        ..base.clone()
    };
    let without = pb::RecommendRequest {
        experiment: String::new(),
        request_id: "r".into(),
        ..base.clone()
    };
    let mut cases = vec![(nobody, "user_id"), (without, "request_id")];
    for id in long_ids() {
        let mut wrong = [base.clone(), base.clone()];
        wrong[0].experiment = id.clone();
        wrong[1].request_id = id;
        cases.extend(wrong.into_iter().zip(["experiment", "request_id"]));
    }
    cases
}

fn assign_cases() -> Vec<(pb::AssignArmRequest, &'static str)> {
    let base = pb::AssignArmRequest {
        experiment: "sound".into(),
        user_id: "ada".into(),
    };
    let ids = long_ids().into_iter().chain([String::new()]);
    let case = |id: String| {
        let mut wrong = [base.clone(), base.clone()];
        wrong[0].experiment = id.clone();
        wrong[1].user_id = id;
        wrong.into_iter().zip(["experiment", "user_id"])
    };
    ids.flat_map(case).collect()
}

fn interleave_cases() -> Vec<(pb::InterleaveRequest, String)> {
    let base = pb::InterleaveRequest {
        experiment: "sound".into(),
        user_id: "ada".into(),
        request_id: "r".into(),
        first_track_ids: vec!["a".into()],
        second_track_ids: vec!["b".into()],
        limit: None,
    };
    let mut cases = Vec::new();
    let mut add = |request: pb::InterleaveRequest, field: &str| {
        cases.push((request, field.to_owned()));
    };
    for id in long_ids().into_iter().chain([String::new()]) {
        let mut wrong = [base.clone(), base.clone(), base.clone(), base.clone()];
        wrong[0].experiment = id.clone();
        wrong[1].user_id = id.clone();
        wrong[2].request_id = id.clone();
        wrong[3].second_track_ids.push(id);
        let fields = ["experiment", "user_id", "request_id", "second_track_ids[1]"];
        for (request, field) in wrong.into_iter().zip(fields) {
            add(request, field);
        }
    }
    let lists = [
        (Vec::new(), ""),
        ((0..1_001).map(|track| track.to_string()).collect(), ""),
        (vec!["a".to_owned(), "b".into(), "a".into()], "[2]"),
    ];
    for (list, place) in lists {
        let mut wrong = [base.clone(), base.clone()];
        wrong[0].first_track_ids = list.clone();
        wrong[1].second_track_ids = list;
        for (request, field) in wrong
            .into_iter()
            .zip(["first_track_ids", "second_track_ids"])
        {
            add(request, &format!("{field}{place}"));
        }
    }
    for limit in limits() {
        let request = pb::InterleaveRequest {
            limit: Some(limit),
            ..base.clone()
        };
        add(request, "limit");
    }
    cases
}

fn report_cases() -> Vec<(pb::GetReportRequest, &'static str)> {
    let base = pb::GetReportRequest {
        experiment: "sound".into(),
        as_of: None,
    };
    let ids = long_ids().into_iter().chain([String::new()]);
    let mut cases: Vec<(pb::GetReportRequest, &'static str)> = ids
        .map(|experiment| {
            let request = pb::GetReportRequest {
                experiment,
                ..base.clone()
            };
            (request, "experiment")
        })
        .collect();
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(3_600);
    let soon = prost_types::Timestamp::from(soon);
    for (seconds, nanos) in [
        (soon.seconds, 0),
        (-1, 0),
        (0, -1),
        (0, 1_000_000_000),
        (i64::MAX, 0),
        (i64::MIN, 0),
    ] {
        let request = pb::GetReportRequest {
            as_of: Some(prost_types::Timestamp { seconds, nanos }),
            ..base.clone()
        };
        cases.push((request, "as_of"));
    }
    cases
}

fn check(status: Status, field: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].field, field, "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_about_experiments_are_told_their_field() {
    let server = Server::start(&World::shared().store);
    let channel = server.channel().await;
    let mut lists = RecommendationServiceClient::new(channel.clone());
    let mut client = ExperimentServiceClient::new(channel);
    for (request, field) in recommend_cases() {
        check(lists.recommend(request).await.unwrap_err(), field);
    }
    for (request, field) in assign_cases() {
        check(client.assign_arm(request).await.unwrap_err(), field);
    }
    for (request, field) in interleave_cases() {
        check(client.interleave(request).await.unwrap_err(), &field);
    }
    for (request, field) in report_cases() {
        check(client.get_report(request).await.unwrap_err(), field);
    }
    let missing = pb::AssignArmRequest {
        experiment: "sound".into(),
        user_id: "ada".into(),
    };
    let status = client.assign_arm(missing).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}
