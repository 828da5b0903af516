//! The outermost layer: every request gets an id, is let in or not, and is counted.

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::{
    admission::Admission,
    call::Priority,
    methods::{METHODS, Scope, find},
    metrics::Metrics,
    status::Refusal,
    tokens::Tokens,
};
use crate::traces;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id taken from a caller, in bytes.
const LONGEST_ID: usize = 128;

/// Who may call what on a listener, and where it is counted.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) tokens: Option<Arc<Tokens>>,
    /// Whether methods that choose bundles are served.
    pub(super) administers: bool,
    pub(super) admission: Admission,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ids: Arc<Ids>,
}

/// Ids for requests that come without: none is given twice, by this process or, most likely, by another.
#[derive(Debug)]
pub(super) struct Ids {
    process: u64,
    next: AtomicU64,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            // The keys of the hash are random.
            process: RandomState::new().hash_one(std::process::id()),
            next: AtomicU64::new(0),
        }
    }
}

impl Ids {
    /// The caller's id if it is one, or else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let is_id = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=LONGEST_ID).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        if let Some(given) = headers.get(REQUEST_ID).filter(is_id) {
            return given.clone();
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{:016x}-{next:x}", self.process))
            .expect("invariant: hexadecimal digits are visible ASCII")
    }
}

impl Guard {
    /// Who calls, if it may and there is room for what it wants; nothing where it need not say.
    fn admit(&self, method: usize, headers: &HeaderMap) -> Result<Option<Arc<str>>, Refusal> {
        let scope = METHODS[method].scope;
        if scope == Scope::Admin && !self.administers {
            return Err(Refusal::Elsewhere);
        }
        let caller = match &self.tokens {
            Some(tokens) if scope != Scope::Open => Some(tokens.authorise(headers, scope)?),
            _ => None,
        };
        if METHODS[method].queued {
            self.admission.has_room(Priority::of(headers))?;
        }
        Ok(caller)
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            guard: self.clone(),
        }
    }
}

/// A service that is guarded.
#[derive(Debug, Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    guard: Guard,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let headers = request.headers();
        let id = self.guard.ids.of(headers);
        let Some(method) = find(request.uri().path()) else {
            let mut response = Status::from(Refusal::UnknownMethod).into_http();
            response.headers_mut().insert(REQUEST_ID, id);
            return Box::pin(async { Ok(response) });
        };
        let under_way = self.guard.metrics.begin(method);
        let caller = match self.guard.admit(method, headers) {
            Ok(caller) => caller,
            Err(refusal) => {
                let mut response = Status::from(refusal).into_http();
                under_way.end(code(response.headers()), begun.elapsed());
                response.headers_mut().insert(REQUEST_ID, id);
                return Box::pin(async { Ok(response) });
            }
        };
        let span = tracing::info_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            method = METHODS[method].path,
            caller = caller.as_deref(),
            trace = trace(headers),
            otel.name = traces::AVAILABLE.then_some(METHODS[method].path),
            otel.kind = traces::AVAILABLE.then_some("server"),
        );
        traces::begun(&span, headers);
        let answer = self.inner.call(request);
        let done = async move {
            let mut response = answer.await?;
            let code = code(response.headers());
            let took = begun.elapsed();
            under_way.end(code, took);
            traces::ended(&Span::current(), code);
            tracing::debug!(?code, ms = took.as_secs_f64() * 1e3, "answered");
            response.headers_mut().insert(REQUEST_ID, id);
            Ok(response)
        };
        Box::pin(done.instrument(span))
    }
}

/// How a call ended, or for a stream, began.
fn code(headers: &HeaderMap) -> Code {
    let code = headers.get(Status::GRPC_STATUS);
    code.map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// The trace that a request belongs to, by W3C's `traceparent`.
fn trace(headers: &HeaderMap) -> Option<&str> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = parent.split('-');
    let (_version, trace) = (parts.next()?, parts.next()?);
    let is_id = trace.len() == 32 && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn ids_are_the_callers_or_new() {
        let ids = Ids::default();
        assert_eq!(ids.of(&headers("x-request-id", "a-1")), "a-1");
        let new = ids.of(&HeaderMap::new());
        assert_ne!(new, ids.of(&HeaderMap::new()));
        for wrong in ["", "a b", "é", &"x".repeat(129)] {
            let wrong = headers("x-request-id", wrong);
            assert_ne!(ids.of(&wrong), wrong["x-request-id"]);
        }
    }

    #[test]
    fn traces_are_read_from_what_callers_say() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let found = headers("traceparent", parent);
        assert_eq!(trace(&found), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(trace(&headers("traceparent", "00-xyz-1-01")), None);
        assert_eq!(trace(&HeaderMap::new()), None);
    }
}
