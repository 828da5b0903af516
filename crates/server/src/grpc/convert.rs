//! Checks every field of a request once, here, and speaks the domain's language from then on.

use std::collections::HashSet;

use crossfade_blend::{
    Answer, Basis, ContentWeight, Play, Query, RankedTrack, Ranking, SimilarQuery,
};
use crossfade_catalog::{TrackTable, Vocab};
use crossfade_index::Path;
use tonic_types::FieldViolation;

use super::status::Refusal;
use crate::pb;

/// Limits that every request must keep.
pub mod limits {
    /// Largest `limit`.
    pub const LIMIT: i32 = 1_000;
    /// `limit` of a request that names none.
    pub const DEFAULT_LIMIT: usize = 20;
    /// Longest `history`.
    pub const HISTORY: usize = 10_000;
    /// Longest `exclude_track_ids`.
    pub const EXCLUDED: usize = 10_000;
    /// Longest id in bytes.
    pub const ID_BYTES: usize = 256;
    /// Largest `play_count`.
    pub const PLAY_COUNT: u32 = 1_000_000;
    /// Most rankings to compare.
    pub const RANKINGS: usize = 8;
    /// Most bundles on a page.
    pub const PAGE: i32 = 100;
}

/// Content weight of similarity when a request names none.
const SIMILAR_WEIGHT: f64 = 0.5;

/// Collects everything that is wrong with a request, so that a caller hears of it all at once.
#[derive(Debug, Default)]
pub(super) struct Checks {
    violations: Vec<FieldViolation>,
}

impl Checks {
    fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        /// Enough to learn from; a hostile request could otherwise make an answer larger than itself.
        const MOST: usize = 16;
        if self.violations.len() < MOST {
            self.violations
                .push(FieldViolation::new(field, description));
        }
    }

    /// The value, if nothing was wrong.
    fn finish<T>(self, value: T) -> Result<T, Refusal> {
        match self.violations.is_empty() {
            true => Ok(value),
            false => Err(Refusal::Invalid(self.violations)),
        }
    }

    fn id(&mut self, field: impl FnOnce() -> String, id: &str) {
        if id.is_empty() {
            self.refuse(field(), "must not be empty");
        } else {
            self.id_length(field, id);
        }
    }

    fn id_length(&mut self, field: impl FnOnce() -> String, id: &str) {
        if id.len() > limits::ID_BYTES {
            let description = format!(
                "must have at most {} bytes, has {}",
                limits::ID_BYTES,
                id.len()
            );
            self.refuse(field(), description);
        }
    }

    fn limit(&mut self, limit: Option<i32>) -> usize {
        match limit {
            None => limits::DEFAULT_LIMIT,
            Some(limit) if (1..=limits::LIMIT).contains(&limit) => limit as usize,
            Some(limit) => {
                let description = format!(
                    "must be from 1 to {}, is {limit}; leave it out for {}",
                    limits::LIMIT,
                    limits::DEFAULT_LIMIT
                );
                self.refuse("limit", description);
                0
            }
        }
    }

    fn excluded(&mut self, ids: &[String]) {
        self.count("exclude_track_ids", ids.len(), limits::EXCLUDED);
        for (place, id) in ids.iter().enumerate().take(limits::EXCLUDED) {
            self.id(|| format!("exclude_track_ids[{place}]"), id);
        }
    }

    fn history(&mut self, plays: &[pb::Play]) {
        self.count("history", plays.len(), limits::HISTORY);
        for (place, play) in plays.iter().enumerate().take(limits::HISTORY) {
            self.id(|| format!("history[{place}].track_id"), &play.track_id);
            let count = play.play_count.unwrap_or(1);
            if !(1..=limits::PLAY_COUNT).contains(&count) {
                let description = format!("must be from 1 to {}, is {count}", limits::PLAY_COUNT);
                self.refuse(format!("history[{place}].play_count"), description);
            }
        }
    }

    fn count(&mut self, field: &str, found: usize, most: usize) {
        if found > most {
            self.refuse(
                field,
                format!("must have at most {most} entries, has {found}"),
            );
        }
    }

    fn ranking(&mut self, prefix: &str, ranking: i32, weight: Option<f64>) -> Ranking {
        let checked = weight.map(|weight| {
            ContentWeight::new(weight).unwrap_or_else(|| {
                let description = format!("must be from 0 to 1, is {weight}");
                self.refuse(format!("{prefix}content_weight"), description);
                ContentWeight::COLLABORATIVE
            })
        });
        let ranking = match pb::Ranking::try_from(ranking) {
            Ok(pb::Ranking::Unspecified | pb::Ranking::Blend) => return Ranking::Blend(checked),
            Ok(pb::Ranking::Collaborative) => Ranking::Collaborative,
            Ok(pb::Ranking::Content) => Ranking::Content,
            Ok(pb::Ranking::Popular) => Ranking::Popular,
            Err(_) => {
                self.refuse(
                    format!("{prefix}ranking"),
                    format!("{ranking} is no ranking"),
                );
                return Ranking::Popular;
            }
        };
        if weight.is_some() {
            let description = "must be absent unless the ranking is RANKING_BLEND or unspecified";
            self.refuse(format!("{prefix}content_weight"), description);
        }
        ranking
    }
}

