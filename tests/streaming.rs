use std::collections::{HashMap, HashSet};

use crossfade::pb::{self, stream_recommend_response::Result as Outcome};
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming, codegen::tokio_stream::wrappers::ReceiverStream};
use tonic_types::StatusExt;

use crate::harness::{Server, World};

type Requests = mpsc::Sender<pb::StreamRecommendRequest>;
type Answers = Streaming<pb::StreamRecommendResponse>;

async fn stream(server: &Server) -> (Requests, Answers) {
    let (sender, requests) = mpsc::channel(1);
    let mut client = server.recommendations().await;
    let answers = client
        .stream_recommend(ReceiverStream::new(requests))
        .await
        .unwrap();
    (sender, answers.into_inner())
}

fn request(user: u32) -> pb::RecommendRequest {
    pb::RecommendRequest {
        user_id: format!("usr_{user:05}"),
        limit: Some(1 + user as i32 % 7),
        content_weight: Some(f64::from(user % 5) / 4.0),
        diversity: user.is_multiple_of(3).then_some(0.3),
        ..Default::default()
    }
}

fn item(id: impl ToString, request: pb::RecommendRequest) -> pb::StreamRecommendRequest {
    pb::StreamRecommendRequest {
        id: id.to_string(),
        request: Some(request),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_gets_the_answer_it_would_get_alone() {
    const COUNT: u32 = 700;
    let server = Server::start(&World::shared().store);
    let (requests, mut answers) = stream(&server).await;
    let sending = tokio::spawn(async move {
        for user in 0..COUNT {
            requests.send(item(user, request(user))).await.unwrap();
        }
    });
    let mut found: HashMap<String, pb::RecommendResponse> = HashMap::new();
    while let Some(answer) = answers.message().await.unwrap() {
        let Some(Outcome::Response(response)) = answer.result else {
            panic!("no answer to {}", answer.id);
        };
        assert!(
            found.insert(answer.id, response).is_none(),
            "one answer to each"
        );
    }
    sending.await.unwrap();
    assert_eq!(found.len(), COUNT as usize);
    let mut client = server.recommendations().await;
    for user in (0..COUNT).step_by(9) {
        let alone = client.recommend(request(user)).await.unwrap().into_inner();
        let together = &found[&user.to_string()];
        assert_eq!(together.tracks, alone.tracks);
        assert_eq!(together.user_known, alone.user_known);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_request_leaves_the_others_alone() {
    let server = Server::start(&World::shared().store);
    let (requests, mut answers) = stream(&server).await;
    let wrong = pb::RecommendRequest {
        limit: Some(-1),
        ..request(1)
    };
    let empty = pb::StreamRecommendRequest {
        id: "empty".into(),
        request: None,
    };
    let long = item("x".repeat(300), request(1));
    for item in [
        item("good", request(1)),
        item("wrong", wrong),
        empty,
        long,
        item("good too", request(2)),
    ] {
        requests.send(item).await.unwrap();
    }
    drop(requests);
    let mut good = HashSet::new();
    let mut blamed = HashMap::new();
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.result.unwrap() {
            Outcome::Response(_) => assert!(good.insert(answer.id)),
            Outcome::Error(error) => {
                assert_eq!(error.code, Code::InvalidArgument as i32);
                let mut status = Vec::new();
                prost::Message::encode(&error, &mut status).unwrap();
                let status =
                    Status::with_details(Code::InvalidArgument, error.message, status.into());
                let details = status.get_error_details();
                let field = details.bad_request().unwrap().field_violations[0]
                    .field
                    .clone();
                blamed.insert(answer.id, field);
            }
        }
    }
    assert_eq!(
        good,
        HashSet::from(["good".to_owned(), "good too".to_owned()])
    );
    let expected = [("wrong", "limit"), ("empty", "request"), ("", "id")];
    assert_eq!(
        blamed,
        expected
            .map(|(id, field)| (id.to_owned(), field.to_owned()))
            .into()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_read_is_not_read_from_and_one_that_leaves_is_forgotten() {
    let server = Server::start(&World::shared().store);
    let (requests, answers) = stream(&server).await;
    // Long requests, so that the windows of the connection are soon full.
    let history = (0..500).map(|n| pb::Play {
        track_id: format!("unknown {n}"),
        ..Default::default()
    });
    let long = pb::RecommendRequest {
        limit: Some(800),
        history: history.collect(),
        ..request(3)
    };
    let mut sent = 0;
    let patience = std::time::Duration::from_secs(2);
    while let Ok(sending) =
        tokio::time::timeout(patience, requests.send(item(sent, long.clone()))).await
    {
        sending.unwrap();
        sent += 1;
        assert!(sent < 5_000, "the server takes in whatever is sent");
    }
    drop(answers);
    // The place it had is free: others are answered, and the server ends in order.
    let mut client = server.recommendations().await;
    client.recommend(request(1)).await.unwrap();
    drop((requests, client));
    server.terminate();
    assert_eq!(server.wait(), Some(0));
}
