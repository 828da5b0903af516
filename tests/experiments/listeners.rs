use std::collections::{BTreeMap, HashMap};

use crossfade::pb;
use crossfade_experiments::{Arm, ArmRanking, Exposure};
use serde_json::Value;

use super::{Place, events, experiments, play, request};
use crate::harness::{Server, succeed};

/// Strangers who see lists.
const LISTENERS: usize = 420;
/// Tracks each is known to have played, all of one artist.
const KNOWN: usize = 2;

/// Artists by track, and the artists with enough tracks to tell by.
struct Taste {
    artists: HashMap<String, String>,
    tracks: Vec<(String, Vec<String>)>,
}

impl Taste {
    async fn of(server: &Server) -> Self {
        let mut client = server.recommendations().await;
        let mut artists = HashMap::new();
        // All that is popular: every warm track.
        let request = pb::RecommendRequest {
            ranking: pb::Ranking::Popular.into(),
            limit: Some(1_000),
            ..Default::default()
        };
        let all = client.recommend(request).await.unwrap().into_inner().tracks;
        let mut tracks: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for track in all {
            tracks
                .entry(track.artist.clone())
                .or_default()
                .push(track.track_id.clone());
            artists.insert(track.track_id, track.artist);
        }
        tracks.retain(|_, tracks| tracks.len() >= KNOWN + 3);
        assert!(tracks.len() > 10, "only {} artists", tracks.len());
        let tracks = tracks.into_iter().collect();
        Self { artists, tracks }
    }

    /// Whom a listener likes.
    fn artist(&self, listener: usize) -> &(String, Vec<String>) {
        &self.tracks[listener % self.tracks.len()]
    }

    /// Whether a listener plays a track that they are shown: if it is by whom they like.
    fn plays(&self, listener: usize, track: &str) -> bool {
        self.artists.get(track) == Some(&self.artist(listener).0)
    }
}

