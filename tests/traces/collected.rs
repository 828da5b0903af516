use std::{
    convert::Infallible,
    fs,
    future::{Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use crossfade::pb;
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
};
use tower::Service;

use crate::{
    harness::{Server, World},
    security::Verbatim,
};

/// Takes traces, and keeps the bytes of what it was sent.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<u8>>>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<Request<Body>> for Collector {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let kept = self.clone();
        Box::pin(async move { Ok(Grpc::new(Verbatim).unary(kept, request).await) })
    }
}

impl UnaryService<Bytes> for Collector {
    type Response = Bytes;
    type Future = Ready<Result<tonic::Response<Bytes>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        self.0.lock().unwrap().extend(request.into_inner());
        ready(Ok(tonic::Response::new(Bytes::new())))
    }
}

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let server = tonic::transport::Server::builder().add_service(collector.clone());
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    fn was_sent(&self, bytes: &[u8]) -> bool {
        let kept = self.0.lock().unwrap();
        kept.windows(bytes.len()).any(|window| window == bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_traced_as_part_of_what_their_caller_does() {
    let (collector, address) = Collector::start().await;
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("settings.toml");
    let text = format!("[serve]\ntraces_collector = {address:?}\ntraces_share = 0.0\n");
    fs::write(&settings, text).unwrap();
    let arguments = ["--config", settings.to_str().unwrap()];
    let server = Server::try_start(&World::shared().store, &arguments).unwrap();
    let mut client = server.recommendations().await;
    let mut request = tonic::Request::new(pb::RecommendRequest::default());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .metadata_mut()
        .insert("traceparent", parent.parse().unwrap());
    client.recommend(request).await.unwrap();
    // Of those that say nothing, none are wanted.
    let track = pb::DescribeTrackRequest {
        track_id: "trk_00001".into(),
        ..Default::default()
    };
    client.describe_track(track).await.unwrap();
    drop(client);
    // What is left is sent at the end.
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    assert!(collector.was_sent(&trace));
    assert!(collector.was_sent(b"/crossfade.v1.RecommendationService/Recommend"));
    assert!(collector.was_sent(b"waited_us"));
    assert!(!collector.was_sent(b"DescribeTrack"));
}