/// A checked RecommendRequest, its ids not yet looked up.
#[derive(Debug)]
pub(super) struct Recommend {
    pub(super) audience: Audience,
    pub(super) ranking: Ranking,
    pub(super) limit: usize,
}

/// Whom a list is for and what it must not have.
#[derive(Debug)]
pub(super) struct Audience {
    user_id: String,
    history: Vec<pb::Play>,
    excluded: Vec<String>,
    include_played: bool,
}

/// An audience in the indices of one bundle.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) user: Option<u32>,
    pub(super) plays: Vec<Play>,
    pub(super) excluded: Vec<u32>,
    pub(super) include_played: bool,
    pub(super) unknown_track_ids: Vec<String>,
}

impl Recommend {
    pub(super) fn check(request: pb::RecommendRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        checks.id_length(|| "user_id".into(), &request.user_id);
        checks.history(&request.history);
        checks.excluded(&request.exclude_track_ids);
        let ranking = checks.ranking("", request.ranking, request.content_weight);
        let limit = checks.limit(request.limit);
        checks.finish(Self {
            audience: Audience {
                user_id: request.user_id,
                history: request.history,
                excluded: request.exclude_track_ids,
                include_played: request.include_played,
            },
            ranking,
            limit,
        })
    }
}

/// A checked CompareRankingsRequest.
#[derive(Debug)]
pub(super) struct Compare {
    pub(super) audience: Audience,
    pub(super) rankings: Vec<Ranking>,
    pub(super) limit: usize,
}

impl Compare {
    pub(super) fn check(request: pb::CompareRankingsRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        checks.id_length(|| "user_id".into(), &request.user_id);
        checks.history(&request.history);
        checks.excluded(&request.exclude_track_ids);
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
            audience: Audience {
                user_id: request.user_id,
                history: request.history,
                excluded: request.exclude_track_ids,
                include_played: request.include_played,
            },
            rankings,
            limit,
        })
    }
}

impl Audience {
    /// Looks up the ids in a bundle. Unknown tracks are reported, not refused.
    pub(super) fn resolve(self, users: &Vocab, tracks: &Vocab) -> Resolved {
        let mut unknown = Unknown::default();
        let plays = self
            .history
            .into_iter()
            .filter_map(|play| {
                let strength = play.play_count.unwrap_or(1) as f32;
                let track = unknown.look_up(tracks, play.track_id)?;
                Some(Play { track, strength })
            })
            .collect();
        let excluded = self
            .excluded
            .into_iter()
            .filter_map(|id| unknown.look_up(tracks, id))
            .collect();
        Resolved {
            user: users.index_of(&self.user_id),
            plays,
            excluded,
            include_played: self.include_played,
            unknown_track_ids: unknown.ids,
        }
    }
}

