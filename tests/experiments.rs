use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use crossfade::pb::{
    self, event_service_client::EventServiceClient,
    experiment_service_client::ExperimentServiceClient,
};
use crossfade_events::{Event, read_all};
use crossfade_experiments::Exposure;
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

use crate::harness::{Server, World, crossfade, fail, succeed};

/// Servers that are killed, or run out of disk, while lists are shown and played.
mod failures;
/// What users of a simulated world think of lists, and what reports find.
mod listeners;

const DEFINITIONS: &str = r#"
[experiments.sound]
window_hours = 0.0015
arms = [
  { name = "control", ranking = "popular", share = 0.5 },
  { name = "sound", ranking = "content", share = 0.5 },
]

[experiments.few]
salt = "sound"
window_hours = 0.0015
arms = [
  { name = "control", ranking = "collaborative", share = 0.3 },
  { name = "blend", content_weight = 0.4, share = 0.2 },
]

[experiments.same]
window_hours = 0.0015
arms = [
  { name = "one", ranking = "content", share = 0.5 },
  { name = "other", ranking = "content", share = 0.5 },
]

[experiments.tried]
window_hours = 0.0015
arms = [
  { name = "control", share = 0.5 },
  { name = "sound", content_weight = 0.7, share = 0.5 },
]
exploration = { place = 2, candidates = 6, share = 1.0 }

[experiments.draft]
method = "interleave"
window_hours = 0.0015
arms = [{ name = "control", ranking = "popular" }, { name = "sound", ranking = "content" }]

[experiments.over]
end = "2020-01-01T00:00:00Z"
arms = [{ name = "a", ranking = "popular", share = 0.5 }, { name = "b", share = 0.5 }]
"#;

