use std::sync::Arc;

use chrono::{TimeZone, Utc};
use crossfade::pb;
use crossfade_bundle::{Error, Publication, Store};
use crossfade_index::{Approximate, Config, Costs, Recall};

use crate::harness::{Server, World, crossfade, fail, succeed, train, train_command};

/// A store whose bundle has a graph that answers whatever has no filter, two searches at a time.
fn store_with_graph() -> tempfile::TempDir {
    let world = World::shared();
    let trained = Store::open(&world.store).unwrap();
    let engine = trained.load(&world.versions[1]).unwrap().engine;
    let config = Config {
        exact_below_rows: 1,
        concurrent_searches: 2,
        largest_fetch: 1.0,
        certify_rows: 0,
        ..engine.graph_config()
    };
    let graph = Approximate::build(engine.index().rows(), &config, &|_| ()).unwrap();
    let good = |mix| Recall {
        mix,
        limit: 100,
        queries: 1,
        mean: 1.0,
        min: 1.0,
        below_nine_tenths: 0.0,
        bands: Vec::new(),
    };
    let recall = vec![good(0.0), good(1.0)];
    let surface =
        |seconds: f64| serde_json::json!([{ "axes": [[1.0], [1.0]], "seconds": [seconds] }]);
    let costs: Costs = serde_json::from_value(serde_json::json!({
        "mixes": [0.0],
        "screened": surface(2.0),
        "listed": surface(1e-6),
        "graph": surface(1e-3),
    }))
    .unwrap();
    let engine = engine
        .with_graph(graph, config, recall.clone())
        .with_costs(costs);
    let directory = tempfile::tempdir().unwrap();
    let publication = Publication {
        engine: &engine,
        recall,
        program_version: "test",
        created_at: Utc.timestamp_opt(1_000_000_000, 0).unwrap(),
        training: serde_json::Value::Null,
    };
    Store::create(directory.path())
        .unwrap()
        .publish(&publication, |_| Ok::<(), Error>(()))
        .unwrap();
    directory
}

