use std::{
    future::Future,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    time,
};
use tonic::{
    codec::CompressionEncoding,
    transport::{
        Server,
        server::{Router, TcpIncoming},
    },
};
use tower::layer::util::{Identity, Stack};

use super::{
    admission::Admission,
    deadline::Deadlines,
    event_service::Events,
    experiment_service::Trials,
    guard::{Guard, Ids},
    health::Health,
    metrics::{Metrics, Scraped, scrape},
    model_service::Models,
    options::{ServeOptions, seconds},
    recommendation_service::Recommendations,
    tls::Certificates,
    tokens::Tokens,
    upkeep::{self, Credentials},
};
use crate::{
    pb::{
        FILE_DESCRIPTOR_SET, event_service_server::EventServiceServer,
        experiment_service_server::ExperimentServiceServer,
        model_service_server::ModelServiceServer,
        recommendation_service_server::RecommendationServiceServer,
    },
    serving::Serving,
};

/// Largest request in bytes. Above what a valid request can need, so that a request that is too large in one field is
/// told which.
const MAX_REQUEST: usize = 16 << 20;
/// Flow-control windows of HTTP/2 in bytes; the default of 64 KiB stalls on long lists.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// What every request goes through, the guard first.
type Layers = Stack<Deadlines, Stack<Guard, Identity>>;

/// What a server listens on.
#[derive(Debug)]
pub struct Listeners {
    /// For everybody.
    pub main: TcpListener,
    /// For those who choose bundles; without it they use the main one.
    pub admin: Option<TcpListener>,
    /// For Prometheus.
    pub metrics: Option<TcpListener>,
}

impl Listeners {
    /// Listens where the options say.
    ///
    /// # Errors
    ///
    /// If an address is taken or is not this machine's.
    pub async fn bind(options: &ServeOptions) -> anyhow::Result<Self> {
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))
        };
        let maybe = async |address: Option<SocketAddr>| match address {
            Some(address) => bind(address).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            main: bind(options.listen).await?,
            admin: maybe(options.admin_listen).await?,
            metrics: maybe(options.metrics_listen).await?,
        })
    }
}

/// Serves until `shutdown` completes, then drains: health says NOT_SERVING, no new connections are taken, requests under
/// way are finished.
///
/// # Errors
///
/// If certificates or tokens cannot be used, or the transport fails.
pub async fn serve(
    listeners: Listeners,
    serving: Arc<Serving>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let credentials = Credentials {
        certificates: Certificates::open(&options)?.map(Arc::new),
        tokens: match &options.tokens {
            Some(file) => Some(Arc::new(Tokens::open(file)?)),
            None => None,
        },
    };
    let (health, health_service) = Health::new();
    health.follow(&serving).await;
    let started = SystemTime::now();
    let metrics = Arc::new(Metrics::default());
    let mut upkeep = upkeep::start(&serving, &credentials, &health, &options);
    if let Some(listener) = listeners.metrics {
        let scraped = Scraped {
            metrics: Arc::clone(&metrics),
            serving: Arc::clone(&serving),
            started,
        };
        upkeep.keep(tokio::spawn(scrape(listener, scraped)));
    }

    let admission =
        Admission::new(&options, Arc::clone(&metrics)).context("the workers cannot be started")?;
    let ids = Arc::new(Ids::default());
    let has_admin = listeners.admin.is_some();
    let reporting = Arc::new(Mutex::new(()));
    // The same services on every listener; who may call what is the guard's affair.
    let router = |administers: bool| -> anyhow::Result<Router<Layers>> {
        let recommendations = Recommendations {
            serving: Arc::clone(&serving),
            admission: admission.clone(),
        };
        let models = Models {
            serving: Arc::clone(&serving),
            started,
            max_in_flight: options.max_in_flight,
        };
        let events = Events {
            serving: Arc::clone(&serving),
        };
        let trials = Trials {
            serving: Arc::clone(&serving),
            reporting: Arc::clone(&reporting),
        };
        let guard = Guard {
            tokens: credentials.tokens.clone(),
            administers,
            admission: admission.clone(),
            metrics: Arc::clone(&metrics),
            ids: Arc::clone(&ids),
        };
        Ok(transport()
            .layer(guard)
            .layer(Deadlines::new(&options))
            .add_service(health_service.clone())
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .add_service(
                RecommendationServiceServer::new(recommendations)
                    .max_decoding_message_size(MAX_REQUEST)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd),
            )
            .add_service(
                ExperimentServiceServer::new(trials).max_decoding_message_size(MAX_REQUEST),
            )
            .add_service(ModelServiceServer::new(models).max_decoding_message_size(MAX_REQUEST))
            .add_service(
                EventServiceServer::new(events)
                    .max_decoding_message_size(MAX_REQUEST)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd),
            ))
    };
    let (stop, stopped) = watch::channel(false);
    let certificates = &credentials.certificates;
    // Boxed, because they are large.
    let main = Box::pin(listen(
        router(!has_admin)?,
        listeners.main,
        certificates.clone(),
        stopped.clone(),
    ));
    let admin = async {
        match listeners.admin {
            Some(listener) => {
                let router = router(true)?;
                Box::pin(listen(
                    router,
                    listener,
                    certificates.clone(),
                    stopped.clone(),
                ))
                .await
            }
            None => Ok(()),
        }
    };

    let drain = async {
        shutdown.await;
        tracing::info!("draining");
        drop(upkeep);
        health.drain().await;
        time::sleep(seconds(options.drain_delay_seconds)).await;
        let _ = stop.send(true);
        // Streams such as health watches end only with their clients, so the wait is bounded.
        time::sleep(seconds(options.drain_timeout_seconds)).await;
        tracing::warn!("some connections were still open at the end of the drain");
    };
    tokio::select! {
        result = async { tokio::try_join!(main, admin) } => drop(result?),
        () = drain => {}
    }
    serving.paths().log();
    tracing::info!("stopped");
    Ok(())
}

/// Serves on a listener until it is stopped and all requests are answered.
async fn listen(
    router: Router<Layers>,
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    match certificates {
        Some(certificates) => {
            let incoming = certificates.accept(listener);
            router
                .serve_with_incoming_shutdown(incoming, until(stopped))
                .await?;
        }
        None => {
            // Without it the end of an answer would wait for the client to acknowledge its beginning, 40 ms.
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            router
                .serve_with_incoming_shutdown(incoming, until(stopped))
                .await?;
        }
    }
    Ok(())
}

/// How many calls of a connection may have been given up before anybody looked at them. More end the connection, so that a flood
/// of them (CVE-2023-44487) costs no more than that; but the usual 20 are soon there where all callers behind a proxy lose
/// patience at once, and then everybody's calls would break.
const GIVEN_UP: usize = 1_024;

/// The transport, as it is set up for everything that is served.
pub(crate) fn transport() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_pending_accept_reset_streams(Some(GIVEN_UP))
        .http2_keepalive_interval(Some(Duration::from_secs(60)))
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
