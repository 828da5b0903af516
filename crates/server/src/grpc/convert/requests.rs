use crossfade_blend::{
    ContentWeight, Discovery, Diversity, Engine, Ranking, SimilarQuery, TrackFilter, UnknownNames,
};

use super::{
    audience::{Audience, Unknown},
    checks::Checks,
    experiments::Enrolment,
    limits,
};
use crate::{grpc::status::Refusal, pb};

/// Content weight of similarity when a request names none.
const SIMILAR_WEIGHT: f64 = 0.5;

/// By which evidence to rank, and how it is dialled.
#[derive(Debug, Clone, Copy)]
pub(in crate::grpc) struct Order {
    pub(in crate::grpc) ranking: Ranking,
    pub(super) discovery: Discovery,
    pub(super) diversity: Diversity,
}

impl Order {
    /// The same dials for another ranking.
    pub(in crate::grpc) fn with_ranking(self, ranking: Ranking) -> Self {
        Self { ranking, ..self }
    }

    /// A ranking as it is.
    fn plain(ranking: Ranking) -> Self {
        Self {
            ranking,
            discovery: Discovery::default(),
            diversity: Diversity::default(),
        }
    }
}

/// A checked RecommendRequest, its ids not yet looked up.
#[derive(Debug)]
pub(in crate::grpc) struct Recommend {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) order: Order,
    pub(in crate::grpc) limit: usize,
    pub(in crate::grpc) explain: bool,
    pub(in crate::grpc) enrolment: Option<Enrolment>,
}

impl Recommend {
    pub(in crate::grpc) fn check(request: pb::RecommendRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        let audience = Audience {
            seed_weight: checks.seeds(&request.seed_track_ids, request.seed_weight),
            rules: checks.rules(request.rules, request.include_played),
            filter: checks.filter(request.filter),
            user_id: request.user_id,
            history: request.history,
            seeds: request.seed_track_ids,
            excluded: request.exclude_track_ids,
            include_played: request.include_played,
        };
        audience.check(&mut checks);
        let named = (request.experiment, request.request_id);
        let enrolment = checks.enrolment(named, audience.user_id());
        let spec = pb::RankingSpec {
            ranking: request.ranking,
            content_weight: request.content_weight,
            discovery: request.discovery,
            diversity: request.diversity,
        };
        let order = checks.order("", &spec);
        let limit = checks.limit(request.limit);
        checks.finish(Self {
            audience,
            order,
            limit,
            explain: request.explain,
            enrolment,
        })
    }
}

/// What a StreamRecommendRequest asks, its id being in order.
pub(in crate::grpc) fn stream_id(
    request: pb::StreamRecommendRequest,
) -> Result<pb::RecommendRequest, Refusal> {
    let mut checks = Checks::default();
    checks.id_length(|| "id".into(), &request.id);
    if request.request.is_none() {
        checks.refuse("request", "must be set");
    }
    checks.finish(request.request.unwrap_or_default())
}

/// A checked CompareRankingsRequest.
#[derive(Debug)]
pub(in crate::grpc) struct Compare {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) orders: Vec<Order>,
    pub(in crate::grpc) limit: usize,
    pub(in crate::grpc) explain: bool,
}

impl Compare {
    pub(in crate::grpc) fn check(request: pb::CompareRankingsRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        let audience = Audience {
            seed_weight: checks.seeds(&request.seed_track_ids, request.seed_weight),
            rules: checks.rules(request.rules, request.include_played),
            filter: checks.filter(request.filter),
            user_id: request.user_id,
            history: request.history,
            seeds: request.seed_track_ids,
            excluded: request.exclude_track_ids,
            include_played: request.include_played,
        };
        audience.check(&mut checks);
        let limit = checks.limit(request.limit);
        let orders = match request.rankings.as_slice() {
            [] => [
                Ranking::Collaborative,
                Ranking::Blend(None),
                Ranking::Content,
            ]
            .map(Order::plain)
            .to_vec(),
            [_] => {
                checks.refuse(
                    "rankings",
                    "must have at least 2 entries, or none for the usual three",
                );
                Vec::new()
            }
            specs => {
                checks.count("rankings", specs.len(), limits::RANKINGS);
                let specs = specs.iter().enumerate().take(limits::RANKINGS);
                specs
                    .map(|(place, spec)| checks.order(&format!("rankings[{place}]."), spec))
                    .collect()
            }
        };
        checks.finish(Self {
            audience,
            orders,
            limit,
            explain: request.explain,
        })
    }
}

/// A checked RankTracksRequest.
#[derive(Debug)]
pub(in crate::grpc) struct Rank {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) order: Order,
    pub(in crate::grpc) explain: bool,
    pub(in crate::grpc) track_ids: Vec<String>,
}

impl Rank {
    pub(in crate::grpc) fn check(request: pb::RankTracksRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        if request.track_ids.is_empty() {
            checks.refuse("track_ids", "must have at least 1 entry");
        }
        checks.ids("track_ids", &request.track_ids, limits::RANKED);
        let audience = Audience {
            seed_weight: checks.seeds(&request.seed_track_ids, request.seed_weight),
            user_id: request.user_id,
            history: request.history,
            seeds: request.seed_track_ids,
            ..Audience::default()
        };
        audience.check(&mut checks);
        let spec = pb::RankingSpec {
            ranking: request.ranking,
            content_weight: request.content_weight,
            discovery: request.discovery,
            diversity: None,
        };
        let order = checks.order("", &spec);
        checks.finish(Self {
            audience,
            order,
            explain: request.explain,
            track_ids: request.track_ids,
        })
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
                let weight = weight.unwrap_or_else(similar_weight);
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
            cancel: None,
        };
        Ok((query, unknown.with(names)))
    }
}

/// A checked DescribeTrackRequest: the track's id, and how many neighbours to name.
pub(in crate::grpc) fn describe(
    request: pb::DescribeTrackRequest,
) -> Result<(String, usize), Refusal> {
    let mut checks = Checks::default();
    checks.id(|| "track_id".into(), &request.track_id);
    let neighbors = request.neighbors.unwrap_or(limits::DEFAULT_NEIGHBORS);
    if !(0..=limits::NEIGHBORS).contains(&neighbors) {
        let (most, usual) = (limits::NEIGHBORS, limits::DEFAULT_NEIGHBORS);
        let description =
            format!("must be from 0 to {most}, is {neighbors}; leave it out for {usual}");
        checks.refuse("neighbors", description);
    }
    checks.finish((request.track_id, usize::try_from(neighbors).unwrap_or(0)))
}

/// What tracks are similar to one by default.
pub(in crate::grpc) fn neighbors(track: u32, limit: usize) -> SimilarQuery {
    SimilarQuery {
        track,
        content_weight: similar_weight(),
        limit,
        candidates: None,
        excluded: Vec::new(),
        cancel: None,
    }
}

fn similar_weight() -> ContentWeight {
    ContentWeight::new(SIMILAR_WEIGHT).unwrap_or(ContentWeight::CONTENT)
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
