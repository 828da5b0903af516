use std::time::Duration;

use anyhow::Context;
use http::HeaderMap;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::{Status, TracerProvider},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tokio::runtime::Runtime;
use tonic::{Code, transport::ClientTlsConfig};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    registry::LookupSpan,
};

/// How long a collector may take for what it is sent at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends traces, in the background and many at once. What is left is sent when this goes.
#[derive(Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    /// Carries the connection; requests have threads of their own.
    _runtime: Runtime,
}

impl Traces {
    /// Starts to send traces to a collector, of this share of the requests that come without one that says whether.
    ///
    /// # Errors
    ///
    /// If the collector's address is none, or the system gives no thread.
    pub(crate) fn start(collector: &str, share: f64) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .context("no thread for traces can be started")?;
        let exporter = runtime.block_on(async {
            let exporter = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(collector)
                .with_timeout(PATIENCE);
            match collector.starts_with("https:") {
                true => exporter.with_tls_config(ClientTlsConfig::new().with_native_roots()),
                false => exporter,
            }
            .build()
        });
        let exporter = exporter.with_context(|| {
            format!("traces cannot be sent to {collector} (serve.traces_collector)")
        })?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(Resource::builder().with_service_name("crossfade").build())
            .build();
        Ok(Self {
            provider,
            _runtime: runtime,
        })
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Makes spans of the log those of traces.
pub(crate) fn layer<S>(traces: Option<&Traces>) -> Option<impl Layer<S> + use<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let traces = traces?;
    let tracer = traces.provider.tracer("crossfade");
    // Ours, and not what the libraries below say to themselves.
    let ours = Targets::new().with_target("crossfade", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Some(layer.with_filter(ours))
}

/// Joins a request to the trace that its caller says it belongs to (W3C's `traceparent` and `tracestate`).
pub(crate) fn begun(span: &Span, headers: &HeaderMap) {
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    // It fails where nobody listens to the span.
    let _ = span.set_parent(parent);
    span.set_attribute("rpc.system", "grpc");
}

/// Tells how a request ended; only what the server is to blame for makes its span an error, as OpenTelemetry's conventions
/// for gRPC have it.
pub(crate) fn ended(span: &Span, code: Code) {
    span.set_attribute("rpc.grpc.status_code", i64::from(code as i32));
    let is_ours = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if is_ours {
        span.set_status(Status::error(format!("{code:?}")));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
