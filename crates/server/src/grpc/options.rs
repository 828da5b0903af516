use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// How to serve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeOptions {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address for administration. With one, the methods that choose bundles are served only there.
    pub admin_listen: Option<SocketAddr>,
    /// Address for Prometheus to ask `/metrics` at; nothing listens without one.
    pub metrics_listen: Option<SocketAddr>,
    /// Address of an OpenTelemetry collector (OTLP over gRPC, as `http://127.0.0.1:4317`) that traces are sent to; none are
    /// without one. Needs a program built with the feature `otlp`.
    pub traces_collector: Option<String>,
    /// Share of the requests that are traced, 0 to 1, where the caller does not say whether.
    pub traces_share: f64,
    /// File with the keys of callers, as `crossfade token` makes them. Without one, everybody who can connect may do everything.
    pub tokens: Option<PathBuf>,
    /// Certificate (PEM) to show callers; connections are plain without one.
    pub tls_certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub tls_key: Option<PathBuf>,
    /// Certificates (PEM) that callers' certificates must be signed by; callers need none without it.
    pub tls_client_ca: Option<PathBuf>,
    /// Requests worked on or waiting at once; any further one is refused.
    pub max_in_flight: usize,
    /// Seconds that an interactive request may be expected to wait for its turn; one that would have to wait longer is refused.
    pub max_wait_seconds: f64,
    /// Seconds that a request may take whose caller names no deadline.
    pub timeout_seconds: f64,
    /// Seconds that any request may take, whatever deadline its caller names. Streams may go on for longer.
    pub max_timeout_seconds: f64,
    /// Requests worked on at once; 0 means one per core.
    pub workers: usize,
    /// Seconds between looks at the store for another active bundle, and at certificates and tokens.
    pub follow_seconds: f64,
    /// Directory that reported plays are recorded in; none are taken without one.
    pub events: Option<PathBuf>,
    /// Directory that lists of experiments are written down in; no list is part of an experiment without one.
    pub exposures: Option<PathBuf>,
    /// File with the key of attribution tokens, 64 hexadecimal digits. Servers that take each other's tokens share it; without
    /// one, a key is made and kept in the directory of exposures.
    pub attribution_key: Option<PathBuf>,
    /// Seconds after which recorded plays and lists are at the latest written as Parquet, for the next training.
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
            admin_listen: None,
            metrics_listen: None,
            traces_collector: None,
            traces_share: 1.0,
            tokens: None,
            tls_certificate: None,
            tls_key: None,
            tls_client_ca: None,
            max_in_flight: 256,
            max_wait_seconds: 0.1,
            timeout_seconds: 10.0,
            max_timeout_seconds: 60.0,
            workers: 0,
            follow_seconds: 1.0,
            events: None,
            exposures: None,
            attribution_key: None,
            compact_seconds: 300.0,
            drain_delay_seconds: 0.0,
            drain_timeout_seconds: 10.0,
        }
    }
}

impl ServeOptions {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// The first setting out of range.
    pub fn validate(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.max_in_flight > 0,
            "serve.max_in_flight must be at least 1"
        );
        for (name, value) in [
            ("max_wait_seconds", self.max_wait_seconds),
            ("timeout_seconds", self.timeout_seconds),
            ("max_timeout_seconds", self.max_timeout_seconds),
            ("follow_seconds", self.follow_seconds),
        ] {
            anyhow::ensure!(
                value > 0.0 && value <= 86_400.0,
                "serve.{name} is {value}; it must be above 0 and at most 86400"
            );
        }
        for (name, value) in [
            ("compact_seconds", self.compact_seconds),
            ("drain_delay_seconds", self.drain_delay_seconds),
            ("drain_timeout_seconds", self.drain_timeout_seconds),
        ] {
            anyhow::ensure!(
                (0.0..=86_400.0).contains(&value),
                "serve.{name} is {value}; it must be from 0 to 86400"
            );
        }
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.traces_share),
            "serve.traces_share is {}; it must be from 0 to 1",
            self.traces_share
        );
        anyhow::ensure!(
            self.tls_certificate.is_some() == self.tls_key.is_some(),
            "serve.tls_certificate and serve.tls_key are only of use together"
        );
        anyhow::ensure!(
            self.tls_client_ca.is_none() || self.tls_certificate.is_some(),
            "serve.tls_client_ca is only of use with serve.tls_certificate"
        );
        Ok(())
    }

    /// How many requests are worked on at once.
    pub fn workers(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

/// A setting in seconds; anything that is no time is none.
pub(super) fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}
