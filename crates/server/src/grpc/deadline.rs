//! Deadlines. The transport's own timeout answers CANCELLED; here it is DEADLINE_EXCEEDED, and whoever works on the request
//! is told to stop.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep_until, timeout_at};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{
    call::Deadline,
    options::{ServeOptions, seconds},
    status::Refusal,
};

const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Gives every request a deadline: what its caller asks for, or else a default, and never more than a maximum. Streamed
/// answers may go on beyond default and maximum once they have begun, but not beyond what the caller asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    default: Duration,
    max: Duration,
}

impl Deadlines {
    pub(super) fn new(options: &ServeOptions) -> Self {
        Self {
            default: seconds(options.timeout_seconds),
            max: seconds(options.max_timeout_seconds),
        }
    }
}

impl<S> Layer<S> for Deadlines {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed {
            inner,
            deadlines: *self,
        }
    }
}

/// A service whose requests have deadlines.
#[derive(Debug, Clone)]
pub(super) struct Timed<S> {
    inner: S,
    deadlines: Deadlines,
}

impl<S> Service<Request<Body>> for Timed<S>
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let asked = match asked(request.headers()) {
            Ok(asked) => asked,
            Err(status) => return Box::pin(async move { Ok(status.into_http()) }),
        };
        let Deadlines { default, max } = self.deadlines;
        let deadline = begun + asked.unwrap_or(default).min(max);
        request.extensions_mut().insert(Deadline(deadline));
        let answer = self.inner.call(request);
        Box::pin(async move {
            match timeout_at(deadline.into(), answer).await {
                Err(_) => Ok(Status::from(Refusal::Expired).into_http()),
                Ok(Ok(response)) => Ok(match asked.and_then(|asked| begun.checked_add(asked)) {
                    Some(end) => response.map(|body| Body::new(TimedBody::new(body, end))),
                    None => response,
                }),
                Ok(Err(error)) => Err(error),
            }
        })
    }
}

/// The time a caller gives: at most eight digits and a unit.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(parse);
    let wrong = || Status::invalid_argument(format!("grpc-timeout is {value:?}, which is no time"));
    parsed.map(Some).ok_or_else(wrong)
}

fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| is_number)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// An answer that ends with DEADLINE_EXCEEDED where it is not complete in time.
struct TimedBody {
    inner: Option<Body>,
    end: Pin<Box<Sleep>>,
}

impl TimedBody {
    fn new(inner: Body, end: Instant) -> Self {
        Self {
            inner: Some(inner),
            end: Box::pin(sleep_until(end.into())),
        }
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        // What is ready is sent, so that a complete answer never waits for a timer.
        if let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        match self.end.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.inner = None;
                let mut trailers = HeaderMap::new();
                let added = Status::from(Refusal::Expired).add_header(&mut trailers);
                Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::new, Body::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_protocol_writes_them() {
        assert_eq!(parse("1H"), Some(Duration::from_secs(3_600)));
        assert_eq!(parse("2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse("00000003S"), Some(Duration::from_secs(3)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for wrong in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1.5S",
            "100000000S",
            "1 S",
            "1é",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    /// Never answers, or never ends its answer.
    #[derive(Clone)]
    struct Slow {
        begins: bool,
    }

    impl Service<Request<Body>> for Slow {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            assert!(request.extensions().get::<Deadline>().is_some());
            match self.begins {
                true => Box::pin(async { Ok(Response::new(Body::new(Endless))) }),
                false => Box::pin(std::future::pending()),
            }
        }
    }

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    fn timed(begins: bool) -> Timed<Slow> {
        let deadlines = Deadlines {
            default: Duration::from_millis(5),
            max: Duration::from_millis(20),
        };
        deadlines.layer(Slow { begins })
    }

    fn asking(timeout: &str) -> Request<Body> {
        let request = Request::builder().header(TIMEOUT, timeout);
        request.body(Body::empty()).unwrap()
    }

    fn status(headers: &HeaderMap) -> Option<&str> {
        headers.get(Status::GRPC_STATUS)?.to_str().ok()
    }

    #[tokio::test]
    async fn what_is_not_answered_in_time_has_exceeded_its_deadline() {
        for request in [Request::new(Body::empty()), asking("1m"), asking("1H")] {
            let response = timed(false).call(request).await.unwrap();
            assert_eq!(status(response.headers()), Some("4"));
        }
        let response = timed(false).call(asking("soon")).await.unwrap();
        assert_eq!(status(response.headers()), Some("3"));
    }

    #[tokio::test]
    async fn a_stream_ends_when_its_caller_said_and_not_before() {
        let response = timed(true).call(asking("30m")).await.unwrap();
        let mut body = response.into_body();
        let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx));
        let trailers = frame.await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(status(&trailers), Some("4"));
        // Without a deadline of its caller's it goes on, whatever default and maximum are.
        let request = Request::new(Body::empty());
        let mut body = timed(true).call(request).await.unwrap().into_body();
        let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(Pin::new(&mut body), cx));
        let ended = tokio::time::timeout(Duration::from_millis(60), frame).await;
        assert!(ended.is_err());
    }
}
