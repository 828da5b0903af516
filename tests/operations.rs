use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crossfade::pb::{self, model_service_client::ModelServiceClient};
use crossfade_client::{Client, Error, Options, RetryPolicy, ThrottlePolicy};
use tonic::{Code, Request};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{Server, World, crossfade, succeed};

fn request(user: u64) -> pb::RecommendRequest {
    pb::RecommendRequest {
        user_id: format!("usr_{:05}", user % 300),
        limit: Some(10),
        ..Default::default()
    }
}

fn client(addresses: &[SocketAddr], retry: RetryPolicy) -> Client {
    throttled(addresses, (retry, ThrottlePolicy::OFF))
}

fn throttled(addresses: &[SocketAddr], (retry, throttle): (RetryPolicy, ThrottlePolicy)) -> Client {
    let addresses = addresses.iter().map(|address| format!("http://{address}"));
    let options = Options {
        retry,
        throttle,
        timeout: Duration::from_secs(60),
        ..Options::default()
    };
    Client::new(addresses, &options).unwrap()
}

fn once() -> RetryPolicy {
    RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    }
}

/// A request that takes the server some time.
fn long() -> pb::CompareRankingsRequest {
    let rankings = (0..8).map(|step| pb::RankingSpec {
        ranking: pb::Ranking::Blend.into(),
        content_weight: Some(f64::from(step) / 7.0),
        ..Default::default()
    });
    pb::CompareRankingsRequest {
        user_id: "usr_00001".into(),
        rankings: rankings.collect(),
        limit: Some(900),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_when_to_come_again_and_health_stays_good() {
    let settings = ["--max-in-flight", "2"];
    let server = Server::try_start(&World::shared().store, &settings).unwrap();
    let impatient = client(&[server.address], once());
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let client = impatient.clone();
            tokio::spawn(async move { client.compare_rankings(long()).await })
        })
        .collect();
    let mut health = HealthClient::new(server.channel().await);
    let status = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(status.into_inner().status(), ServingStatus::Serving);
    let (mut answered, mut refused) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => {
                assert_eq!(error.code(), Some(Code::ResourceExhausted), "{error}");
                assert_eq!(error.reason().as_deref(), Some("OVERLOADED"));
                assert!(error.retry_after().unwrap() > Duration::ZERO);
                refused += 1;
            }
        }
    }
    assert!(answered > 0 && refused > 0, "{answered} and {refused}");
    // A client that is refused most of the time asks less often.
    let careful = throttled(&[server.address], (once(), ThrottlePolicy::default()));
    let (mut refused, mut held_back) = (0, 0);
    for _ in 0..8 {
        let calls = (0..64).map(|_| {
            let client = careful.clone();
            tokio::spawn(async move { client.compare_rankings(long()).await })
        });
        for call in calls.collect::<Vec<_>>() {
            match call.await.unwrap() {
                Ok(_) => (),
                Err(Error::Throttled) => held_back += 1,
                Err(error) => {
                    assert_eq!(error.reason().as_deref(), Some("OVERLOADED"));
                    refused += 1;
                }
            }
        }
    }
    assert!(held_back > refused, "{held_back} and {refused}");
    // Those who come again when they are told to are all answered.
    let patient = RetryPolicy {
        attempts: 1_000,
        budget: 1_000_000,
        ..RetryPolicy::default()
    };
    let patient = client(&[server.address], patient);
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let client = patient.clone();
            tokio::spawn(async move { client.compare_rankings(long()).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_keep_their_id_and_get_one_otherwise() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let mut asked = Request::new(request(1));
    let id = "from-the-caller-1";
    asked
        .metadata_mut()
        .insert("x-request-id", id.parse().unwrap());
    let answer = client.recommend(asked).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), id);
    let answer = client.recommend(request(1)).await.unwrap();
    assert!(answer.metadata().get("x-request-id").unwrap().len() > 16);
    // A refusal has one, too.
    let wrong = pb::RecommendRequest {
        limit: Some(-1),
        ..request(1)
    };
    let status = client.recommend(wrong).await.unwrap_err();
    assert!(status.metadata().get("x-request-id").is_some());
    let mut wrong = Request::new(request(1));
    wrong
        .metadata_mut()
        .insert("grpc-timeout", "soon".parse().unwrap());
    let status = client.recommend(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// What Prometheus would read.
pub(crate) fn metrics(address: SocketAddr) -> BTreeMap<String, f64> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_what_was_asked_found_and_refused() {
    let world = World::shared();
    let server = Server::try_start(&world.store, &["--metrics-listen", "127.0.0.1:0"]).unwrap();
    let mut client = server.recommendations().await;
    for user in 0..5 {
        client.recommend(request(user)).await.unwrap();
    }
    let wrong = pb::RecommendRequest {
        limit: Some(-1),
        ..request(1)
    };
    client.recommend(wrong).await.unwrap_err();
    let found = metrics(server.told("metrics on http://"));
    let method = "method=\"/crossfade.v1.RecommendationService/Recommend\"";
    let version = &world.versions[1];
    for (name, value) in [
        (
            format!("crossfade_requests_total{{{method},code=\"Ok\"}}"),
            5.0,
        ),
        (
            format!("crossfade_requests_total{{{method},code=\"InvalidArgument\"}}"),
            1.0,
        ),
        (format!("crossfade_request_seconds_count{{{method}}}"), 6.0),
        (
            "crossfade_queue_seconds_count{priority=\"interactive\"}".into(),
            5.0,
        ),
        (
            "crossfade_work_seconds_count{work=\"recommend\"}".into(),
            5.0,
        ),
        ("crossfade_requests_under_way".into(), 0.0),
        ("crossfade_overloaded_total".into(), 0.0),
        ("crossfade_ready".into(), 1.0),
        (
            format!("crossfade_bundle_info{{version=\"{version}\"}}"),
            1.0,
        ),
        ("crossfade_bundle_users".into(), 300.0),
    ] {
        assert_eq!(found.get(&name), Some(&value), "{name}: {found:#?}");
    }
    let lists = found
        .iter()
        .filter(|(name, _)| name.starts_with("crossfade_lists_total"));
    assert_eq!(lists.map(|(_, lists)| lists).sum::<f64>(), 5.0);
    assert!(found["process_resident_memory_bytes"] > 1e6);
    assert!(found["process_open_fds"] > 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_restarted_in_turn_fail_no_call() {
    let store = &World::shared().store;
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("settings.toml");
    fs::write(&settings, "[serve]\ndrain_delay_seconds = 0.1\n").unwrap();
    let arguments = ["--config", settings.to_str().unwrap()];
    let mut servers: Vec<Server> = (0..2)
        .map(|_| Server::try_start(store, &arguments).unwrap())
        .collect();
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let client = client(&addresses, RetryPolicy::default());
    let (stop, calls) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (client, stop, calls) = (client.clone(), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let user = calls.fetch_add(1, Ordering::Relaxed);
                    client.recommend(request(user)).await.unwrap();
                }
            })
        })
        .collect();
    let goes_on = async || {
        let so_far = calls.load(Ordering::Relaxed);
        while calls.load(Ordering::Relaxed) < so_far + 200 {
            assert!(
                callers.iter().all(|caller| !caller.is_finished()),
                "a call failed"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for turn in 0..4 {
        goes_on().await;
        let server = servers.remove(0);
        let address = server.address.to_string();
        server.terminate();
        assert_eq!(
            tokio::task::spawn_blocking(|| server.wait()).await.unwrap(),
            Some(0)
        );
        goes_on().await;
        let again = Server::start_at(&address, store, &arguments);
        servers.push(again.unwrap_or_else(|said| panic!("turn {turn}: {said}")));
    }
    goes_on().await;
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_give_up_often_do_not_break_the_connection_for_others() {
    let server = Server::start(&World::shared().store);
    let client = client(&[server.address], once());
    for round in 0..60_u64 {
        let impatient: Vec<_> = (0..128)
            .map(|user| {
                let client = client.clone();
                // They all give up at the same moment, while answers are on their way.
                let moment = Duration::from_micros(2_000 + 97 * round);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(moment, client.recommend(request(user))).await;
                })
            })
            .collect();
        for user in 0..4 {
            match client.recommend(request(user)).await {
                Ok(answer) => assert_eq!(answer.tracks.len(), 10),
                Err(error) => assert_eq!(error.reason().as_deref(), Some("OVERLOADED"), "{error}"),
            }
        }
        for caller in impatient {
            caller.await.unwrap();
        }
    }
}

/// For how many seconds callers come and go; the variable makes it as long as one likes.
fn soak() -> Duration {
    let seconds = std::env::var("TEST_SOAK_SECONDS");
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn exchanged_bundles_killed_clients_and_cancelled_calls_leave_answers_whole_and_memory_flat()
{
    let world = World::shared();
    let store = world.copy_of_store();
    let server = Server::try_start(store.path(), &["--metrics-listen", "127.0.0.1:0"]).unwrap();
    let client = client(&[server.address], once());
    let mut models = ModelServiceClient::new(server.channel().await);
    let mut activate = async |version: &String| {
        let version = version.clone();
        let request = pb::ActivateBundleRequest { version };
        models.activate_bundle(request).await.unwrap();
    };
    // What each bundle answers on its own.
    let mut alone = BTreeMap::new();
    for version in &world.versions {
        activate(version).await;
        for user in 0..20 {
            let answer = client.recommend(request(user)).await.unwrap();
            alone.insert((version.clone(), user), answer.tracks);
        }
    }
    let alone = Arc::new(alone);
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|caller| {
            let (client, stop, alone) = (client.clone(), Arc::clone(&stop), Arc::clone(&alone));
            tokio::spawn(async move {
                let mut calls = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    calls += 1;
                    let user = (calls + caller) % 20;
                    let call = client.recommend(request(user));
                    if calls.is_multiple_of(7) {
                        // Cancelled at some moment or other; answers that come earlier are as good as any.
                        let moment = Duration::from_micros(calls * 131 % 3_000);
                        let _ = tokio::time::timeout(moment, call).await;
                        continue;
                    }
                    let answer = call.await.unwrap();
                    let expected = &alone[&(answer.bundle_version, user)];
                    assert_eq!(&answer.tracks, expected);
                }
                calls
            })
        })
        .collect();
    let page = server.told("metrics on http://");
    let memory = || metrics(page)["process_resident_memory_bytes"];
    let (start, mut turn, mut early) = (Instant::now(), 0, None);
    while start.elapsed() < soak() {
        // A client that is killed while it waits for answers.
        let mut killed = Command::new(env!("CARGO_BIN_EXE_crossfade"))
            .args([
                "load",
                "--rate",
                "200",
                "--seconds",
                "60",
                "--warm-up",
                "0",
                "--bundles",
            ])
            .arg(store.path())
            .args(["--server", &format!("http://{}", server.address)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        activate(&world.versions[turn % 2]).await;
        killed.kill().unwrap();
        killed.wait().unwrap();
        turn += 1;
        if early.is_none() && start.elapsed() > soak() / 3 {
            early = Some(memory());
        }
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.unwrap() > 100);
    }
    let (early, late) = (early.unwrap(), memory());
    assert!(late < early * 1.2 + 32e6, "{early} bytes became {late}");
    assert!(!server.said("panicked"));
}

#[test]
fn load_is_measured_at_a_rate_and_at_the_peak() {
    let world = World::shared();
    let server = Server::start(&world.store);
    let address = format!("http://{}", server.address);
    let run = |arguments: &[&str]| -> serde_json::Value {
        let mut command = crossfade();
        command.args(["load", "--json", "--seconds", "0.5", "--warm-up", "0.1"]);
        command.arg("--bundles").arg(&world.store).args(arguments);
        serde_json::from_str(&succeed(&mut command)).unwrap()
    };
    let report = run(&["--server", &address, "--rate", "100"]);
    let requests = report["load"]["requests"].as_u64().unwrap();
    assert!((20..=90).contains(&requests), "{report}");
    assert!(report["load"]["latency"]["p99"].as_f64().unwrap() > 0.0);
    assert!(
        report["load"]["failed"].as_object().unwrap().is_empty(),
        "{report}"
    );
    let report = run(&["--history", "5"]);
    let compared = &report["compared"];
    let number = |name: &str| compared[name].as_f64().unwrap();
    assert!(number("both") < number("plain_loop") && number("both") < number("echo"));
    assert!(number("share") > 0.0);
    assert!(report["peak"]["answered_per_second"].as_f64().unwrap() > 0.0);
}
