use std::collections::BTreeMap;

use crossfade_content::taste_vector;
use crossfade_mf::FoldIn;

use crate::{Error, Model, SeedWeight};

/// Plays of one track that the model may not know of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play {
    /// The track.
    pub track: u32,
    /// How strong the evidence is; 1 for one complete play.
    pub strength: f32,
}

/// What is known of one listener: the tracks already played, both vectors that follow from them, and maybe seeds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listener {
    pub(crate) evidence: Evidence,
    pub(crate) seeds: Option<Seeds>,
}

/// Tracks, and both vectors that follow from them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Collaborative factor; none where no liked track has a factor.
    pub(crate) factor: Option<Vec<f32>>,
    /// Taste vector; none where nothing is known of the content of any liked track.
    pub(crate) taste: Option<Vec<f32>>,
    /// Tracks in increasing order.
    pub(crate) tracks: Vec<u32>,
    /// The strength of each; 0 for one that was only skipped.
    pub(crate) strengths: Vec<f32>,
}

/// Tracks that a listener wants more like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seeds {
    /// Of somebody who played each of them once and nothing else.
    pub(crate) evidence: Evidence,
    /// How much they count beside the listener.
    pub(crate) weight: SeedWeight,
}

impl Listener {
    /// A user of the training data, as learned.
    pub(crate) fn known(model: &Model, user: u32) -> Self {
        let user = user as usize;
        let plays = model.history.row(user);
        Self {
            evidence: Evidence {
                factor: nonzero(model.user_factors.row(user)),
                taste: nonzero(model.tastes.row(user)),
                tracks: plays.indices.to_vec(),
                strengths: plays.values.to_vec(),
            },
            seeds: None,
        }
    }

    /// Anybody with fresh plays, which join those the model has of the user. Both vectors are solved anew, exactly.
    pub(crate) fn folded_in(
        model: &Model,
        fold_in: &FoldIn,
        user: Option<u32>,
        fresh: &[Play],
    ) -> Result<Self, Error> {
        let stored = user.map(|user| model.history.row(user as usize));
        let stored = stored.iter().flat_map(|row| row.iter());
        let fresh = fresh.iter().map(|play| (play.track, play.strength));
        Ok(Self {
            evidence: Evidence::of(model, fold_in, stored.chain(fresh))?,
            seeds: None,
        })
    }

    /// How many tracks the listener is known to like, or else, of whom nothing is known, how many seeds there are.
    pub(crate) fn liked(&self) -> usize {
        let seeds = self.seeds.as_ref();
        match self.evidence.liked().count() {
            0 => seeds.map_or(0, |seeds| seeds.evidence.liked().count()),
            own => own,
        }
    }

    /// The tracks that were played and the seeds.
    pub(crate) fn known_tracks(&self) -> impl Iterator<Item = u32> {
        let seeds = self.seeds.iter().flat_map(|seeds| &seeds.evidence.tracks);
        self.evidence.tracks.iter().chain(seeds).copied()
    }
}

impl Evidence {
    /// What follows from plays, several of one track added up.
    pub(crate) fn of(
        model: &Model,
        fold_in: &FoldIn,
        plays: impl Iterator<Item = (u32, f32)>,
    ) -> Result<Self, Error> {
        let mut strengths: BTreeMap<u32, f32> = BTreeMap::new();
        for (track, strength) in plays {
            *strengths.entry(track).or_default() += strength;
        }
        let (tracks, strengths) = strengths.into_iter().unzip();
        let plays = Self {
            tracks,
            strengths,
            ..Self::default()
        };
        let liked: Vec<(u32, f32)> = plays.liked().collect();
        Ok(Self {
            factor: nonzero(&fold_in.fold_in(&liked)?),
            taste: taste_vector(&model.embeddings, liked.iter().copied(), &model.taste)
                .map(|taste| taste.vector),
            ..plays
        })
    }

    /// Tracks of positive strength.
    pub(crate) fn liked(&self) -> impl Iterator<Item = (u32, f32)> {
        let plays = self
            .tracks
            .iter()
            .copied()
            .zip(self.strengths.iter().copied());
        plays.filter(|&(_, strength)| strength > 0.0)
    }
}

fn nonzero(vector: &[f32]) -> Option<Vec<f32>> {
    vector
        .iter()
        .any(|&value| value != 0.0)
        .then(|| vector.to_vec())
}
