use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    server::{Grpc, NamedService, UnaryService},
    transport::server::TcpIncoming,
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::pb;

/// Gives every `Recommend` the same answer, over the same transport as the real server: what is left of a request when nothing
/// is to be done for it.
#[derive(Debug, Clone)]
pub struct Echo(Arc<pb::RecommendResponse>);

impl Echo {
    /// Always this answer.
    pub fn new(answer: pb::RecommendResponse) -> Self {
        Self(Arc::new(answer))
    }

    /// Serves for ever.
    ///
    /// # Errors
    ///
    /// If the transport fails.
    pub async fn serve(self, listener: TcpListener) -> Result<(), tonic::transport::Error> {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        crate::grpc::transport()
            .add_service(self)
            .serve_with_incoming(incoming)
            .await
    }
}

impl NamedService for Echo {
    const NAME: &'static str = pb::recommendation_service_server::SERVICE_NAME;
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let method = Answer(Arc::clone(&self.0));
        Box::pin(async move {
            let codec = ProstCodec::<pb::RecommendResponse, pb::RecommendRequest>::default();
            Ok(Grpc::new(codec).unary(method, request).await)
        })
    }
}

struct Answer(Arc<pb::RecommendResponse>);

impl UnaryService<pb::RecommendRequest> for Answer {
    type Response = pb::RecommendResponse;
    type Future = Ready<Result<Response<pb::RecommendResponse>, Status>>;

    fn call(&mut self, _: Request<pb::RecommendRequest>) -> Self::Future {
        ready(Ok(Response::new((*self.0).clone())))
    }
}