/// Shows every listener a list of an experiment, and records what they play of it.
async fn listen(server: &Server, taste: &Taste, experiment: &str) {
    let mut lists = server.recommendations().await;
    let mut plays = events(server).await;
    for listener in 0..LISTENERS {
        let user = format!("listener-{listener}");
        let known = taste.artist(listener).1.iter().take(KNOWN);
        let asked = pb::RecommendRequest {
            history: known
                .map(|track| pb::Play {
                    track_id: track.clone(),
                    ..Default::default()
                })
                .collect(),
            limit: Some(6),
            ..request(experiment, &user)
        };
        let list = lists.recommend(asked).await.unwrap().into_inner();
        let token = list.attribution.unwrap().token;
        let played = list.tracks.iter().map(|track| &track.track_id);
        let events: Vec<pb::PlayEvent> = played
            .filter(|track| taste.plays(listener, track))
            .map(|track| {
                play(
                    format!("{experiment}-{listener}-{track}"),
                    &user,
                    track,
                    &token,
                )
            })
            .collect();
        if !events.is_empty() {
            let request = pb::RecordPlaysRequest { events };
            let recorded = plays.record_plays(request).await.unwrap().into_inner();
            assert!(recorded.unattributed_event_ids.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_finds_the_better_ranking_and_none_where_they_are_the_same() {
    let place = Place::new();
    let server = place.serve();
    let taste = Taste::of(&server).await;
    listen(&server, &taste, "sound").await;
    let report = place.report("sound", LISTENERS as u64);
    assert_eq!(
        report["verdict"],
        serde_json::json!({ "kind": "better", "arm": "sound" })
    );
    let effect = &report["effects"][0];
    assert!(
        effect["difference"]["low"].as_f64().unwrap() > 0.0,
        "{effect}"
    );
    assert_eq!(report["mismatch"]["alarm"], false);
    assert_eq!(report["guardrails"].as_array().unwrap().len(), 3);

    // The truth: what the arms' lists hold that their listeners like.
    let shown = place.exposures();
    let value = |arm: &str| {
        let own: Vec<&Exposure> = shown.iter().filter(|list| list.arm == arm).collect();
        let liked = own.iter().map(|list| {
            let listener = list
                .user_id
                .strip_prefix("listener-")
                .unwrap()
                .parse()
                .unwrap();
            list.tracks
                .iter()
                .filter(|track| taste.plays(listener, track))
                .count()
        });
        liked.sum::<usize>() as f64 / own.len() as f64
    };
    for arm in report["arms"].as_array().unwrap() {
        let told = arm["value"].as_f64().unwrap();
        assert!(
            (told - value(arm["arm"].as_str().unwrap())).abs() < 1e-9,
            "{arm}"
        );
    }

    // The service says the same, and a page shows it.
    let request = pb::GetReportRequest {
        experiment: "sound".into(),
        as_of: None,
    };
    let told = experiments(&server)
        .await
        .get_report(request)
        .await
        .unwrap();
    let told = told.into_inner().report.unwrap();
    assert_eq!(
        (told.verdict(), told.verdict_arm.as_str()),
        (pb::Verdict::Better, "sound")
    );
    let difference = told.effects[0].difference.unwrap();
    assert_eq!(Some(difference.low), effect["difference"]["low"].as_f64());
    assert_eq!(told.arms.len(), 2);
    let page = place.path("report.html");
    succeed(place.experiment("report", "sound").arg("--html").arg(&page));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("sound is better than the control") && page.contains("<svg"));
    assert!(!page.contains("<script"));

    // Equal arms, while the server has compacted what it could and goes on.
    listen(&server, &taste, "same").await;
    let report = place.report("same", LISTENERS as u64);
    assert_eq!(report["verdict"]["kind"], "open", "{report}");
    drop(server);
    assert_eq!(
        place.report("sound", LISTENERS as u64)["verdict"]["kind"],
        "better"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn interleaving_prefers_what_listeners_play_and_logs_of_plays_without_tokens_tell_too() {
    let place = Place::new();
    let server = place.serve();
    let taste = Taste::of(&server).await;
    listen(&server, &taste, "draft").await;
    let report = place.report("draft", LISTENERS as u64);
    assert_eq!(
        report["verdict"],
        serde_json::json!({ "kind": "better", "arm": "sound" })
    );
    assert!(report["mismatch"].is_null());
    server.terminate();
    assert_eq!(server.wait(), Some(0));

    // The same plays from the Parquet files alone, taken for a log of somebody else's.
    let mut compact = crate::harness::crossfade();
    compact
        .args(["events", "compact", "--events"])
        .arg(place.path("events"));
    succeed(&mut compact);
    let mut command = crate::harness::crossfade();
    command
        .args(["experiment", "report", "draft", "--json", "--config"])
        .arg(place.path("settings.toml"))
        .arg("--exposures")
        .arg(place.path("exposures"))
        .arg("--plays")
        .arg(place.path("events"));
    let again: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
    for field in ["arms", "effects", "verdict"] {
        assert_eq!(again[field], report[field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_find_what_rankings_would_have_earned_that_never_served() {
    let place = Place::new();
    let server = place.serve();
    let taste = Taste::of(&server).await;
    listen(&server, &taste, "tried").await;
    place.report("tried", LISTENERS as u64);
    let shown = place.exposures();
    let mut last = f64::NEG_INFINITY;
    for (ranking, weight) in [
        (ArmRanking::Popular, None),
        (ArmRanking::Blend, Some(0.25)),
        (ArmRanking::Content, None),
    ] {
        let target = Arm {
            name: "target".into(),
            ranking,
            content_weight: weight,
            share: 0.0,
        };
        // The truth: whether the listener likes what the ranking would have put there.
        let liked = shown.iter().map(|list| {
            let trial = list.trial.as_ref().unwrap();
            let chosen = &trial.candidates[trial.choice(&target).unwrap()];
            let listener = list
                .user_id
                .strip_prefix("listener-")
                .unwrap()
                .parse()
                .unwrap();
            usize::from(taste.plays(listener, &chosen.track_id))
        });
        let truth = liked.sum::<usize>() as f64 / shown.len() as f64;
        let mut command = place.experiment("estimate", "tried");
        command.args(["--json", "--ranking"]).arg(match ranking {
            ArmRanking::Popular => "popular",
            ArmRanking::Blend => "blend",
            ArmRanking::Content | ArmRanking::Collaborative => "content",
        });
        if let Some(weight) = weight {
            command.arg(format!("--content-weight={weight}"));
        }
        let found: Value = serde_json::from_str(&succeed(&mut command)).unwrap();
        assert_eq!(found["choices"], LISTENERS);
        for kind in ["ips", "snips", "dr"] {
            let at = |end: &str| found[kind][end].as_f64().unwrap();
            // Twice as wide as an interval of 95 %.
            let reach = at("high") - at("low");
            assert!((at("estimate") - truth).abs() <= reach, "{truth}: {found}");
        }
        assert!(truth >= last, "{ranking:?}: {truth}");
        last = truth;
    }
    // Blends have to say which, and what explores nothing tells nothing.
    let complaint = crate::harness::fail(&mut place.experiment("estimate", "tried"));
    assert!(complaint.contains("--content-weight"), "{complaint}");
    let mut command = place.experiment("estimate", "sound");
    let complaint = crate::harness::fail(command.args(["--ranking", "content"]));
    assert!(complaint.contains("explores nothing"), "{complaint}");
}
