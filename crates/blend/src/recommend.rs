use std::{borrow::Cow, time::Instant};

use crossfade_index::{Allowed, Filter, Path, Request, RowList};

use crate::{
    Answer, Basis, Components, Engine, Error, Listener, Query, Ranking, Retrieval,
    engine::{COLLABORATIVE, CONTENT},
    query,
    weigh::Weighted,
};

/// How many tracks of an artist a listener gets of whom nothing is known.
const POPULAR_PER_ARTIST: usize = 2;

impl Engine {
    /// Ranks the catalogue for a listener.
    ///
    /// # Errors
    ///
    /// If retrieval fails or is cancelled.
    pub fn recommend(&self, listener: &Listener, query: &Query) -> Result<Answer, Error> {
        let asked = self.ask(listener, query);
        let found = self.look_up(&asked, query.pool())?;
        self.arrange(asked, found)
    }

    /// The answers of [`recommend`](Self::recommend) to many listeners, each as it would be alone, in less time: they are
    /// looked for together. Works on one thread; a few dozen at a time are enough.
    ///
    /// # Errors
    ///
    /// If retrieval fails or is cancelled.
    pub fn recommend_all(
        &self,
        listeners: &[&Listener],
        query: &Query,
    ) -> Result<Vec<Answer>, Error> {
        let each: Vec<(&Listener, &Query)> = listeners.iter().map(|&one| (one, query)).collect();
        self.recommend_each(&each)
    }

    /// The same for listeners who each ask for something else.
    ///
    /// # Errors
    ///
    /// If retrieval fails or is cancelled.
    pub fn recommend_each(&self, asked: &[(&Listener, &Query)]) -> Result<Vec<Answer>, Error> {
        let asked: Vec<Asked<'_>> = asked
            .iter()
            .map(|(listener, query)| self.ask(listener, query))
            .collect();
        let requests: Vec<Request<'_>> = asked
            .iter()
            .flat_map(|asked| asked.requests(asked.query.pool()))
            .collect();
        let mut found = self.index().search_all(&requests)?.into_iter();
        let answer = |asked: Asked<'_>| {
            let limit = asked.query.pool();
            let found = match &asked.joint {
                Some(joint) => {
                    let found = found.by_ref().take(joint.queries.len());
                    self.answer(joint, found.collect(), limit)?
                }
                None => self.popular(&asked, limit),
            };
            self.arrange(asked, found)
        };
        asked.into_iter().map(answer).collect()
    }

    pub(crate) fn ask<'a>(&'a self, listener: &Listener, query: &'a Query) -> Asked<'a> {
        let weighted = self.weigh(listener, query.ranking, query.discovery);
        Asked {
            query,
            denied: denied(listener, query),
            joint: weighted.map(|weighted| Joint {
                queries: weighted.joints(),
                allowed: self.allowed(&weighted, query.candidates.as_deref()),
                weighted,
            }),
        }
    }

    /// The `limit` best tracks by score.
    pub(crate) fn look_up(&self, asked: &Asked<'_>, limit: usize) -> Result<Answer, Error> {
        let Some(joint) = &asked.joint else {
            return Ok(self.popular(asked, limit));
        };
        let requests: Vec<Request<'_>> = asked.requests(limit).collect();
        let found = match requests.as_slice() {
            [request] => vec![self.index().search(request)?],
            several => self.index().search_all(several)?,
        };
        self.answer(joint, found, limit)
    }

    /// The `limit` best of what was found by each query. A track scores by its best query, so that the best of all are among the
    /// best of each.
    fn answer(
        &self,
        joint: &Joint<'_>,
        found: Vec<crossfade_index::Answer>,
        limit: usize,
    ) -> Result<Answer, Error> {
        let hits = found.iter().flat_map(|found| &found.hits);
        let mut distinct: Vec<u32> = hits.map(|hit| hit.row).collect();
        if found.len() > 1 {
            distinct.sort_unstable();
            distinct.dedup();
        }
        let mut tracks = query::ranked(self.scored(joint, distinct.into_iter())?);
        tracks.truncate(limit);
        let retrieval = Retrieval {
            path: found.first().map_or(Path::Exact, |found| found.path),
            scored: found.iter().map(|found| found.visited as u64).sum(),
            predicted: found.iter().map(|found| found.predicted).sum(),
            took: found.iter().map(|found| found.took).sum(),
        };
        Ok(Answer {
            tracks,
            content_weight: joint.weighted.weight,
            basis: joint.weighted.basis,
            retrieval,
        })
    }

    /// Tracks and the parts of their scores.
    pub(crate) fn scored(
        &self,
        joint: &Joint<'_>,
        tracks: impl Iterator<Item = u32>,
    ) -> Result<Vec<(u32, Components)>, Error> {
        let rows = self.index().rows();
        let queries = joint.queries.iter().map(|query| rows.query(query));
        let queries = queries.collect::<Result<Vec<_>, _>>()?;
        let components = |track: u32| {
            let prior = self.popularity.prior_of(track);
            let tastes = queries.iter();
            let content = tastes.map(|query| rows.block_dot(CONTENT, query, track));
            let content = content.fold(f32::NEG_INFINITY, f32::max);
            Components {
                collaborative: f64::from(rows.block_dot(COLLABORATIVE, &queries[0], track)),
                content: f64::from(content),
                popularity: f64::from(joint.weighted.popularity * prior),
                discovery: f64::from(joint.weighted.discovery * prior),
            }
        };
        Ok(tracks.map(|track| (track, components(track))).collect())
    }

    /// The only tracks that may be returned, unless all may.
    fn allowed<'a>(
        &'a self,
        weighted: &Weighted,
        candidates: Option<&'a Allowed>,
    ) -> Option<Cow<'a, Allowed>> {
        let eligible = weighted.only(&self.eligible);
        let eligible = eligible.filter(|rows| rows.len() < self.index().rows().len());
        match (eligible, candidates) {
            (None, None) => None,
            (Some(rows), None) | (None, Some(rows)) => Some(Cow::Borrowed(rows)),
            (Some(eligible), Some(candidates)) => {
                let mut both = candidates.clone();
                both.intersect(eligible);
                Some(Cow::Owned(both))
            }
        }
    }

    /// The `limit` most popular tracks.
    fn popular(&self, asked: &Asked<'_>, limit: usize) -> Answer {
        let start = Instant::now();
        let query = asked.query;
        let candidates = query.candidates.as_deref().map(Allowed::rows);
        let keep = |track: u32| {
            candidates.is_none_or(|candidates| candidates.contains(track))
                && !asked.denied.contains(track)
        };
        let tracks = match query.ranking {
            Ranking::Popular => self.popularity.top(limit, keep),
            Ranking::Collaborative | Ranking::Content | Ranking::Blend(_) => {
                let artists = (&self.model().tracks.artist, POPULAR_PER_ARTIST);
                self.popularity.diverse(limit, artists, keep)
            }
        };
        self.popular_answer(tracks, asked.basis(), start)
    }

    /// An answer of tracks ordered by popularity alone.
    pub(crate) fn popular_answer(&self, tracks: Vec<u32>, basis: Basis, start: Instant) -> Answer {
        let scored = tracks
            .into_iter()
            .map(|track| (track, self.popular_score(track)));
        let tracks = query::in_order(scored.collect());
        Answer {
            retrieval: Retrieval {
                path: Path::Exact,
                scored: tracks.len() as u64,
                predicted: None,
                took: start.elapsed(),
            },
            tracks,
            content_weight: 0.0,
            basis,
        }
    }

    /// The score of a track where popularity alone counts.
    pub(crate) fn popular_score(&self, track: u32) -> Components {
        Components {
            popularity: f64::from(self.popularity.prior_of(track)),
            ..Components::default()
        }
    }
}

