use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use crossfade_content::Profile;
use crossfade_index::{
    Allowed, Approximate, Bitmap, Costs, Filter, Index, JointRows, Path, Recall, Request, RowList,
    Sample,
};
use crossfade_mf::FoldIn;
use rayon::prelude::*;

use crate::{
    Answer, Basis, Components, ContentWeight, Error, Listener, Model, Parameters, Play, Query,
    RankedTrack, Ranking, Retrieval, calibration::SecondMoment, facets::Facets, filter::Filters,
    popularity::Popularity, query, weigh::Weighted,
};

/// Positions of the blocks in joint vectors and queries.
const COLLABORATIVE: usize = 0;
const CONTENT: usize = 1;
const POPULARITY: usize = 2;
/// How many tracks of an artist a listener gets of whom nothing is known.
const POPULAR_PER_ARTIST: usize = 2;
/// Content weights at which searches are timed.
const TIMED_WEIGHTS: [f64; 3] = [0.0, 0.5, 1.0];
/// How many users' queries are timed at each.
const TIMED_USERS: usize = 3;

/// Answers from a [`Model`]. Immutable, and shared by any number of threads.
#[derive(Debug)]
pub struct Engine {
    model: Model,
    index: Index,
    fold_in: FoldIn,
    pub(crate) popularity: Popularity,
    pub(crate) factor_moment: SecondMoment,
    pub(crate) embedding_moment: SecondMoment,
    /// 1 / length of each track's factor, 0 for cold tracks.
    pub(crate) inverse_norms: Vec<f32>,
    /// Tracks that a list by only one kind of evidence may have.
    pub(crate) eligible: Eligible,
    pub(crate) facets: Facets,
    pub(crate) filters: Filters,
}

/// A track without listeners has no place in a collaborative list, nor one of unknown content in a content list: its score
/// of 0 is no evidence.
#[derive(Debug)]
pub(crate) struct Eligible {
    /// Tracks with listeners.
    pub(crate) warm: Allowed,
    /// Tracks of which the content is known.
    pub(crate) heard: Allowed,
}

impl Engine {
    /// Prepares a model for answering.
    ///
    /// # Errors
    ///
    /// If the parts of the model do not belong together.
    pub fn new(model: Model) -> Result<Self, Error> {
        model.check()?;
        let popularity = Popularity::of(&model.history);
        let rows = JointRows::new(vec![
            model.track_factors.clone(),
            model.embeddings.clone(),
            popularity.prior().clone(),
        ])?;
        let index = Index::new(rows, model.index.clone())?;
        let fold_in = FoldIn::new(
            model.track_factors.clone(),
            popularity.listeners(),
            &model.factorisation,
        )?;
        Ok(Self {
            fold_in,
            factor_moment: SecondMoment::of(&model.track_factors),
            embedding_moment: SecondMoment::of(&model.embeddings),
            inverse_norms: inverse_norms(&model),
            eligible: Eligible::of(&model, &popularity, &index),
            facets: Facets::of(&model.tracks),
            filters: Filters::default(),
            index,
            popularity,
            model,
        })
    }

    /// What it answers from.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// How tracks are found.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Gives the index a graph over its rows, the configuration it was built with, and what was measured of it by content
    /// weight. From then on the graph answers where it is good enough and pays.
    pub fn with_graph(
        mut self,
        graph: Approximate,
        config: crossfade_index::Config,
        measured: Vec<Recall>,
    ) -> Self {
        self.model.index = config;
        Self {
            index: self.index.with_approximate(graph, measured),
            ..self
        }
    }

    /// Times searches for some users, so that the index can tell which way to answer is fastest; see
    /// [`Index::calibrate`].
    ///
    /// # Errors
    ///
    /// If a search fails.
    pub fn calibrate(&mut self) -> Result<(), Error> {
        let mut samples = Vec::new();
        for weight in TIMED_WEIGHTS {
            samples.extend(self.samples(weight)?);
        }
        self.index.calibrate(&samples)?;
        Ok(())
    }

    /// About how long [`calibrate`](Self::calibrate) takes without a graph, where searches cost this much.
    pub fn calibrating(costs: &Costs) -> Duration {
        costs.measuring(TIMED_USERS)
    }

    /// Takes over what searches cost from when it was measured.
    pub fn with_costs(self, costs: Costs) -> Self {
        Self {
            index: self.index.with_costs(costs),
            ..self
        }
    }

    /// Queries of a few users, evenly spread, of whom all is known that counts at this weight.
    fn samples(&self, weight: f64) -> Result<Vec<Sample>, Error> {
        let users = self.model.users.len() as u32;
        let step = users.div_ceil(8 * TIMED_USERS as u32).max(1) as usize;
        let ranking = Ranking::Blend(ContentWeight::new(weight));
        let mut samples = Vec::new();
        for user in (0..users).step_by(step) {
            let listener = self.listener(Some(user), &[])?;
            let weighted = self.weigh(&listener, ranking);
            samples.extend(
                weighted
                    .filter(|weighted| weighted.basis == Basis::Full)
                    .map(|weighted| Sample {
                        mix: weighted.mix(),
                        query: weighted.joint(),
                    }),
            );
            if samples.len() == TIMED_USERS {
                break;
            }
        }
        Ok(samples)
    }

