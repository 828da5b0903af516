use std::{sync::Arc, time::Instant};

use crossfade_blend::{Answer, Cancel, Engine, Listener, Query, RankedTrack};
use crossfade_bundle::Bundle;
use tonic::{Request, Response, Status, Streaming};

use super::{
    admission::{Admission, Work},
    call::Call,
    convert::{
        self, Audience, Compare, Generate, Order, Rank, Recommend, Recorded, Resolved, Similar,
        limits,
    },
    status::Refusal,
};
use crate::{
    pb::{self, recommendation_service_server::RecommendationService},
    serving::Serving,
};

mod asked;
mod compare;
mod exposed;
mod playlist;
mod stream;
mod track;

use asked::Asked;
use exposed::{Answered, keep};
pub(super) use exposed::{Enrolled, expose};

/// Ranks tracks for listeners.
#[derive(Debug, Clone)]
pub(super) struct Recommendations {
    pub(super) serving: Arc<Serving>,
    pub(super) admission: Admission,
}

#[tonic::async_trait]
impl RecommendationService for Recommendations {
    type StreamRecommendStream = stream::Answers;

    async fn recommend(
        &self,
        request: Request<pb::RecommendRequest>,
    ) -> Result<Response<pb::RecommendResponse>, Status> {
        let call = Call::of(&request);
        let request = Recommend::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let answered = self
            .admission
            .run(Work::Recommend, call, move |cancel| {
                recommend(&serving, request, cancel)
            })
            .await?;
        let response = keep(&self.serving, vec![answered]).await.pop();
        Ok(Response::new(response.ok_or(Refusal::Lost)?))
    }

    async fn stream_recommend(
        &self,
        request: Request<Streaming<pb::StreamRecommendRequest>>,
    ) -> Result<Response<Self::StreamRecommendStream>, Status> {
        let answers = stream::answer(self.clone(), request.into_inner());
        Ok(Response::new(answers))
    }

    async fn rank_tracks(
        &self,
        request: Request<pb::RankTracksRequest>,
    ) -> Result<Response<pb::RankTracksResponse>, Status> {
        let call = Call::of(&request);
        let request = Rank::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(Work::Rank, call, move |_| rank(&serving, request))
            .await?;
        Ok(Response::new(response))
    }

    async fn generate_playlist(
        &self,
        request: Request<pb::GeneratePlaylistRequest>,
    ) -> Result<Response<pb::GeneratePlaylistResponse>, Status> {
        let call = Call::of(&request);
        let request = Generate::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(Work::Playlist, call, move |cancel| {
                playlist::generate(&serving, request, cancel)
            })
            .await?;
        Ok(Response::new(response))
    }

