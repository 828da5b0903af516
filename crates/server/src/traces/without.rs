use http::HeaderMap;
use tonic::Code;
use tracing::{Span, Subscriber};
use tracing_subscriber::{Layer, layer::Identity, registry::LookupSpan};

/// What sends traces: there is none.
#[derive(Debug)]
pub(crate) enum Traces {}

impl Traces {
    pub(crate) fn start(collector: &str, _: f64) -> anyhow::Result<Self> {
        anyhow::bail!(
            "serve.traces_collector is {collector}, but this program was built without traces. Build it with --features otlp, or leave the setting out"
        )
    }
}

pub(crate) fn layer<S>(traces: Option<&Traces>) -> Option<impl Layer<S> + use<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    traces.map(|_| Identity::new())
}

pub(crate) fn begun(_: &Span, _: &HeaderMap) {}

pub(crate) fn ended(_: &Span, _: Code) {}
