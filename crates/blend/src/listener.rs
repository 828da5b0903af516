use std::collections::BTreeMap;

use crossfade_content::{Play, Taste, Tastes, history_of};
use crossfade_mf::FoldIn;

use crate::{Error, Model, SeedWeight};

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
    /// Where the listener has several tastes, each of them beside the whole.
    pub(crate) modes: Vec<Taste>,
    /// What was played, each track once, in increasing order. A strength of 0 marks one that was only skipped.
    pub(crate) plays: Vec<Play>,
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
        let evidence = Evidence {
            factor: nonzero(model.user_factors.row(user as usize)),
            taste: nonzero(model.tastes.row(user as usize)),
            modes: Vec::new(),
            plays: stored(model, user).collect(),
        };
        let modes = match model.taste.modes {
            1 => None,
            _ => evidence.tastes(model).map(|tastes| tastes.modes),
        };
        Self {
            evidence: Evidence {
                modes: modes.unwrap_or_default(),
                ..evidence
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
        let stored = user.into_iter().flat_map(|user| stored(model, user));
        let plays = stored.chain(fresh.iter().copied());
        Ok(Self {
            evidence: Evidence::of(model, fold_in, plays)?,
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
        let seeds = self.seeds.iter().flat_map(|seeds| &seeds.evidence.plays);
        self.evidence
            .plays
            .iter()
            .chain(seeds)
            .map(|play| play.track)
    }
}

impl Evidence {
    /// What follows from plays, several of one track added up.
    pub(crate) fn of(
        model: &Model,
        fold_in: &FoldIn,
        plays: impl Iterator<Item = Play>,
    ) -> Result<Self, Error> {
        let mut by_track: BTreeMap<u32, Play> = BTreeMap::new();
        for play in plays {
            let sum = by_track.entry(play.track).or_insert(Play {
                strength: 0.0,
                last_played: Some(0),
                ..play
            });
            sum.strength += play.strength;
            // Unknown is just now, and so the latest.
            sum.last_played = sum
                .last_played
                .zip(play.last_played)
                .map(|(one, other)| one.max(other));
        }
        let plays = Self {
            plays: by_track.into_values().collect(),
            ..Self::default()
        };
        let liked: Vec<(u32, f32)> = plays.liked().collect();
        let tastes = plays.tastes(model);
        let (taste, modes) = tastes.map(|of| (of.whole.vector, of.modes)).unzip();
        Ok(Self {
            factor: nonzero(&fold_in.fold_in(&liked)?),
            taste,
            modes: modes.unwrap_or_default(),
            ..plays
        })
    }

    /// The tastes that follow from the tracks.
    pub(crate) fn tastes(&self, model: &Model) -> Option<Tastes> {
        Tastes::of(&model.embeddings, self.plays.iter().copied(), &model.taste)
    }

    /// Tracks of positive strength.
    pub(crate) fn liked(&self) -> impl Iterator<Item = (u32, f32)> {
        self.liked_plays().map(|play| (play.track, play.strength))
    }

    /// The same, with their times.
    pub(crate) fn liked_plays(&self) -> impl Iterator<Item = Play> {
        let plays = self.plays.iter().copied();
        plays.filter(|play| play.strength > 0.0)
    }
}

/// What the model knows that a user played.
fn stored(model: &Model, user: u32) -> impl Iterator<Item = Play> {
    let times = model.last_played.as_deref();
    history_of((&model.history, times), user as usize)
}

fn nonzero(vector: &[f32]) -> Option<Vec<f32>> {
    vector
        .iter()
        .any(|&value| value != 0.0)
        .then(|| vector.to_vec())
}
