use std::{collections::HashSet, sync::Arc};

use crossfade_blend::{
    ContentWeight, Engine, Play, Query, Ranking, SimilarQuery, TrackFilter, UnknownNames,
};
use crossfade_catalog::Vocab;
use crossfade_index::Allowed;

use super::{checks::Checks, limits};
use crate::{grpc::status::Refusal, pb};

/// Content weight of similarity when a request names none.
const SIMILAR_WEIGHT: f64 = 0.5;

/// A checked RecommendRequest, its ids not yet looked up.
#[derive(Debug)]
pub(in crate::grpc) struct Recommend {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) ranking: Ranking,
    pub(in crate::grpc) limit: usize,
}

/// Whom a list is for and what it must not have.
#[derive(Debug)]
pub(in crate::grpc) struct Audience {
    user_id: String,
    history: Vec<pb::Play>,
    excluded: Vec<String>,
    include_played: bool,
    filter: TrackFilter,
}

/// An audience in the indices of one bundle.
#[derive(Debug)]
pub(in crate::grpc) struct Resolved {
    pub(in crate::grpc) user: Option<u32>,
    pub(in crate::grpc) plays: Vec<Play>,
    pub(in crate::grpc) excluded: Vec<u32>,
    pub(in crate::grpc) include_played: bool,
    pub(in crate::grpc) candidates: Option<Arc<Allowed>>,
    pub(in crate::grpc) unknown: UnknownNames,
}

impl Recommend {
    pub(in crate::grpc) fn check(request: pb::RecommendRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        let audience = Audience {
            user_id: request.user_id,
            history: request.history,
            excluded: request.exclude_track_ids,
            include_played: request.include_played,
            filter: checks.filter(request.filter),
        };
        audience.check(&mut checks);
        let ranking = checks.ranking("", request.ranking, request.content_weight);
        let limit = checks.limit(request.limit);
        checks.finish(Self {
            audience,
            ranking,
            limit,
        })
    }
}

/// A checked CompareRankingsRequest.
#[derive(Debug)]
pub(in crate::grpc) struct Compare {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) rankings: Vec<Ranking>,
    pub(in crate::grpc) limit: usize,
}

impl Compare {
    pub(in crate::grpc) fn check(request: pb::CompareRankingsRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        let audience = Audience {
            user_id: request.user_id,
            history: request.history,
            excluded: request.exclude_track_ids,
            include_played: request.include_played,
            filter: checks.filter(request.filter),
        };
        audience.check(&mut checks);
        let limit = checks.limit(request.limit);
        let rankings = match request.rankings.as_slice() {
            [] => vec![
                Ranking::Collaborative,
                Ranking::Blend(None),
                Ranking::Content,
            ],
            [_] => {
                checks.refuse(
                    "rankings",
                    "must have at least 2 entries, or none for the usual three",
                );
                Vec::new()
            }
            specs => {
                checks.count("rankings", specs.len(), limits::RANKINGS);
                specs
                    .iter()
                    .enumerate()
                    .take(limits::RANKINGS)
                    .map(|(place, spec)| {
                        let prefix = format!("rankings[{place}].");
                        checks.ranking(&prefix, spec.ranking, spec.content_weight)
                    })
                    .collect()
            }
        };
        checks.finish(Self {
            audience,
            rankings,
            limit,
        })
    }
}

impl Audience {
    fn check(&self, checks: &mut Checks) {
        checks.id_length(|| "user_id".into(), &self.user_id);
        checks.history(&self.history);
        checks.excluded(&self.excluded);
    }

    /// The user it names; empty if it names none.
    pub(in crate::grpc) fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Looks up ids and names in a bundle, and adds plays that were `recorded`. Unknown ids are reported, not refused.
    pub(in crate::grpc) fn resolve(self, engine: &Engine, recorded: Vec<Play>) -> Resolved {
        let (users, tracks) = (&engine.model().users, &engine.model().tracks.ids);
        let mut unknown = Unknown::default();
        let mut plays = recorded;
        plays.extend(self.history.into_iter().filter_map(|play| {
            let strength = play.play_count.unwrap_or(1) as f32;
            let track = unknown.look_up(tracks, play.track_id)?;
            Some(Play { track, strength })
        }));
        let excluded = unknown.look_up_all(tracks, self.excluded);
        let (candidates, names) = engine.filter(&self.filter);
        Resolved {
            user: users.index_of(&self.user_id),
            plays,
            excluded,
            include_played: self.include_played,
            candidates,
            unknown: unknown.with(names),
        }
    }
}

