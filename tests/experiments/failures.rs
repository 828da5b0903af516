use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::Path,
};

use crossfade::pb::{
    self, event_service_client::EventServiceClient,
    recommendation_service_client::RecommendationServiceClient,
};
use crossfade_events::Event;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tonic::transport::Channel;

use super::{Place, all, events, play, request};
use crate::{harness::Server, operations::metrics};

/// How often the server is killed.
const KILLS: usize = 8;

/// What was acknowledged: the requests of lists that were answered, and ids of plays of their tracks.
#[derive(Default)]
struct Acknowledged {
    lists: Vec<String>,
    plays: Vec<String>,
}

/// Shows lists and plays their first tracks until the server is gone.
async fn listen_until_gone(
    (mut lists, mut plays): (
        RecommendationServiceClient<Channel>,
        EventServiceClient<Channel>,
    ),
    name: String,
    told: UnboundedSender<()>,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for at in 0.. {
        let (user, id) = (format!("{name}-{}", at % 3), format!("{name}-{at}"));
        let mut asked = request("sound", &user);
        asked.request_id = id.clone();
        let Ok(list) = lists
            .recommend(asked)
            .await
            .map(tonic::Response::into_inner)
        else {
            break;
        };
        let token = list.attribution.expect("it is on disk").token;
        acknowledged.lists.push(id.clone());
        let event = play(id.clone(), &user, &list.tracks[0].track_id, &token);
        let request = pb::RecordPlaysRequest {
            events: vec![event],
        };
        match plays.record_plays(request).await {
            Ok(response) => assert!(response.into_inner().unattributed_event_ids.is_empty()),
            Err(_) => break,
        }
        acknowledged.plays.push(id);
        let _ = told.send(());
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_server_is_killed_the_report_has_what_was_shown_and_played() {
    let place = Place::new();
    let (mut lists, mut plays) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..KILLS {
        let server = place.serve();
        let clients = (server.recommendations().await, events(&server).await);
        let (told, mut heard) = unbounded_channel();
        let listeners: Vec<_> = (0..4)
            .map(|listener| {
                let name = format!("{round}-{listener}");
                tokio::spawn(listen_until_gone(clients.clone(), name, told.clone()))
            })
            .collect();
        for _ in 0..5 + round * 7 % 23 {
            heard.recv().await.unwrap();
        }
        // kill -9.
        drop(server);
        for listener in listeners {
            let acknowledged = listener.await.unwrap();
            lists.extend(acknowledged.lists);
            plays.extend(acknowledged.plays);
        }
    }
    let shown = place.exposures();
    let found: BTreeSet<String> = shown.iter().map(|list| list.request_id.clone()).collect();
    assert_eq!(found.len(), shown.len(), "each is there once");
    assert!(lists.is_subset(&found), "{:?}", lists.difference(&found));
    let played: HashMap<String, Event> = all::<Event>(&place.path("events"))
        .into_iter()
        .map(|event| (event.event_id.clone(), event))
        .collect();
    for id in &plays {
        let list = played[id].attribution.as_ref().unwrap();
        assert_eq!((list.experiment.as_str(), &list.request_id), ("sound", id));
    }
    assert!(plays.len() > 10 * KILLS, "only {}", plays.len());

    // What the report counts: each list, and of each the track that was played.
    let users: HashSet<&String> = shown.iter().map(|list| &list.user_id).collect();
    let report = place.report("sound", users.len() as u64);
    let count = |field: &str| -> u64 {
        let arms = report["arms"].as_array().unwrap().iter();
        arms.map(|arm| arm[field].as_u64().unwrap()).sum()
    };
    assert_eq!(count("lists"), shown.len() as u64);
    assert_eq!(count("played"), played.len() as u64);
    assert_eq!(report["other_lists"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_experiments_and_not_recommendations() {
    let place = Place::new();
    let full = |store: &Path, arguments: &[&str]| Server::start_on_full_disk(1, store, arguments);
    let server = place.serve_by(full);
    let mut client = server.recommendations().await;
    let mut tokens = 0;
    for at in 0..20 {
        let asked = request("sound", &format!("user {at}"));
        let list = client.recommend(asked).await.unwrap().into_inner();
        assert_eq!(list.tracks.len(), 5);
        tokens += u64::from(list.attribution.is_some());
    }
    assert!(tokens > 0 && tokens < 20, "{tokens} of 20 lists count");
    let told = metrics(server.told("metrics on http://"));
    assert_eq!(told["crossfade_exposures_lost_total"], (20 - tokens) as f64);
    drop(server);
    // Those with a token are there, and there is room again.
    assert_eq!(place.exposures().len() as u64, tokens);
    let server = place.serve();
    let mut client = server.recommendations().await;
    let list = client.recommend(request("sound", "next")).await.unwrap();
    assert!(list.into_inner().attribution.is_some());
    drop(server);
    assert_eq!(place.exposures().len() as u64, tokens + 1);
}
