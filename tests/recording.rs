use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    time::SystemTime,
};

use crossfade::pb::{self, event_service_client::EventServiceClient};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{Server, World, crossfade, fail, succeed, train_command};

/// How often the server is killed while plays come in.
const KILLS: usize = 20;

fn server(events: &Path) -> Server {
    let events = events.to_str().unwrap();
    Server::try_start(&World::shared().store, &["--events", events]).unwrap()
}

async fn events(server: &Server) -> EventServiceClient<Channel> {
    EventServiceClient::new(server.channel().await)
}

fn play(event_id: &str, user_id: &str, track_id: &str) -> pb::PlayEvent {
    pb::PlayEvent {
        event_id: event_id.to_owned(),
        user_id: user_id.to_owned(),
        track_id: track_id.to_owned(),
        played_at: Some(SystemTime::now().into()),
        ..Default::default()
    }
}

fn request(events: Vec<pb::PlayEvent>) -> pb::RecordPlaysRequest {
    pb::RecordPlaysRequest { events }
}

async fn recommended(server: &Server, user: &str) -> pb::RecommendResponse {
    let request = pb::RecommendRequest {
        user_id: user.to_owned(),
        ..Default::default()
    };
    let mut client = server.recommendations().await;
    client.recommend(request).await.unwrap().into_inner()
}

fn ids(response: &pb::RecommendResponse) -> Vec<&str> {
    let tracks = response.tracks.iter();
    tracks.map(|track| track.track_id.as_str()).collect()
}

/// How often each event is in a directory's Parquet files.
fn compacted(directory: &Path) -> HashMap<String, usize> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "parquet") {
            let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
            for row in reader.get_row_iter(None).unwrap() {
                let id = row.unwrap().get_string(0).unwrap().clone();
                *found.entry(id).or_default() += 1;
            }
        }
    }
    found
}

fn compact(directory: &Path) -> serde_json::Value {
    let mut command = crossfade();
    let command = command.args(["events", "compact", "--json", "--events"]);
    serde_json::from_str(&succeed(command.arg(directory))).unwrap()
}

