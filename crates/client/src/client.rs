use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time;
use tonic::{
    Request, Response, Status, Streaming, codegen::tokio_stream::Stream, metadata::MetadataValue,
    transport::Channel,
};

use crate::{
    Error, Options,
    error::unreachable,
    pb::{
        self, event_service_client::EventServiceClient,
        experiment_service_client::ExperimentServiceClient,
        model_service_client::ModelServiceClient,
        recommendation_service_client::RecommendationServiceClient,
    },
    retry::Budget,
    servers::Servers,
    throttle::Throttle,
};

/// Longest answer in bytes: above what the largest limits can give.
const MAX_RESPONSE: usize = 64 << 20;

/// Calls Crossfade. Clones share connections and what is learned of failures, and cost nothing: have one client, and clone it.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    servers: Servers,
    options: Options,
    budget: Budget,
    throttle: Throttle,
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Safe,
    Unsafe,
}

impl Client {
    /// A client of servers that have the same to say, which are called in turn; another attempt is made on another server, and
    /// one that cannot be reached is passed over for a second.
    /// Connects on first use, and again whenever that is needed. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] and [`Error::Credentials`] if something given cannot be used.
    pub fn new<A: AsRef<str>>(
        addresses: impl IntoIterator<Item = A>,
        options: &Options,
    ) -> Result<Self, Error> {
        let channels = addresses
            .into_iter()
            .map(|address| Ok(options.endpoint(address.as_ref())?.connect_lazy()))
            .collect::<Result<Vec<Channel>, Error>>()?;
        if channels.is_empty() {
            return Err(Error::NoServer);
        }
        Ok(Self(Arc::new(Shared {
            servers: Servers::new(channels),
            budget: Budget::new(&options.retry),
            throttle: Throttle::new(options.throttle),
            options: options.clone(),
        })))
    }

    async fn call<Q: Clone, R, F>(
        &self,
        request: Q,
        repeat: Repeat,
        method: impl Fn(Channel, Request<Q>) -> F,
    ) -> Result<R, Error>
    where
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let Shared {
            servers,
            options,
            budget,
            throttle,
        } = &*self.0;
        let turn = servers.turn();
        let deadline = Instant::now() + options.timeout;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let mut asked = self.request(request.clone());
            asked.set_timeout(left);
            let server = servers.pick(turn.wrapping_add(attempt as usize));
            let result = match throttle.admits() {
                true => Some(method(server.channel.clone(), asked).await),
                false => None,
            };
            result.iter().for_each(|result| throttle.came_back(result));
            let (error, has_other) = match result {
                Some(Ok(response)) => {
                    servers.answered(&server);
                    budget.succeeded();
                    return Ok(response.into_inner());
                }
                // The transport's own timer says CANCELLED.
                Some(Err(_)) if Instant::now() >= deadline => {
                    budget.failed();
                    return Err(Status::deadline_exceeded("no answer in time").into());
                }
                Some(Err(status)) => {
                    let has_other = unreachable(&status) && servers.rest(&server);
                    (Error::from(status), has_other)
                }
                None => (Error::Throttled, false),
            };
            let wait = options.retry.wait(&error, attempt);
            let wait = wait.map(|wait| if has_other { Duration::ZERO } else { wait });
            let wait = wait.filter(|&wait| {
                repeat == Repeat::Safe && Instant::now() + wait < deadline && budget.failed()
            });
            match wait {
                Some(wait) => time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    /// Ranks the catalogue for many listeners, over one stream: answers come as they are ready, each with its request's id. A
    /// stream has no deadline and is not tried again; that is the caller's affair, who knows what was answered.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the stream cannot be begun.
    pub async fn stream_recommend(
        &self,
        requests: impl Stream<Item = pb::StreamRecommendRequest> + Send + 'static,
    ) -> Result<Streaming<pb::StreamRecommendResponse>, Error> {
        let servers = &self.0.servers;
        let mut client = RecommendationServiceClient::new(servers.pick(servers.turn()).channel)
            .max_decoding_message_size(MAX_RESPONSE);
        let answers = client.stream_recommend(self.request(requests)).await?;
        Ok(answers.into_inner())
    }

    /// A request with what the server knows the caller by.
    fn request<Q>(&self, message: Q) -> Request<Q> {
        let options = &self.0.options;
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        if let Some(token) = &options.token {
            metadata.insert("authorization", token.value());
        }
        if options.bulk {
            metadata.insert("x-priority", MetadataValue::from_static("bulk"));
        }
        request
    }
}

/// A method for each RPC.
macro_rules! methods {
    ($($client:ident { $($(#[$doc:meta])* $name:ident($request:ident) -> $response:ident, $repeat:ident;)* })*) => {
        impl Client {
            $($(
                $(#[$doc])*
                ///
                /// # Errors
                ///
                /// [`Error::Refused`] if there is no answer.
                pub async fn $name(&self, request: pb::$request) -> Result<pb::$response, Error> {
                    self.call(request, Repeat::$repeat, async |channel, request| {
                        $client::new(channel)
                            .max_decoding_message_size(MAX_RESPONSE)
                            .$name(request)
                            .await
                    })
                    .await
                }
            )*)*
        }
    };
}

methods! {
    RecommendationServiceClient {
        /// Ranks the catalogue for one listener.
        recommend(RecommendRequest) -> RecommendResponse, Safe;
        /// Ranks given tracks for one listener.
        rank_tracks(RankTracksRequest) -> RankTracksResponse, Safe;
        /// Puts a playlist together.
        generate_playlist(GeneratePlaylistRequest) -> GeneratePlaylistResponse, Safe;
        /// Tells what is known of a track.
        describe_track(DescribeTrackRequest) -> DescribeTrackResponse, Safe;
        /// Ranks the catalogue by similarity to one track.
        similar_tracks(SimilarTracksRequest) -> SimilarTracksResponse, Safe;
        /// Ranks the catalogue for one listener in several ways.
        compare_rankings(CompareRankingsRequest) -> CompareRankingsResponse, Safe;
    }
    EventServiceClient {
        /// Records plays. Events have ids, so that it may be tried again.
        record_plays(RecordPlaysRequest) -> RecordPlaysResponse, Safe;
    }
    ExperimentServiceClient {
        /// Says which arm of an experiment a user sees.
        assign_arm(AssignArmRequest) -> AssignArmResponse, Safe;
        /// Drafts one list of two. Requests have ids, so that it may be tried again.
        interleave(InterleaveRequest) -> InterleaveResponse, Safe;
        /// Says what came of an experiment.
        get_report(GetReportRequest) -> GetReportResponse, Safe;
    }
    ModelServiceClient {
        /// Describes the server.
        get_server_info(GetServerInfoRequest) -> GetServerInfoResponse, Safe;
        /// Lists bundles.
        list_bundles(ListBundlesRequest) -> ListBundlesResponse, Safe;
        /// Activates a bundle.
        activate_bundle(ActivateBundleRequest) -> ActivateBundleResponse, Safe;
        /// Activates the bundle before the active one. Never tried again, because twice goes back twice.
        rollback_bundle(RollbackBundleRequest) -> RollbackBundleResponse, Unsafe;
    }
}