impl Resolved {
    /// What to rank for this audience.
    pub(in crate::grpc) fn query(&self, ranking: Ranking, limit: usize) -> Query {
        Query {
            candidates: self.candidates.clone(),
            excluded: self.excluded.clone(),
            include_played: self.include_played,
            ..Query::new(ranking, limit)
        }
    }
}

/// A checked SimilarTracksRequest, its ids not yet looked up.
#[derive(Debug)]
pub(in crate::grpc) struct Similar {
    track_id: String,
    pub(in crate::grpc) ranking: pb::Ranking,
    weight: ContentWeight,
    limit: usize,
    excluded: Vec<String>,
    filter: TrackFilter,
}

impl Similar {
    pub(in crate::grpc) fn check(request: pb::SimilarTracksRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        checks.id(|| "track_id".into(), &request.track_id);
        checks.excluded(&request.exclude_track_ids);
        let (ranking, weight) = match checks.ranking("", request.ranking, request.content_weight) {
            Ranking::Collaborative => (pb::Ranking::Collaborative, ContentWeight::COLLABORATIVE),
            Ranking::Content => (pb::Ranking::Content, ContentWeight::CONTENT),
            Ranking::Blend(weight) => {
                let middle = ContentWeight::new(SIMILAR_WEIGHT);
                let weight = weight.or(middle).unwrap_or(ContentWeight::CONTENT);
                (pb::Ranking::Blend, weight)
            }
            Ranking::Popular => {
                if request.ranking == pb::Ranking::Popular as i32 {
                    checks.refuse("ranking", "popularity is no similarity");
                }
                (pb::Ranking::Blend, ContentWeight::CONTENT)
            }
        };
        let limit = checks.limit(request.limit);
        let filter = checks.filter(request.filter);
        checks.finish(Self {
            filter,
            track_id: request.track_id,
            ranking,
            weight,
            limit,
            excluded: request.exclude_track_ids,
        })
    }

    /// Looks up ids and names: the query, and what is unknown but for the track itself, which must be known.
    pub(in crate::grpc) fn resolve(
        self,
        engine: &Engine,
    ) -> Result<(SimilarQuery, UnknownNames), Refusal> {
        let tracks = &engine.model().tracks.ids;
        let Some(track) = tracks.index_of(&self.track_id) else {
            return Err(Refusal::UnknownTrack(self.track_id));
        };
        let mut unknown = Unknown::default();
        let excluded = unknown.look_up_all(tracks, self.excluded);
        let (candidates, names) = engine.filter(&self.filter);
        let query = SimilarQuery {
            track,
            content_weight: self.weight,
            limit: self.limit,
            candidates,
            excluded,
        };
        Ok((query, unknown.with(names)))
    }
}

/// Unknown ids in order of appearance, each once.
#[derive(Debug, Default)]
struct Unknown {
    ids: Vec<String>,
    seen: HashSet<String>,
}

impl Unknown {
    fn look_up(&mut self, vocab: &Vocab, id: String) -> Option<u32> {
        let found = vocab.index_of(&id);
        if found.is_none() && self.seen.insert(id.clone()) {
            self.ids.push(id);
        }
        found
    }

    fn look_up_all(&mut self, vocab: &Vocab, ids: Vec<String>) -> Vec<u32> {
        let known = ids.into_iter().filter_map(|id| self.look_up(vocab, id));
        known.collect()
    }

    /// All that is unknown: these ids, and what a filter names.
    fn with(mut self, names: UnknownNames) -> UnknownNames {
        for id in names.track_ids {
            if self.seen.insert(id.clone()) {
                self.ids.push(id);
            }
        }
        UnknownNames {
            track_ids: self.ids,
            ..names
        }
    }
}

/// A page of bundles: how many, and after which version.
pub(in crate::grpc) fn page(request: &pb::ListBundlesRequest) -> Result<(usize, String), Refusal> {
    const DEFAULT: usize = 20;
    let mut checks = Checks::default();
    if request.page_size < 0 {
        checks.refuse(
            "page_size",
            format!("must not be negative, is {}", request.page_size),
        );
    }
    checks.id_length(|| "page_token".into(), &request.page_token);
    let size = match request.page_size {
        0 => DEFAULT,
        size => size.clamp(1, limits::PAGE) as usize,
    };
    checks.finish((size, request.page_token.clone()))
}

/// The version an ActivateBundleRequest names.
pub(in crate::grpc) fn version(request: pb::ActivateBundleRequest) -> Result<String, Refusal> {
    let mut checks = Checks::default();
    checks.id(|| "version".into(), &request.version);
    checks.finish(request.version)
}
