use crossfade_blend::Cancel;

use super::resolve;
use crate::{
    grpc::{
        convert::{self, Generate},
        status::Refusal,
    },
    pb,
    serving::Serving,
};

pub(super) fn generate(
    serving: &Serving,
    request: Generate,
    cancel: &Cancel,
) -> Result<pb::GeneratePlaylistResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let engine = &bundle.engine;
    let audience = resolve(serving, &bundle, request.audience);
    let listener = audience.listener(engine)?;
    let mut query = request.wish.query(engine, &audience)?;
    query.query.cancel = Some(cancel.clone());
    let playlist = engine.playlist(&listener, &query)?;
    serving.paths().record(&playlist.retrieval);
    Ok(pb::GeneratePlaylistResponse {
        tracks: convert::playlist(&playlist, engine),
        transition_cost: playlist.transition_cost,
        transition_cost_by_relevance: playlist.transition_cost_by_relevance,
        relevance: playlist.relevance,
        relevance_of_best: playlist.relevance_of_best,
        bundle_version: bundle.version.clone(),
        ranking: convert::ranking(query.query.ranking).into(),
        content_weight: playlist.content_weight,
        basis: convert::basis(playlist.basis).into(),
        user_known: audience.user.is_some(),
        unknown_track_ids: audience.unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(audience.unknown),
        retrieval: Some(convert::retrieval(&playlist.retrieval)),
    })
}