    /// The band of each track's popularity, an index of [`BANDS`](crate::BANDS): the tracks that get the first third of all
    /// listening, those that get the second, and all others.
    pub fn bands(&self) -> Vec<u8> {
        self.popularity.bands()
    }

    /// The index's configuration with the parts of the joint vectors brought to lengths that suit a graph, unless lengths
    /// were chosen by hand.
    pub fn graph_config(&self) -> crossfade_index::Config {
        let config = self.model.index.clone();
        match config.block_scales.is_empty() {
            true => config.balanced(self.index.rows(), CONTENT, crossfade_index::Config::BALANCE),
            false => config,
        }
    }

    /// The query against the joint vectors that a ranking comes down to for a listener; `None` where it comes down to
    /// popular tracks.
    pub fn joint_query(&self, listener: &Listener, ranking: Ranking) -> Option<Vec<f32>> {
        Some(self.weigh(listener, ranking)?.joint())
    }

    /// How many tracks nobody played.
    pub fn cold_tracks(&self) -> usize {
        self.model.tracks.len() - self.eligible.warm.len()
    }

    /// The cluster of a track, by number and by what it is like; `None` for a track of unknown content, and where there are
    /// no clusters.
    pub fn cluster(&self, track: u32) -> Option<(u32, &Profile)> {
        let clusters = self.model.clusters.as_ref()?;
        let cluster = clusters.of(track)?;
        Some((cluster, clusters.profiles.get(cluster as usize)?))
    }

    /// What each cluster of tracks is like, the largest first; empty where there are none.
    pub fn clusters(&self) -> &[Profile] {
        let clusters = self.model.clusters.as_ref();
        clusters.map_or(&[], |clusters| clusters.profiles.as_slice())
    }

    pub(crate) fn replace_parameters(&mut self, parameters: &Parameters) {
        self.model.parameters = parameters.clone();
    }

    /// What is known of a listener: a user of the model, fresh plays, both or neither.
    ///
    /// # Errors
    ///
    /// If fresh plays cannot be folded in.
    ///
    /// # Panics
    ///
    /// If the user or a track is out of range.
    pub fn listener(&self, user: Option<u32>, fresh: &[Play]) -> Result<Listener, Error> {
        match (user, fresh) {
            (Some(user), []) => Ok(Listener::known(&self.model, user)),
            (None, []) => Ok(Listener::default()),
            _ => Listener::folded_in(&self.model, &self.fold_in, user, fresh),
        }
    }

    /// Ranks the catalogue for a listener.
    ///
    /// # Errors
    ///
    /// If retrieval fails.
    pub fn recommend(&self, listener: &Listener, query: &Query) -> Result<Answer, Error> {
        let asked = self.ask(listener, query);
        let Some(joint) = &asked.joint else {
            return Ok(self.popular(query, &asked.denied));
        };
        let found = self
            .index
            .search(&joint.request(&asked.denied, query.limit))?;
        self.answer(joint, found)
    }

