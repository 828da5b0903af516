use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::watch, time};
use tonic::{
    codec::CompressionEncoding,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    admission::Admission, event_service::Events, model_service::Models,
    recommendation_service::Recommendations,
};
use crate::{
    pb::{
        FILE_DESCRIPTOR_SET,
        event_service_server::{EventServiceServer, SERVICE_NAME as EVENT_SERVICE},
        model_service_server::{ModelServiceServer, SERVICE_NAME as MODEL_SERVICE},
        recommendation_service_server::{
            RecommendationServiceServer, SERVICE_NAME as RECOMMENDATION_SERVICE,
        },
    },
    serving::Serving,
};

/// Largest request in bytes. Above what a valid request can need, so that a request that is too large in one field is
/// told which.
const MAX_REQUEST: usize = 16 << 20;
/// Flow-control windows of HTTP/2 in bytes; the default of 64 KiB stalls on long lists.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How to serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeOptions {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Requests worked on or waiting at once; any further one is refused.
    pub max_in_flight: usize,
    /// Requests worked on at once; 0 means one per core.
    pub workers: usize,
    /// Seconds between looks at the store for another active bundle.
    pub follow_seconds: f64,
    /// Directory that reported plays are recorded in; none are taken without one.
    pub events: Option<PathBuf>,
    /// Seconds after which recorded plays are at the latest written as Parquet, for the next training.
    pub compact_seconds: f64,
    /// Seconds between saying NOT_SERVING and refusing connections on shutdown, for load balancers to notice.
    pub drain_delay_seconds: f64,
    /// Seconds that requests under way are given to finish on shutdown.
    pub drain_timeout_seconds: f64,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            max_in_flight: 256,
            workers: 0,
            follow_seconds: 1.0,
            events: None,
            compact_seconds: 300.0,
            drain_delay_seconds: 0.0,
            drain_timeout_seconds: 10.0,
        }
    }
}

impl ServeOptions {
    /// How many requests are worked on at once.
    pub fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

/// Serves until `shutdown` completes, then drains: health says NOT_SERVING, no new connections are taken, requests under
/// way are finished.
///
/// # Errors
///
/// If the transport fails.
pub async fn serve(
    listener: TcpListener,
    serving: Arc<Serving>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let health_state = Health(health_reporter);
    health_state.follow(&serving).await;
    let follower = tokio::spawn(follow(
        Arc::clone(&serving),
        health_state.clone(),
        seconds(options.follow_seconds).max(Duration::from_millis(10)),
    ));

    let compactor = tokio::spawn(compact(
        Arc::clone(&serving),
        seconds(options.compact_seconds),
    ));
    let events = EventServiceServer::new(Events {
        serving: Arc::clone(&serving),
    })
    .max_decoding_message_size(MAX_REQUEST)
    .accept_compressed(CompressionEncoding::Gzip)
    .accept_compressed(CompressionEncoding::Zstd);
    let admission = Admission::new(options.max_in_flight, options.workers());
    let recommendations = RecommendationServiceServer::new(Recommendations {
        serving: Arc::clone(&serving),
        admission,
    })
    .max_decoding_message_size(MAX_REQUEST)
    .accept_compressed(CompressionEncoding::Gzip)
    .accept_compressed(CompressionEncoding::Zstd);
    let counted = Arc::clone(&serving);
    let models = ModelServiceServer::new(Models {
        serving,
        started: SystemTime::now(),
        max_in_flight: options.max_in_flight,
    })
    .max_decoding_message_size(MAX_REQUEST);

    // Without it the end of an answer would wait for the client to acknowledge its beginning, 40 ms.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let (stop, stopped) = watch::channel(false);
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .add_service(recommendations)
        .add_service(models)
        .add_service(events)
        .serve_with_incoming_shutdown(incoming, until(stopped.clone()));

    let drain = async {
        shutdown.await;
        tracing::info!("draining");
        follower.abort();
        compactor.abort();
        health_state.drain().await;
        time::sleep(seconds(options.drain_delay_seconds)).await;
        let _ = stop.send(true);
        // Streams such as health watches end only with their clients, so the wait is bounded.
        time::sleep(seconds(options.drain_timeout_seconds)).await;
        tracing::warn!("some connections were still open at the end of the drain");
    };
    tokio::select! {
        result = server => result?,
        () = drain => {}
    }
    counted.paths().log();
    tracing::info!("stopped");
    Ok(())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means the sender is gone, which is also the end.
    let _ = stopped.wait_for(|&stopped| stopped).await;
}

/// Takes into service what is activated in the store from outside, and keeps health true.
async fn follow(serving: Arc<Serving>, health: Health, every: Duration) {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let mut last_problem = String::new();
    loop {
        ticks.tick().await;
        let follower = Arc::clone(&serving);
        let followed = tokio::task::spawn_blocking(move || follower.follow()).await;
        match followed {
            Ok(Ok(Some(bundle))) => {
                tracing::info!(version = bundle.version, "bundle in service");
                serving.paths().log();
                last_problem.clear();
            }
            Ok(Ok(None)) => last_problem.clear(),
            Ok(Err(error)) => report(&error, &mut last_problem),
            Err(error) => tracing::error!(%error, "following the store failed"),
        }
        health.follow(&serving).await;
    }
}

/// Writes recorded plays as Parquet, soon after their segment is full or at the latest when it is so old.
async fn compact(serving: Arc<Serving>, older_than: Duration) {
    if serving.recorder().is_none() {
        return;
    }
    let mut ticks = time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    let mut last_problem = String::new();
    loop {
        ticks.tick().await;
        let compacted = Arc::clone(&serving);
        let done = tokio::task::spawn_blocking(move || {
            let recorder = compacted.recorder();
            recorder.map_or(Ok(Default::default()), |recorder| {
                recorder.compact(older_than)
            })
        });
        match done.await {
            Ok(Ok(done)) => {
                last_problem.clear();
                if done.segments > 0 {
                    tracing::info!(
                        segments = done.segments,
                        plays = done.plays,
                        "plays compacted"
                    );
                }
            }
            Ok(Err(error)) if last_problem != error.to_string() => {
                last_problem = error.to_string();
                tracing::error!(
                    error = &*error as &dyn std::error::Error,
                    "plays stay uncompacted"
                );
            }
            Ok(Err(_)) => {}
            Err(error) => tracing::error!(%error, "compacting failed"),
        }
    }
}

/// Logs a problem once, not at every look.
fn report(error: &crossfade_bundle::Error, last: &mut String) {
    let problem = error.to_string();
    if *last != problem {
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "the active bundle is not served"
        );
        *last = problem;
    }
}

/// Tells every service's health at once.
#[derive(Debug, Clone)]
struct Health(HealthReporter);

impl Health {
    /// Recommends only while there is a bundle; administration works without one, which is when it is needed most.
    async fn follow(&self, serving: &Serving) {
        let recommends = serving.bundle().is_some();
        self.set(recommends, serving.recorder().is_some(), true)
            .await;
    }

    /// Nothing new, please.
    async fn drain(&self) {
        self.set(false, false, false).await;
    }

    async fn set(&self, recommends: bool, records: bool, administers: bool) {
        let status = |serves| match serves {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for (service, serves) in [
            ("", recommends),
            (RECOMMENDATION_SERVICE, recommends),
            (EVENT_SERVICE, records),
            (MODEL_SERVICE, administers),
        ] {
            self.0.set_service_status(service, status(serves)).await;
        }
    }
}

/// A setting in seconds; anything that is no time is none.
fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}
