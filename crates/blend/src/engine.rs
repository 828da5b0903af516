use std::{collections::BTreeSet, time::Duration};

use crossfade_content::Profile;
use crossfade_index::{Allowed, Approximate, Bitmap, Costs, Index, JointRows, Recall, Sample};
use crossfade_matrix::Dense;
use crossfade_mf::FoldIn;
use rayon::prelude::*;

use crate::{
    Basis, ContentWeight, Discovery, Error, Listener, Model, Parameters, Play, Ranking, SeedWeight,
    calibration::SecondMoment,
    facets::Facets,
    filter::Filters,
    listener::{Evidence, Seeds},
    popularity::Popularity,
};

/// Positions of the blocks in joint vectors and queries; the last is popularity.
pub(crate) const COLLABORATIVE: usize = 0;
pub(crate) const CONTENT: usize = 1;
/// Content weights at which searches are timed.
const TIMED_WEIGHTS: [f64; 3] = [0.0, 0.5, 1.0];
/// How many users' queries are timed at each.
const TIMED_USERS: usize = 3;

/// Answers from a [`Model`]. Immutable, and shared by any number of threads.
#[derive(Debug)]
pub struct Engine {
    model: Model,
    index: Index,
    pub(crate) fold_in: FoldIn,
    pub(crate) popularity: Popularity,
    pub(crate) factor_moment: SecondMoment,
    pub(crate) embedding_moment: SecondMoment,
    /// 1 / length of each track's factor, 0 where there is none.
    pub(crate) inverse_norms: Vec<f32>,
    /// Tracks that a list by only one kind of evidence may have.
    pub(crate) eligible: Eligible,
    pub(crate) facets: Facets,
    pub(crate) filters: Filters,
}

/// A track without a factor has no place in a collaborative list, nor one of unknown content in a content list: its score
/// of 0 is no evidence.
#[derive(Debug)]
pub(crate) struct Eligible {
    /// Tracks with factors, learned or predicted.
    pub(crate) placed: Allowed,
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
            &popularity.listeners()[..model.learned_tracks],
            &model.factorisation,
        )?;
        Ok(Self {
            fold_in,
            // Predicted factors come and go with tracks; what scores mean is not to depend on them.
            factor_moment: SecondMoment::of(&model.track_factors, |track| {
                !popularity.is_cold(track as u32)
            }),
            embedding_moment: SecondMoment::of(&model.embeddings, |track| {
                track < model.learned_tracks
            }),
            inverse_norms: inverse_norms(&model),
            eligible: Eligible::of(&model, &index),
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
            let weighted = self.weigh(&listener, ranking, Discovery::default());
            samples.extend(
                weighted
                    .filter(|weighted| weighted.basis == Basis::Full)
                    .map(|weighted| Sample {
                        mix: weighted.mix(),
                        query: weighted.joint(&weighted.content[0]),
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

    /// The query against the joint vectors that a ranking comes down to for a listener, of several the first; `None` where it
    /// comes down to popular tracks.
    pub fn joint_query(&self, listener: &Listener, ranking: Ranking) -> Option<Vec<f32>> {
        let weighted = self.weigh(listener, ranking, Discovery::default())?;
        Some(weighted.joint(&weighted.content[0]))
    }

    /// How many tracks nobody played.
    pub fn cold_tracks(&self) -> usize {
        self.model.tracks.len() - self.popularity.warm_tracks()
    }

    /// Whether nobody played the track, and its factor was predicted of what is known of it.
    ///
    /// # Panics
    ///
    /// If the track is out of range.
    pub fn is_predicted(&self, track: u32) -> bool {
        self.popularity.is_cold(track) && self.inverse_norms[track as usize] > 0.0
    }

    /// How many tracks that nobody played have a factor.
    pub fn predicted_tracks(&self) -> usize {
        let tracks = 0..self.model.tracks.len() as u32;
        tracks.filter(|&track| self.is_predicted(track)).count()
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

    /// The listener with tracks that more like are wanted of. They count as what somebody would like who played each of them
    /// once and nothing else, folded in exactly, and not as a few more plays, which would change nothing for a listener with
    /// many: `score = (1 - s) score of the listener + s score of the seeds`, each calibrated by itself. By each kind of
    /// evidence, the one of whom something is known counts alone where nothing is known of the other.
    ///
    /// # Errors
    ///
    /// If the seeds cannot be folded in.
    ///
    /// # Panics
    ///
    /// If a seed is out of range.
    pub fn with_seeds(
        &self,
        listener: Listener,
        seeds: &[u32],
        weight: SeedWeight,
    ) -> Result<Listener, Error> {
        if seeds.is_empty() {
            return Ok(listener);
        }
        // Once each, however often they are named.
        let distinct: BTreeSet<u32> = seeds.iter().copied().collect();
        let plays = distinct.into_iter().map(|track| Play::new(track, 1.0));
        let evidence = Evidence::of(&self.model, &self.fold_in, plays)?;
        Ok(Listener {
            seeds: Some(Seeds { evidence, weight }),
            ..listener
        })
    }
}

impl Eligible {
    fn of(model: &Model, index: &Index) -> Self {
        let with = |vectors: &Dense| {
            let is_known = |row: usize| vectors.row(row).iter().any(|&value| value != 0.0);
            let known = (0..vectors.rows()).filter(|&row| is_known(row));
            index.allow(known.map(|row| row as u32).collect::<Bitmap>())
        };
        let placed = || with(&model.track_factors);
        let heard = || with(&model.embeddings);
        let (placed, heard) = rayon::join(placed, heard);
        Self { placed, heard }
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