    /// The answers of [`recommend`](Self::recommend) to many listeners, each as it would be alone, in less time: they are
    /// looked for together. Works on one thread; a few dozen at a time are enough.
    ///
    /// # Errors
    ///
    /// If retrieval fails.
    pub fn recommend_all(
        &self,
        listeners: &[&Listener],
        query: &Query,
    ) -> Result<Vec<Answer>, Error> {
        let asked: Vec<Asked<'_>> = listeners
            .iter()
            .map(|listener| self.ask(listener, query))
            .collect();
        let requests: Vec<Request<'_>> = asked
            .iter()
            .filter_map(|asked| Some(asked.joint.as_ref()?.request(&asked.denied, query.limit)))
            .collect();
        let mut found = self.index.search_all(&requests)?.into_iter();
        let answer = |asked: &Asked<'_>| {
            // There is an answer for everyone with a request.
            let found = asked
                .joint
                .as_ref()
                .and_then(|joint| Some((joint, found.next()?)));
            match found {
                Some((joint, found)) => self.answer(joint, found),
                None => Ok(self.popular(query, &asked.denied)),
            }
        };
        asked.iter().map(answer).collect()
    }

    fn ask<'a>(&'a self, listener: &Listener, query: &'a Query) -> Asked<'a> {
        let weighted = self.weigh(listener, query.ranking);
        Asked {
            denied: denied(listener, query),
            joint: weighted.map(|weighted| Joint {
                query: weighted.joint(),
                allowed: self.allowed(&weighted, query.candidates.as_deref()),
                weighted,
            }),
        }
    }

    fn answer(&self, joint: &Joint<'_>, found: crossfade_index::Answer) -> Result<Answer, Error> {
        let query = self.index.rows().query(&joint.query)?;
        let mut tracks: Vec<RankedTrack> = found
            .hits
            .iter()
            .map(|hit| RankedTrack {
                track: hit.row,
                components: self.components(&query, hit.row),
            })
            .collect();
        query::sort(&mut tracks);
        Ok(Answer {
            tracks,
            content_weight: joint.weighted.weight,
            basis: joint.weighted.basis,
            retrieval: Retrieval {
                path: found.path,
                scored: found.visited as u64,
                predicted: found.predicted,
                took: found.took,
            },
        })
    }

    /// The parts of a track's score under a joint query.
    fn components(&self, query: &crossfade_index::Query<'_>, track: u32) -> Components {
        let part = |block| f64::from(self.index.rows().block_dot(block, query, track));
        Components {
            collaborative: part(COLLABORATIVE),
            content: part(CONTENT),
            popularity: part(POPULARITY),
        }
    }

    /// The only tracks that may be returned, unless all may.
    fn allowed<'a>(
        &'a self,
        weighted: &Weighted,
        candidates: Option<&'a Allowed>,
    ) -> Option<Cow<'a, Allowed>> {
        let eligible = weighted.only(&self.eligible);
        let eligible = eligible.filter(|rows| rows.len() < self.index.rows().len());
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

    fn popular(&self, query: &Query, denied: &RowList) -> Answer {
        let start = Instant::now();
        let candidates = query.candidates.as_deref().map(Allowed::rows);
        let keep = |track: u32| {
            candidates.is_none_or(|candidates| candidates.contains(track))
                && !denied.contains(track)
        };
        let (tracks, basis) = match query.ranking {
            Ranking::Popular => (self.popularity.top(query.limit, keep), Basis::Full),
            Ranking::Collaborative | Ranking::Content | Ranking::Blend(_) => {
                let artists = (&self.model.tracks.artist, POPULAR_PER_ARTIST);
                let tracks = self.popularity.diverse(query.limit, artists, keep);
                (tracks, Basis::Popular)
            }
        };
        self.popular_answer(tracks, basis, start)
    }

    /// An answer of tracks ordered by popularity alone.
    pub(crate) fn popular_answer(&self, tracks: Vec<u32>, basis: Basis, start: Instant) -> Answer {
        let prior = self.popularity.prior();
        let tracks: Vec<RankedTrack> = tracks
            .into_iter()
            .map(|track| RankedTrack {
                track,
                components: Components {
                    popularity: f64::from(prior.row(track as usize)[0]),
                    ..Components::default()
                },
            })
            .collect();
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
}

/// What a listener and a query come down to.
struct Asked<'a> {
    denied: RowList,
    /// Nothing where the answer is popular tracks.
    joint: Option<Joint<'a>>,
}

/// A query against the joint vectors.
struct Joint<'a> {
    weighted: Weighted,
    query: Vec<f32>,
    allowed: Option<Cow<'a, Allowed>>,
}

impl Joint<'_> {
    fn request<'a>(&'a self, denied: &'a RowList, limit: usize) -> Request<'a> {
        let filter = Filter::all().denying(denied);
        Request {
            query: &self.query,
            limit,
            filter: match &self.allowed {
                Some(allowed) => filter.allowing(allowed),
                None => filter,
            },
            mix: Some(self.weighted.mix()),
        }
    }
}

/// Tracks that must not be returned.
fn denied(listener: &Listener, query: &Query) -> RowList {
    let mut denied = query.excluded.clone();
    if !query.include_played {
        denied.extend_from_slice(&listener.played);
    }
    denied.into()
}

impl Eligible {
    fn of(model: &Model, popularity: &Popularity, index: &Index) -> Self {
        let tracks = 0..model.tracks.len() as u32;
        let is_heard = |track: &u32| {
            let embedding = model.embeddings.row(*track as usize);
            embedding.iter().any(|&value| value != 0.0)
        };
        let is_warm = |&track: &u32| !popularity.is_cold(track);
        let warm = || index.allow(tracks.clone().filter(is_warm).collect::<Bitmap>());
        let heard = || index.allow(tracks.clone().filter(is_heard).collect::<Bitmap>());
        let (warm, heard) = rayon::join(warm, heard);
        Self { warm, heard }
    }
}

fn inverse_norms(model: &Model) -> Vec<f32> {
    (0..model.track_factors.rows())
        .into_par_iter()
        .map(|track| {
            let vector = model.track_factors.row(track);
            // Several sums, so that no addition waits for the one before.
            let mut squares = [0.0; 8];
            for values in vector.chunks(squares.len()) {
                for (square, &value) in squares.iter_mut().zip(values) {
                    *square += f64::from(value).powi(2);
                }
            }
            let square: f64 = squares.iter().sum();
            match square > 0.0 {
                true => (1.0 / square.sqrt()) as f32,
                false => 0.0,
            }
        })
        .collect()
}