/// What a listener and a query come down to.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) query: &'a Query,
    pub(crate) denied: RowList,
    /// Nothing where the answer is popular tracks.
    pub(crate) joint: Option<Joint<'a>>,
}

/// Queries against the joint vectors, one for each of the listener's tastes.
#[derive(Debug)]
pub(crate) struct Joint<'a> {
    pub(crate) weighted: Weighted,
    queries: Vec<Vec<f32>>,
    allowed: Option<Cow<'a, Allowed>>,
}

impl Asked<'_> {
    /// What to search for, for the `limit` best; nothing where the answer is popular tracks.
    fn requests(&self, limit: usize) -> impl Iterator<Item = Request<'_>> {
        let joints = self.joint.iter().flat_map(|joint| {
            let queries = joint.queries.iter();
            queries.map(move |query| (joint, query))
        });
        joints.map(move |(joint, query)| {
            let filter = Filter::all().denying(&self.denied);
            Request {
                query,
                limit,
                filter: match &joint.allowed {
                    Some(allowed) => filter.allowing(allowed),
                    None => filter,
                },
                mix: Some(joint.weighted.mix()),
                cancel: self.query.cancel.as_ref(),
            }
        })
    }

    /// What the answer rests on.
    pub(crate) fn basis(&self) -> Basis {
        match (&self.joint, self.query.ranking) {
            (Some(joint), _) => joint.weighted.basis,
            (None, Ranking::Popular) => Basis::Full,
            (None, Ranking::Collaborative | Ranking::Content | Ranking::Blend(_)) => Basis::Popular,
        }
    }

    /// The content weight; 0 for popular tracks.
    pub(crate) fn content_weight(&self) -> f64 {
        self.joint
            .as_ref()
            .map_or(0.0, |joint| joint.weighted.weight)
    }

    /// Leaves out further tracks.
    pub(crate) fn deny(&mut self, tracks: impl Iterator<Item = u32>) {
        let all = self.denied.as_slice().iter().copied().chain(tracks);
        self.denied = all.collect();
    }
}

/// Tracks that must not be returned.
fn denied(listener: &Listener, query: &Query) -> RowList {
    let mut denied = query.excluded.clone();
    if !query.include_played {
        denied.extend(listener.known_tracks());
    }
    denied.into()
}