/// A server's directories, and the file of its settings.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("settings.toml"), DEFINITIONS).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn serve(&self) -> Server {
        self.serve_by(Server::try_start)
    }

    /// A server on these directories, started in that way.
    fn serve_by(&self, start: impl FnOnce(&Path, &[&str]) -> Result<Server, String>) -> Server {
        let [settings, events, exposures] =
            ["settings.toml", "events", "exposures"].map(|name| self.path(name));
        let arguments = [
            "--config",
            settings.to_str().unwrap(),
            "--events",
            events.to_str().unwrap(),
            "--exposures",
            exposures.to_str().unwrap(),
            "--metrics-listen",
            "127.0.0.1:0",
        ];
        start(&World::shared().store, &arguments).unwrap()
    }

    /// A verb on what came of an experiment.
    fn experiment(&self, verb: &str, name: &str) -> Command {
        let mut command = crossfade();
        command
            .args(["experiment", verb, name, "--config"])
            .arg(self.path("settings.toml"))
            .arg("--events")
            .arg(self.path("events"))
            .arg("--exposures")
            .arg(self.path("exposures"));
        command
    }

    /// What the command line reports, once the windows of so many users are over.
    fn report(&self, name: &str, users: u64) -> Value {
        loop {
            let told = succeed(self.experiment("report", name).arg("--json"));
            let report: Value = serde_json::from_str(&told).unwrap();
            let arms = report["arms"].as_array().unwrap();
            let all = |field: &str| -> u64 {
                let counts = arms.iter().map(|arm| arm[field].as_u64().unwrap());
                match report["method"].as_str().unwrap() {
                    "assign" => counts.sum(),
                    _ => counts.max().unwrap(),
                }
            };
            assert_eq!(all("users"), users, "{report}");
            if all("final_users") == users {
                return report;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn exposures(&self) -> Vec<Exposure> {
        all(&self.path("exposures"))
    }
}

fn all<R: crossfade_events::Record>(directory: &Path) -> Vec<R> {
    let mut found = Vec::new();
    read_all(directory, |record| found.push(record)).unwrap();
    found
}

async fn events(server: &Server) -> EventServiceClient<Channel> {
    EventServiceClient::new(server.channel().await)
}

async fn experiments(server: &Server) -> ExperimentServiceClient<Channel> {
    ExperimentServiceClient::new(server.channel().await)
}

fn request(experiment: &str, user_id: &str) -> pb::RecommendRequest {
    pb::RecommendRequest {
        user_id: user_id.to_owned(),
        experiment: experiment.to_owned(),
        limit: Some(5),
        ..Default::default()
    }
}

fn play(id: String, user_id: &str, track_id: &str, token: &str) -> pb::PlayEvent {
    pb::PlayEvent {
        event_id: id,
        user_id: user_id.to_owned(),
        track_id: track_id.to_owned(),
        played_at: Some(SystemTime::now().into()),
        attribution_token: token.to_owned(),
        ..Default::default()
    }
}

fn assign(experiment: &str, user_id: &str) -> pb::AssignArmRequest {
    pb::AssignArmRequest {
        experiment: experiment.to_owned(),
        user_id: user_id.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_see_the_arm_they_are_assigned_on_every_server_and_in_every_way() {
    let (place, other) = (Place::new(), Place::new());
    let (server, twin) = (place.serve(), other.serve());
    let mut arms = experiments(&server).await;
    let mut lists = server.recommendations().await;
    let mut seen = HashMap::new();
    for user in (0..60).map(|user| format!("usr_{user:05}")) {
        let assigned = arms.assign_arm(assign("few", &user)).await.unwrap();
        let assigned = assigned.into_inner();
        let again = experiments(&twin)
            .await
            .assign_arm(assign("few", &user))
            .await;
        assert_eq!(assigned, again.unwrap().into_inner());
        assert!(assigned.running);
        let list = lists
            .recommend(request("few", &user))
            .await
            .unwrap()
            .into_inner();
        let arm = list
            .attribution
            .as_ref()
            .map_or("", |list| list.arm.as_str());
        assert_eq!(arm, assigned.arm);
        let expected = pb::RecommendRequest {
            ranking: assigned.ranking,
            content_weight: assigned.content_weight,
            experiment: String::new(),
            ..request("few", &user)
        };
        let plain = lists.recommend(expected).await.unwrap().into_inner();
        assert_eq!(plain.tracks, list.tracks, "{user}");
        assert_eq!(plain.ranking(), list.ranking());
        *seen.entry(assigned.arm).or_insert(0) += 1;
    }
    assert_eq!(seen.keys().collect::<BTreeSet<_>>().len(), 3, "{seen:?}");
    assert_eq!(place.exposures().len(), 60 - seen[""]);
    for (user, bucket) in [("usr_00042", 240), ("usr_00043", 2_202), ("ada", 5_342)] {
        let assigned = arms
            .assign_arm(assign("few", user))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(assigned.bucket, bucket);
        let settings = place.path("settings.toml");
        let mut command = crossfade();
        command.args(["experiment", "assign", "few", user, "--json", "--config"]);
        let told: Value = serde_json::from_str(&succeed(command.arg(settings))).unwrap();
        assert_eq!(told["bucket"], bucket);
        assert_eq!(told["arm"].as_str().unwrap_or_default(), assigned.arm);
    }
    let over = arms
        .assign_arm(assign("over", "ada"))
        .await
        .unwrap()
        .into_inner();
    assert!(!over.running && !over.arm.is_empty());
    let list = lists.recommend(request("over", "ada")).await.unwrap();
    assert_eq!(list.into_inner().attribution, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_part_of_experiments_as_single_requests_are() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.recommendations().await;
    let items = (0..150).map(|user| pb::StreamRecommendRequest {
        id: user.to_string(),
        request: Some(match user % 3 {
            0 => request("draft", &format!("usr_{user:05}")),
            1 => request("tried", &format!("usr_{user:05}")),
            _ => request("", &format!("usr_{user:05}")),
        }),
    });
    let items = tonic::codegen::tokio_stream::iter(items.collect::<Vec<_>>());
    let mut answers = client.stream_recommend(items).await.unwrap().into_inner();
    let mut count = 0;
    while let Some(answer) = answers.message().await.unwrap() {
        use pb::stream_recommend_response::Result as Outcome;
        let Some(Outcome::Response(list)) = answer.result else {
            panic!("no answer to {}", answer.id);
        };
        assert_eq!(list.tracks.len(), 5);
        assert!(
            (1..)
                .zip(&list.tracks)
                .all(|(rank, track)| track.rank == rank)
        );
        let user: u32 = answer.id.parse().unwrap();
        let of = list
            .attribution
            .map_or(String::new(), |list| list.experiment);
        assert_eq!(of, ["draft", "tried", ""][user as usize % 3]);
        count += 1;
    }
    assert_eq!(count, 150);
    let shown = place.exposures();
    assert_eq!(shown.len(), 100);
    for list in shown {
        assert_eq!(list.tracks.len(), 5);
        match list.experiment.as_str() {
            "draft" => assert_eq!(list.teams.len(), 5),
            _ => {
                let trial = list.trial.unwrap();
                let drawn = &trial.candidates[trial.drawn];
                assert_eq!(trial.candidates.len(), 6);
                assert_eq!(list.tracks[trial.place], drawn.track_id);
                let sum: f64 = trial.candidates.iter().map(|one| one.probability).sum();
                assert!((sum - 1.0).abs() < 1e-12);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_for_its_user_alone_and_after_a_restart_and_a_repeated_request_is_one_list()
{
    let place = Place::new();
    let server = place.serve();
    let mut lists = server.recommendations().await;
    let mut asked = request("draft", "usr_00007");
    asked.request_id = "once".into();
    let first = lists.recommend(asked.clone()).await.unwrap().into_inner();
    let again = lists.recommend(asked).await.unwrap().into_inner();
    assert_eq!(first.tracks, again.tracks);
    assert_eq!(place.exposures().len(), 1);
    let token = first.attribution.unwrap().token;
    let track = &first.tracks[0].track_id;
    drop(server);

    let server = place.serve();
    let forged = token.replace(".once", ".twice");
    let plays = vec![
        play("own".into(), "usr_00007", track, &token),
        play("stolen".into(), "usr_00008", track, &token),
        play("forged".into(), "usr_00007", track, &forged),
        play("nonsense".into(), "usr_00007", track, "token"),
        play("plain".into(), "usr_00007", track, ""),
    ];
    let request = pb::RecordPlaysRequest { events: plays };
    let response = events(&server).await.record_plays(request).await.unwrap();
    let response = response.into_inner();
    assert_eq!(response.accepted, 5, "they were played all the same");
    assert_eq!(
        response.unattributed_event_ids,
        ["stolen", "forged", "nonsense"]
    );
    let attributed: Vec<String> = all::<Event>(&place.path("events"))
        .into_iter()
        .filter(|event| event.attribution.is_some())
        .map(|event| event.event_id)
        .collect();
    assert_eq!(attributed, ["own"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_callers_bring_are_interleaved_and_kept() {
    let place = Place::new();
    let server = place.serve();
    let mut client = experiments(&server).await;
    let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
    let request = pb::InterleaveRequest {
        experiment: "draft".into(),
        user_id: "ada".into(),
        request_id: "r".into(),
        first_track_ids: ids(&["a", "b", "c", "d"]),
        second_track_ids: ids(&["a", "x", "y", "b"]),
        limit: Some(5),
    };
    let list = client
        .interleave(request.clone())
        .await
        .unwrap()
        .into_inner();
    let again = client.interleave(request).await.unwrap().into_inner();
    assert_eq!(list.tracks, again.tracks);
    let tracks: Vec<&str> = list
        .tracks
        .iter()
        .map(|track| track.track_id.as_str())
        .collect();
    assert_eq!(tracks[0], "a");
    assert_eq!(list.tracks[0].team(), pb::Team::Unspecified);
    let picks = |team| {
        list.tracks
            .iter()
            .filter(|track| track.team() == team)
            .count()
    };
    assert_eq!((picks(pb::Team::First), picks(pb::Team::Second)), (2, 2));
    let shown = place.exposures();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].tracks, tracks);
    let token = list.attribution.unwrap().token;
    let own = list
        .tracks
        .iter()
        .find(|track| track.team() == pb::Team::Second);
    let event = play("e".into(), "ada", &own.unwrap().track_id, &token);
    let plays = pb::RecordPlaysRequest {
        events: vec![event],
    };
    events(&server).await.record_plays(plays).await.unwrap();
    let report = place.report("draft", 1);
    assert_eq!(report["arms"][1]["played"], 1);
    assert_eq!(report["arms"][0]["played"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_with_its_reason() {
    let place = Place::new();
    let server = place.serve();
    let settings = place.path("settings.toml");
    let bare = Server::try_start(
        &World::shared().store,
        &["--config", settings.to_str().unwrap()],
    )
    .unwrap();
    let told = |status: tonic::Status| {
        let details = status.get_error_details();
        (status.code(), details.error_info().unwrap().reason.clone())
    };
    let interleave = |experiment: &str| pb::InterleaveRequest {
        experiment: experiment.to_owned(),
        user_id: "ada".into(),
        request_id: "r".into(),
        first_track_ids: vec!["a".into()],
        second_track_ids: vec!["b".into()],
        limit: None,
    };
    let report = |experiment: &str| pb::GetReportRequest {
        experiment: experiment.to_owned(),
        as_of: None,
    };
    let mut lists = server.recommendations().await;
    let mut client = experiments(&server).await;
    let refusals = [
        told(lists.recommend(request("none", "ada")).await.unwrap_err()),
        told(client.assign_arm(assign("none", "ada")).await.unwrap_err()),
        told(client.interleave(interleave("none")).await.unwrap_err()),
        told(client.get_report(report("none")).await.unwrap_err()),
    ];
    for refusal in refusals {
        assert_eq!(refusal, (Code::NotFound, "UNKNOWN_EXPERIMENT".into()));
    }
    let mut bare_client = experiments(&bare).await;
    let mut bare_lists = bare.recommendations().await;
    let refusals = [
        (
            client.assign_arm(assign("draft", "ada")).await.map(drop),
            "EXPERIMENT_INTERLEAVES",
        ),
        (
            client.interleave(interleave("sound")).await.map(drop),
            "EXPERIMENT_ASSIGNS",
        ),
        (
            bare_lists
                .recommend(request("sound", "ada"))
                .await
                .map(drop),
            "EXPOSURES_OFF",
        ),
        (
            bare_client.interleave(interleave("draft")).await.map(drop),
            "EXPOSURES_OFF",
        ),
        (
            bare_client.get_report(report("sound")).await.map(drop),
            "REPORTS_OFF",
        ),
    ];
    for (result, reason) in refusals {
        let refusal = told(result.unwrap_err());
        assert_eq!(refusal, (Code::FailedPrecondition, reason.into()));
    }
    // Assigning needs no directory.
    assert!(bare_client.assign_arm(assign("sound", "ada")).await.is_ok());
}

#[test]
fn definitions_are_checked_before_anything_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("settings.toml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = crossfade();
        command.args(["config", "check"]).arg(&file);
        command
    };
    succeed(&mut check(DEFINITIONS));
    let arms = "arms = [{ name = \"a\", share = 0.5 }, { name = \"b\", share = 0.5 }]\n";
    for (wrong, expected) in [
        ("window_hours = 0\n", "[experiments.x]: window_hours"),
        ("windows = 1\n", "windows"),
        ("outcome = \"happiness\"\n", "happiness"),
        ("exploration = { place = 0 }\n", "exploration.place"),
        ("exploration = { places = 3 }\n", "places"),
        ("method = \"interleave\"\n", "arms[0].share"),
        ("end = \"yesterday\"\n", "end"),
    ] {
        let complaint = fail(&mut check(&format!("[experiments.x]\n{arms}{wrong}")));
        assert!(complaint.contains(expected), "{wrong}: {complaint}");
    }
    let complaint = fail(&mut check("[experiments.\"a b\"]\narms = []\n"));
    assert!(complaint.contains("1 to 64 letters"), "{complaint}");
    fs::write(&file, format!("[experiments.x]\n{arms}alpha = 2\n")).unwrap();
    let refused = Server::try_start(
        &World::shared().store,
        &["--config", file.to_str().unwrap()],
    );
    assert!(refused.err().unwrap().contains("alpha"));
}