impl Resolved {
    /// What to rank for this audience.
    pub(super) fn query(&self, ranking: Ranking, limit: usize) -> Query {
        Query {
            ranking,
            limit,
            candidates: None,
            excluded: self.excluded.clone(),
            include_played: self.include_played,
        }
    }
}

/// A checked SimilarTracksRequest, its ids not yet looked up.
#[derive(Debug)]
pub(super) struct Similar {
    track_id: String,
    pub(super) ranking: pb::Ranking,
    weight: ContentWeight,
    limit: usize,
    excluded: Vec<String>,
}

impl Similar {
    pub(super) fn check(request: pb::SimilarTracksRequest) -> Result<Self, Refusal> {
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
        checks.finish(Self {
            track_id: request.track_id,
            ranking,
            weight,
            limit,
            excluded: request.exclude_track_ids,
        })
    }

    /// Looks up the ids: the query, and the excluded tracks that are unknown.
    pub(super) fn resolve(self, tracks: &Vocab) -> Result<(SimilarQuery, Vec<String>), Refusal> {
        let Some(track) = tracks.index_of(&self.track_id) else {
            return Err(Refusal::UnknownTrack(self.track_id));
        };
        let mut unknown = Unknown::default();
        let excluded = self
            .excluded
            .into_iter()
            .filter_map(|id| unknown.look_up(tracks, id))
            .collect();
        let query = SimilarQuery {
            track,
            content_weight: self.weight,
            limit: self.limit,
            excluded,
        };
        Ok((query, unknown.ids))
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
}

/// A page of bundles: how many, and after which version.
pub(super) fn page(request: &pb::ListBundlesRequest) -> Result<(usize, String), Refusal> {
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
pub(super) fn version(request: pb::ActivateBundleRequest) -> Result<String, Refusal> {
    let mut checks = Checks::default();
    checks.id(|| "version".into(), &request.version);
    checks.finish(request.version)
}

/// A ranked list as it goes over the wire.
pub(super) fn ranked(tracks: &[RankedTrack], table: &TrackTable) -> Vec<pb::RankedTrack> {
    (1..)
        .zip(tracks)
        .map(|(rank, ranked)| {
            let track = ranked.track;
            pb::RankedTrack {
                track_id: table.ids.id(track).to_owned(),
                rank,
                score: ranked.components.sum(),
                components: Some(pb::ScoreComponents {
                    collaborative: ranked.components.collaborative,
                    content: ranked.components.content,
                    popularity: ranked.components.popularity,
                }),
                title: table.title.get(track).unwrap_or_default().to_owned(),
                artist: table.artist.get(track).unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

/// How an answer was found.
pub(super) fn retrieval(answer: &Answer) -> pb::RetrievalInfo {
    let path = match answer.path {
        Path::Exact => pb::RetrievalPath::Exact,
        Path::Approximate => pb::RetrievalPath::Approximate,
    };
    pb::RetrievalInfo {
        path: path.into(),
        tracks_scored: answer.scored,
    }
}

/// What an answer rests on.
pub(super) fn basis(basis: Basis) -> pb::Basis {
    match basis {
        Basis::Full => pb::Basis::Full,
        Basis::CollaborativeOnly => pb::Basis::CollaborativeOnly,
        Basis::ContentOnly => pb::Basis::ContentOnly,
        Basis::Popular => pb::Basis::Popular,
    }
}

/// The ranking that was used.
pub(super) fn ranking(ranking: Ranking) -> pb::Ranking {
    match ranking {
        Ranking::Collaborative => pb::Ranking::Collaborative,
        Ranking::Content => pb::Ranking::Content,
        Ranking::Blend(_) => pb::Ranking::Blend,
        Ranking::Popular => pb::Ranking::Popular,
    }
}