/// The requests of one caller: of several users at several weights, some of them with a filter.
fn requests(artist: &str) -> Vec<pb::RecommendRequest> {
    let weights = [0.0, 0.4, 1.0];
    let request = |at: usize| pb::RecommendRequest {
        user_id: format!("usr_{at:05}"),
        content_weight: Some(weights[at % 3]),
        filter: at.is_multiple_of(4).then(|| pb::TrackFilter {
            artists: vec![artist.to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    };
    (0..24).map(request).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_callers_get_over_the_wire_what_one_gets() {
    let store = store_with_graph();
    let server = Server::start(store.path());
    let mut client = server.recommendations().await;
    let popular = client.recommend(pb::RecommendRequest::default()).await;
    let artist = popular.unwrap().into_inner().tracks[0].artist.clone();
    let mut serial = Vec::new();
    for request in requests(&artist) {
        let response = client.recommend(request).await.unwrap().into_inner();
        let retrieval = response.retrieval.unwrap();
        assert!(retrieval.taken_microseconds > 0.0);
        assert!(retrieval.predicted_microseconds.is_some());
        serial.push((retrieval.path(), response.tracks));
    }
    for path in [pb::RetrievalPath::Approximate, pb::RetrievalPath::Listed] {
        assert!(serial.iter().any(|(taken, _)| *taken == path), "{path:?}");
    }
    let serial = Arc::new(serial);
    let callers = 16;
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (mut client, serial) = (client.clone(), Arc::clone(&serial));
            let requests = requests(&artist);
            tokio::spawn(async move {
                for (request, (path, tracks)) in requests.into_iter().zip(&*serial) {
                    let response = client.recommend(request).await.unwrap().into_inner();
                    assert_eq!(response.retrieval.unwrap().path(), *path);
                    assert_eq!(response.tracks, *tracks);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    // Every search was counted, those that were predicted with their prediction.
    let info = server
        .models()
        .await
        .get_server_info(pb::GetServerInfoRequest {})
        .await;
    let paths = info.unwrap().into_inner().paths;
    let lists: u64 = paths.iter().map(|used| used.lists).sum();
    assert_eq!(lists as usize, 1 + (callers + 1) * serial.len());
    let listed = paths
        .iter()
        .find(|used| used.path() == pb::RetrievalPath::Listed)
        .unwrap();
    assert!(listed.seconds > 0.0 && listed.seconds == listed.compared_seconds);
    assert!((listed.predicted_seconds / (listed.lists as f64 * 1e-6) - 1.0).abs() < 0.01);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_leave_only_what_meets_them_and_as_much_of_it_as_there_is() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let charts = pb::RecommendRequest {
        limit: Some(1_000),
        ranking: pb::Ranking::Popular.into(),
        ..Default::default()
    };
    let charts = client.recommend(charts).await.unwrap().into_inner().tracks;
    let by = |artist: &str| charts.iter().filter(|track| track.artist == artist).count();
    let busiest = charts.iter().max_by_key(|track| by(&track.artist));
    let artist = busiest.unwrap().artist.clone();
    let of_artist: Vec<&pb::RankedTrack> = charts
        .iter()
        .filter(|track| track.artist == artist)
        .collect();
    assert!(of_artist.len() >= 3, "{}", of_artist.len());
    let filter = pb::TrackFilter {
        artists: vec![artist.clone(), "nobody at all".into()],
        genres: Vec::new(),
        market: "nowhere".into(),
        track_ids: vec![of_artist[0].track_id.clone(), "no track".into()],
        ..Default::default()
    };
    for user_id in ["usr_00003", "a stranger"] {
        for weight in [0.0, 0.5, 1.0] {
            let mut request = pb::RecommendRequest {
                user_id: user_id.into(),
                content_weight: Some(weight),
                include_played: true,
                limit: Some(3),
                filter: Some(filter.clone()),
                ..Default::default()
            };
            let one = client
                .recommend(request.clone())
                .await
                .unwrap()
                .into_inner();
            assert_eq!(one.tracks.len(), 1);
            assert_eq!(one.tracks[0].track_id, of_artist[0].track_id);
            assert_eq!(one.unknown_track_ids, ["no track"]);
            let unknown = one.unknown_names.unwrap();
            assert_eq!(unknown.artists, ["nobody at all"]);
            assert_eq!(unknown.markets, ["nowhere"]);

            request.filter = Some(pb::TrackFilter {
                artists: vec![artist.clone()],
                ..Default::default()
            });
            let all = client.recommend(request).await.unwrap().into_inner();
            assert_eq!(all.tracks.len(), 3, "{user_id} {weight}");
            assert!(all.tracks.iter().all(|track| track.artist == artist));
            assert!(all.unknown_names.is_none());
        }
    }
    let blocked = pb::SimilarTracksRequest {
        track_id: of_artist[0].track_id.clone(),
        limit: Some(50),
        filter: Some(pb::TrackFilter {
            blocked_artists: vec![artist.clone()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let similar = client.similar_tracks(blocked).await.unwrap().into_inner();
    assert_eq!(similar.tracks.len(), 50);
    assert!(similar.tracks.iter().all(|track| track.artist != artist));
    let compared = pb::CompareRankingsRequest {
        user_id: "usr_00003".into(),
        filter: Some(pb::TrackFilter {
            min_year: Some(2_000),
            max_year: Some(3_000),
            ..Default::default()
        }),
        ..Default::default()
    };
    let compared = client
        .compare_rankings(compared)
        .await
        .unwrap()
        .into_inner();
    assert!(compared.lists.iter().all(|list| list.tracks.len() == 20));

    let address = format!("http://{}", server.address);
    let text = succeed(crossfade().args([
        "recommend",
        "usr_00003",
        "--artist",
        &artist,
        "--artist",
        "nobody at all",
        "--year",
        "1900-",
        "--server",
        &address,
    ]));
    assert!(text.contains("unknown artists: nobody at all"), "{text}");
}

#[test]
fn scoring_filters_as_the_service_does() {
    let world = World::shared();
    let out = tempfile::tempdir().unwrap();
    let out = out.path().join("scores.parquet");
    let report = succeed(
        crossfade()
            .args([
                "score",
                "--json",
                "--explicit",
                "false",
                "--genre",
                "noise no one makes",
            ])
            .arg("--bundles")
            .arg(&world.store)
            .arg("--out")
            .arg(&out),
    );
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["rows"], 0);
    assert_eq!(report["unknown_names"]["genres"][0], "noise no one makes");
}

#[test]
fn a_graph_is_published_with_its_recall_by_band_or_left_out() {
    let world = World::shared();
    let store = tempfile::tempdir().unwrap();
    let with_graph = |floor: &str| {
        let mut command = train_command(&world.data, store.path());
        command
            .env("CROSSFADE_INDEX__EXACT_BELOW_ROWS", "100")
            .env("CROSSFADE_INDEX__RECALL_FLOOR", floor);
        command
    };
    // So poor a graph that it cannot find all.
    let mut poor = with_graph("1.0");
    poor.env("CROSSFADE_INDEX__CONNECTIVITY", "4")
        .env("CROSSFADE_INDEX__EXPANSION_ADD", "4")
        .env("CROSSFADE_INDEX__EXPANSION_SEARCH", "100");
    let trained = poor.output().unwrap();
    let told = String::from_utf8_lossy(&trained.stderr);
    assert!(trained.status.success(), "{told}");
    for part in [
        "the graph is left out",
        "index.recall_floor",
        "index.exact_below_rows",
    ] {
        assert!(told.contains(part), "{told}");
    }
    let shown = |json: &[&str]| {
        let mut command = crossfade();
        succeed(
            command
                .args(["bundle", "show", "--bundles"])
                .arg(store.path())
                .args(json),
        )
    };
    let exact: serde_json::Value = serde_json::from_str(&shown(&["--json"])).unwrap();
    assert_eq!(exact["recall"], serde_json::json!([]));

    succeed(&mut with_graph("0.5"));
    let bundle: serde_json::Value = serde_json::from_str(&shown(&["--json"])).unwrap();
    let recall = bundle["recall"].as_array().unwrap();
    assert_eq!(recall.len(), 5);
    for at in recall {
        let bands = at["bands"].as_array().unwrap();
        assert_eq!(bands.len(), 3);
        let hits: u64 = bands
            .iter()
            .map(|band| band["hits"].as_u64().unwrap())
            .sum();
        assert_eq!(hits, at["queries"].as_u64().unwrap() * 100);
    }
    assert_eq!(bundle["costs"]["mixes"], serde_json::json!([0.0, 0.5, 1.0]));
    let text = shown(&[]);
    for word in ["head", "middle", "tail", "may answer"] {
        assert!(text.contains(word), "{text}");
    }
    // It is served, and what was not trained with a graph has neither.
    drop(Server::start(store.path()));
    let plain = tempfile::tempdir().unwrap();
    train(&world.data, plain.path(), "1");
    let shown = succeed(
        crossfade()
            .args(["bundle", "show", "--bundles"])
            .arg(plain.path()),
    );
    assert!(!shown.contains("may answer"), "{shown}");
}

#[test]
fn retrieval_is_measured_under_filters_of_a_given_width() {
    let output = succeed(
        crossfade()
            .args([
                "bundle",
                "measure",
                "--json",
                "--queries",
                "20",
                "--selectivity",
                "100,10,1",
            ])
            .args(["--content-weight", "0,1", "--bundles"])
            .arg(&World::shared().store),
    );
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let filtered = report["filtered"].as_array().unwrap();
    for weight in [0.0, 1.0] {
        for kind in ["random", "artists", "years"] {
            let of = filtered
                .iter()
                .filter(|at| at["kind"] == kind && at["content_weight"] == weight);
            assert_eq!(of.clone().count(), 3, "{kind} {weight}");
            assert!(of.clone().all(|at| at["recall"] == 1.0), "{kind} {weight}");
        }
    }
    let refused = fail(
        crossfade()
            .args(["bundle", "measure", "--selectivity", "0", "--bundles"])
            .arg(&World::shared().store),
    );
    assert!(refused.contains("--selectivity"), "{refused}");
}
