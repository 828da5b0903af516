use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, time};

use super::{Metrics, page::page};
use crate::serving::Serving;

/// How long a client may take to send its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told when it is asked for.
#[derive(Debug, Clone)]
pub(in crate::grpc) struct Scraped {
    pub(in crate::grpc) metrics: Arc<Metrics>,
    pub(in crate::grpc) serving: Arc<Serving>,
    pub(in crate::grpc) started: SystemTime,
}

/// Answers `GET /metrics` for ever.
pub(in crate::grpc) async fn scrape(listener: TcpListener, scraped: Scraped) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, most likely: not to be tried again at once.
                tracing::warn!(%error, "a connection for metrics was not accepted");
                time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let scraped = scraped.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let response = respond(&request, &scraped);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), answer);
            // Whoever asks may go away at any time.
            let _ = connection.await;
        });
    }
}

fn respond(request: &Request<Incoming>, scraped: &Scraped) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            let page = page(&scraped.metrics, &scraped.serving, scraped.started);
            (StatusCode::OK, page)
        }
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, "only /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
