use std::{collections::HashMap, sync::Arc};

use crossfade_blend::{Answer, Play, Ranking, overlap, rank_biased_overlap};
use crossfade_bundle::Bundle;
use crossfade_catalog::TrackTable;
use tonic::{Request, Response, Status};

use super::{
    admission::Admission,
    convert::{self, Audience, Compare, Recommend, Similar},
    status::Refusal,
};
use crate::{
    pb::{self, recommendation_service_server::RecommendationService},
    serving::Serving,
};

/// Persistence of the rank-biased overlap: the first 10 places carry 86 % of the weight.
const PERSISTENCE: f64 = 0.9;

/// Ranks tracks for listeners.
#[derive(Debug)]
pub(super) struct Recommendations {
    pub(super) serving: Arc<Serving>,
    pub(super) admission: Admission,
}

#[tonic::async_trait]
impl RecommendationService for Recommendations {
    async fn recommend(
        &self,
        request: Request<pb::RecommendRequest>,
    ) -> Result<Response<pb::RecommendResponse>, Status> {
        let request = Recommend::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(move || recommend(&serving, request))
            .await?;
        Ok(Response::new(response))
    }

    async fn similar_tracks(
        &self,
        request: Request<pb::SimilarTracksRequest>,
    ) -> Result<Response<pb::SimilarTracksResponse>, Status> {
        let request = Similar::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(move || similar(&serving, request))
            .await?;
        Ok(Response::new(response))
    }

    async fn compare_rankings(
        &self,
        request: Request<pb::CompareRankingsRequest>,
    ) -> Result<Response<pb::CompareRankingsResponse>, Status> {
        let request = Compare::check(request.into_inner())?;
        let serving = Arc::clone(&self.serving);
        let response = self
            .admission
            .run(move || compare(&serving, request))
            .await?;
        Ok(Response::new(response))
    }
}

fn recommend(serving: &Serving, request: Recommend) -> Result<pb::RecommendResponse, Refusal> {
    // One bundle for the whole request, whatever is activated meanwhile.
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let model = bundle.engine.model();
    let recorded = recorded(serving, &bundle, &request.audience);
    let audience = request.audience.resolve(&bundle.engine, recorded);
    let listener = bundle.engine.listener(audience.user, &audience.plays)?;
    let query = audience.query(request.ranking, request.limit);
    let answer = bundle.engine.recommend(&listener, &query)?;
    serving.paths().record(&answer.retrieval);
    Ok(pb::RecommendResponse {
        tracks: convert::ranked(&answer.tracks, &model.tracks),
        bundle_version: bundle.version.clone(),
        ranking: convert::ranking(request.ranking).into(),
        content_weight: answer.content_weight,
        basis: convert::basis(answer.basis).into(),
        user_known: audience.user.is_some(),
        retrieval: Some(convert::retrieval(&answer.retrieval)),
        unknown_track_ids: audience.unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(audience.unknown),
    })
}

/// Plays of the listener that were recorded and that the bundle may not know of.
fn recorded(serving: &Serving, bundle: &Bundle, audience: &Audience) -> Vec<Play> {
    match serving.recorder() {
        Some(recorder) => recorder.fresh(bundle, audience.user_id()),
        None => Vec::new(),
    }
}

fn similar(serving: &Serving, request: Similar) -> Result<pb::SimilarTracksResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let tracks = &bundle.engine.model().tracks;
    let ranking = request.ranking;
    let (query, unknown) = request.resolve(&bundle.engine)?;
    let answer = bundle.engine.similar(&query)?;
    serving.paths().record(&answer.retrieval);
    Ok(pb::SimilarTracksResponse {
        tracks: convert::ranked(&answer.tracks, tracks),
        bundle_version: bundle.version.clone(),
        ranking: ranking.into(),
        content_weight: answer.content_weight,
        basis: convert::basis(answer.basis).into(),
        retrieval: Some(convert::retrieval(&answer.retrieval)),
        unknown_track_ids: unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(unknown),
    })
}

fn compare(serving: &Serving, request: Compare) -> Result<pb::CompareRankingsResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let model = bundle.engine.model();
    let recorded = recorded(serving, &bundle, &request.audience);
    let audience = request.audience.resolve(&bundle.engine, recorded);
    let listener = bundle.engine.listener(audience.user, &audience.plays)?;
    let answers = request
        .rankings
        .iter()
        .map(|&ranking| {
            let query = audience.query(ranking, request.limit);
            let answer = bundle.engine.recommend(&listener, &query)?;
            serving.paths().record(&answer.retrieval);
            Ok((ranking, answer))
        })
        .collect::<Result<Vec<(Ranking, Answer)>, Refusal>>()?;
    let lists: Vec<Vec<u32>> = answers
        .iter()
        .map(|(_, answer)| answer.tracks.iter().map(|ranked| ranked.track).collect())
        .collect();
    Ok(pb::CompareRankingsResponse {
        lists: answers
            .iter()
            .map(|(ranking, answer)| pb::RankedList {
                ranking: convert::ranking(*ranking).into(),
                content_weight: answer.content_weight,
                tracks: convert::ranked(&answer.tracks, &model.tracks),
                basis: convert::basis(answer.basis).into(),
                retrieval: Some(convert::retrieval(&answer.retrieval)),
            })
            .collect(),
        agreements: agreements(&lists),
        tracks: track_ranks(&lists, &model.tracks),
        bundle_version: bundle.version.clone(),
        user_known: audience.user.is_some(),
        unknown_track_ids: audience.unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(audience.unknown),
    })
}

fn agreements(lists: &[Vec<u32>]) -> Vec<pb::Agreement> {
    let pairs = (0..lists.len())
        .flat_map(|first| (first + 1..lists.len()).map(move |second| (first, second)));
    pairs
        .map(|(first, second)| pb::Agreement {
            first: first as i32,
            second: second as i32,
            overlap: overlap(&lists[first], &lists[second]),
            rank_biased_overlap: rank_biased_overlap(&lists[first], &lists[second], PERSISTENCE),
        })
        .collect()
}

fn track_ranks(lists: &[Vec<u32>], table: &TrackTable) -> Vec<pb::TrackRanks> {
    let mut ranks: HashMap<u32, Vec<i32>> = HashMap::new();
    for (list, tracks) in lists.iter().enumerate() {
        for (rank, &track) in (1..).zip(tracks) {
            ranks.entry(track).or_insert_with(|| vec![0; lists.len()])[list] = rank;
        }
    }
    let reciprocal = |ranks: &[i32]| -> f64 {
        let found = ranks.iter().filter(|&&rank| rank > 0);
        found.map(|&rank| 1.0 / f64::from(rank)).sum()
    };
    let mut ranks: Vec<(u32, Vec<i32>)> = ranks.into_iter().collect();
    ranks.sort_by(|(a, first), (b, second)| {
        reciprocal(second)
            .total_cmp(&reciprocal(first))
            .then(a.cmp(b))
    });
    ranks
        .into_iter()
        .map(|(track, ranks)| pb::TrackRanks {
            track_id: table.ids.id(track).to_owned(),
            title: table.title.get(track).unwrap_or_default().to_owned(),
            artist: table.artist.get(track).unwrap_or_default().to_owned(),
            ranks,
        })
        .collect()
}