/// Sends batches of events until the server is gone, and tells of each that was acknowledged; the ids of all of them.
async fn send_until_gone(
    mut client: EventServiceClient<Channel>,
    name: String,
    told: UnboundedSender<()>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for batch in 0.. {
        let ids: Vec<String> = (0..20)
            .map(|event| format!("{name}-{batch}-{event}"))
            .collect();
        let plays = ids.iter().map(|id| play(id, "usr_00001", "trk_00001"));
        match client.record_plays(request(plays.collect())).await {
            Ok(_) => acknowledged.extend(ids),
            Err(_) => break,
        }
        let _ = told.send(());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_what_was_acknowledged_is_there_once() {
    let kills = std::env::var("TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..kills {
        let server = server(directory.path());
        let client = events(&server).await;
        if let Some(id) = acknowledged.last() {
            // What was acknowledged before the kill is known after it.
            let again = request(vec![play(id, "usr_00001", "trk_00001")]);
            let response = client
                .clone()
                .record_plays(again)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(response.duplicate_event_ids, [id.as_str()]);
        }
        let (told, mut heard) = unbounded_channel();
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let name = format!("{round}-{sender}");
                tokio::spawn(send_until_gone(client.clone(), name, told.clone()))
            })
            .collect();
        // After another number of answers each time, while the other senders' plays are on their way.
        for _ in 0..1 + round * 7 % 23 {
            heard.recv().await.unwrap();
        }
        drop(server);
        for sender in senders {
            acknowledged.extend(sender.await.unwrap());
        }
        if round % 5 == 4 {
            compact(directory.path());
        }
    }
    compact(directory.path());
    let found = compacted(directory.path());
    let twice: Vec<_> = found.iter().filter(|&(_, &times)| times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|id| !found.contains_key(*id))
        .collect();
    assert!(lost.is_empty(), "{} of {}", lost.len(), acknowledged.len());
    assert!(
        acknowledged.len() > 20 * kills,
        "only {} were sent",
        acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_plays_count_in_the_next_answer_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = self::server(directory.path());
    let before = recommended(&server, "usr_00003").await;
    let first = before.tracks[0].track_id.as_str();
    let response = events(&server)
        .await
        .record_plays(request(vec![
            play("a", "usr_00003", first),
            play("b", "usr_00003", "none"),
        ]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.accepted, 2);
    assert_eq!(response.unknown_track_ids, ["none"]);
    let after = recommended(&server, "usr_00003").await;
    assert!(!ids(&after).contains(&first), "it was played");
    assert_ne!(
        before.tracks[1].score, after.tracks[0].score,
        "and folded in"
    );
    // The same as if the request had brought it.
    let sent = pb::RecommendRequest {
        user_id: "usr_00003".into(),
        history: vec![pb::Play {
            track_id: first.to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let plain = Server::start(&World::shared().store);
    let mut client = plain.recommendations().await;
    let sent = client.recommend(sent).await.unwrap().into_inner();
    assert_eq!(sent.tracks, after.tracks);
    // A stranger is one no longer.
    let stranger = play("c", "a stranger", first);
    events(&server)
        .await
        .record_plays(request(vec![stranger]))
        .await
        .unwrap();
    let known = recommended(&server, "a stranger").await;
    assert_ne!(known.basis(), pb::Basis::Popular);
    assert!(!known.user_known);
    drop(server);
    let server = self::server(directory.path());
    assert_eq!(recommended(&server, "usr_00003").await.tracks, after.tracks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_reads_recorded_plays_beside_the_log_it_had() {
    let world = World::shared();
    let data = tempfile::tempdir().unwrap();
    // The play log is a directory; plays are recorded below it.
    let plays = data.path().join("plays.parquet");
    let recorded = plays.join("recorded");
    fs::create_dir(&plays).unwrap();
    fs::copy(world.data.join("plays.parquet"), plays.join("old.parquet")).unwrap();
    fs::copy(
        world.data.join("tracks.parquet"),
        data.path().join("tracks.parquet"),
    )
    .unwrap();
    let server = self::server(&recorded);
    let newcomer = (0..30).map(|n| play(&format!("e{n}"), "newcomer", &format!("trk_{n:05}")));
    events(&server)
        .await
        .record_plays(request(newcomer.collect()))
        .await
        .unwrap();
    let complaint = fail(
        crossfade()
            .args(["events", "compact", "--events"])
            .arg(&recorded),
    );
    assert!(complaint.contains("in use"), "{complaint}");
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    assert_eq!(compact(&recorded)["plays"], 30);
    assert_eq!(compact(&recorded)["plays"], 0);

    let store = tempfile::tempdir().unwrap();
    succeed(&mut train_command(data.path(), store.path()));
    let server = Server::start(store.path());
    let response = recommended(&server, "newcomer").await;
    assert!(response.user_known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_directory_says_what_to_set() {
    let server = Server::start(&World::shared().store);
    let request = request(vec![play("a", "b", "c")]);
    let status = events(&server)
        .await
        .record_plays(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status.message().contains("--events"),
        "{}",
        status.message()
    );
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "EVENTS_OFF"
    );
}

#[test]
fn the_command_line_records_plays_once_per_id() {
    let directory = tempfile::tempdir().unwrap();
    let server = self::server(directory.path());
    let address = format!("http://{}", server.address);
    let record = || {
        let mut command = crossfade();
        command.args(["record", "usr_00002", "trk_00007:3", "--event-id", "one"]);
        succeed(command.args(["--server", &address]))
    };
    assert!(record().starts_with("1 plays recorded, 0 known before"));
    assert!(record().starts_with("0 plays recorded, 1 known before"));
    let distinct: HashSet<String> = {
        let mut command = crossfade();
        command.args([
            "record",
            "usr_00002",
            "trk_00008",
            "trk_00009",
            "--server",
            &address,
        ]);
        succeed(&mut command);
        drop(server);
        compact(directory.path());
        compacted(directory.path()).into_keys().collect()
    };
    assert_eq!(distinct.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_lately_does_not_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path());
    let mut client = server.recommendations().await;
    let request = |rules: Option<pb::ListRules>| pb::RecommendRequest {
        user_id: "usr_00003".to_owned(),
        include_played: true,
        limit: Some(200),
        rules,
        ..Default::default()
    };
    let all = client.recommend(request(None)).await.unwrap().into_inner();
    let [old, new] = [
        all.tracks[0].track_id.clone(),
        all.tracks[1].track_id.clone(),
    ];
    let mut plays = vec![
        play("old", "usr_00003", &old),
        play("new", "usr_00003", &new),
    ];
    plays[0].played_at = Some(prost_types::Timestamp {
        seconds: 1_000_000,
        nanos: 0,
    });
    let recorded = events(&server)
        .await
        .record_plays(self::request(plays))
        .await
        .unwrap();
    assert_eq!(recorded.into_inner().accepted, 2);

    let last = |plays| pb::ListRules {
        no_repeat_plays: Some(plays),
        ..Default::default()
    };
    let within = |seconds| pb::ListRules {
        no_repeat_within: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..Default::default()
    };
    for (rules, missing) in [
        (None, vec![]),
        (Some(last(1)), vec![&new]),
        (Some(last(2)), vec![&new, &old]),
        (Some(within(3_600)), vec![&new]),
        (Some(within(300_000_000)), vec![&new]),
    ] {
        let answer = client.recommend(request(rules)).await.unwrap().into_inner();
        let has = ids(&answer);
        assert_eq!(has.len(), 200);
        for track in [&old, &new] {
            assert_eq!(
                has.contains(&track.as_str()),
                !missing.contains(&track),
                "{rules:?}"
            );
        }
    }
}