    async fn describe_track(
        &self,
        request: Request<pb::DescribeTrackRequest>,
    ) -> Result<Response<pb::DescribeTrackResponse>, Status> {
        let call = Call::of(&request);
        let request = convert::describe(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(Work::Describe, call, move |cancel| {
                track::describe(&serving, request, cancel)
            })
            .await?;
        Ok(Response::new(response))
    }

    async fn similar_tracks(
        &self,
        request: Request<pb::SimilarTracksRequest>,
    ) -> Result<Response<pb::SimilarTracksResponse>, Status> {
        let call = Call::of(&request);
        let request = Similar::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(Work::Similar, call, move |cancel| {
                similar(&serving, request, cancel)
            })
            .await?;
        Ok(Response::new(response))
    }

    async fn compare_rankings(
        &self,
        request: Request<pb::CompareRankingsRequest>,
    ) -> Result<Response<pb::CompareRankingsResponse>, Status> {
        let call = Call::of(&request);
        let request = Compare::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(Work::Compare, call, move |cancel| {
                compare::compare(&serving, request, cancel)
            })
            .await?;
        Ok(Response::new(response))
    }
}

fn recommend(serving: &Serving, request: Recommend, cancel: &Cancel) -> Result<Answered, Refusal> {
    let begun = Instant::now();
    // One bundle for the whole request, whatever is activated meanwhile.
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let asked = Asked::of(serving, &bundle, (request, cancel))?;
    let answers = asked
        .queries()
        .map(|(listener, query)| Ok(bundle.engine.recommend(listener, query)?))
        .collect::<Result<Vec<Answer>, Refusal>>()?;
    asked.respond((serving, &bundle), answers, begun.elapsed())
}

/// A list as it goes over the wire, explained if a listener is given to explain it to.
fn told(
    engine: &Engine,
    tracks: &[RankedTrack],
    (explain, order): (Option<&Listener>, Order),
) -> Result<Vec<pb::RankedTrack>, Refusal> {
    let Some(listener) = explain else {
        return Ok(convert::ranked(tracks, engine));
    };
    let explained = engine.explain((listener, order.ranking), tracks, limits::CONTRIBUTIONS)?;
    Ok(convert::explained(tracks, explained, engine))
}

/// Gives up what nobody waits for any more.
fn go_on(cancel: &Cancel) -> Result<(), Refusal> {
    match cancel.is_cancelled() {
        true => Err(Refusal::Abandoned),
        false => Ok(()),
    }
}

/// The query, looking at enough tracks to say where rules moved one from, if it is to be explained.
fn deepened(query: Query, explain: bool) -> Query {
    Query {
        depth: if explain { limits::DEPTH } else { 0 },
        ..query
    }
}

/// An audience in a bundle's indices, with what was recorded of its user.
fn resolve(serving: &Serving, bundle: &Bundle, audience: Audience) -> Resolved {
    let tracks = &bundle.engine.model().tracks.ids;
    let recorded = serving.recorder().map(|recorder| Recorded {
        fresh: recorder.fresh(bundle, audience.user_id()),
        heard: match audience.no_repeat().is_set() {
            true => recorder.heard(tracks, audience.user_id()),
            false => Vec::new(),
        },
    });
    audience.resolve(&bundle.engine, recorded.unwrap_or_default())
}

fn rank(serving: &Serving, request: Rank) -> Result<pb::RankTracksResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let engine = &bundle.engine;
    let ids = &engine.model().tracks.ids;
    let mut audience = resolve(serving, &bundle, request.audience);
    let tracks = audience.look_up(ids, request.track_ids);
    let listener = audience.listener(engine)?;
    let query = audience.query(request.order, tracks.len());
    let found = engine.rank(&listener, &query, &tracks)?;
    let explain = request.explain.then_some(&listener);
    let unranked = found.without_evidence.iter();
    Ok(pb::RankTracksResponse {
        tracks: told(engine, &found.answer.tracks, (explain, request.order))?,
        unranked_track_ids: unranked.map(|&track| ids.id(track).to_owned()).collect(),
        bundle_version: bundle.version.clone(),
        ranking: convert::ranking(request.order.ranking).into(),
        content_weight: found.answer.content_weight,
        basis: convert::basis(found.answer.basis).into(),
        user_known: audience.user.is_some(),
        unknown_track_ids: audience.unknown.track_ids,
    })
}

fn similar(
    serving: &Serving,
    request: Similar,
    cancel: &Cancel,
) -> Result<pb::SimilarTracksResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let ranking = request.ranking;
    let (query, unknown) = request.resolve(&bundle.engine)?;
    let answer = bundle.engine.similar(&query.cancelled_by(cancel))?;
    serving.paths().record(&answer.retrieval);
    Ok(pb::SimilarTracksResponse {
        tracks: convert::ranked(&answer.tracks, &bundle.engine),
        bundle_version: bundle.version.clone(),
        ranking: ranking.into(),
        content_weight: answer.content_weight,
        basis: convert::basis(answer.basis).into(),
        retrieval: Some(convert::retrieval(&answer.retrieval)),
        unknown_track_ids: unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(unknown),
    })
}
