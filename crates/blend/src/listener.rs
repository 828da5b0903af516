use std::collections::BTreeMap;

use crossfade_content::taste_vector;
use crossfade_mf::FoldIn;

use crate::{Error, Model};

/// Plays of one track that the model may not know of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play {
    /// The track.
    pub track: u32,
    /// How strong the evidence is; 1 for one complete play.
    pub strength: f32,
}

/// What is known of one listener: both vectors, and the tracks already played.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listener {
    /// Collaborative factor; none where no liked track has other listeners.
    pub(crate) factor: Option<Vec<f32>>,
    /// Taste vector; none where nothing is known of the content of any liked track.
    pub(crate) taste: Option<Vec<f32>>,
    /// Tracks in increasing order.
    pub(crate) played: Vec<u32>,
}

impl Listener {
    /// A user of the training data, as learned.
    pub(crate) fn known(model: &Model, user: u32) -> Self {
        let user = user as usize;
        Self {
            factor: nonzero(model.user_factors.row(user)),
            taste: nonzero(model.tastes.row(user)),
            played: model.history.row(user).indices.to_vec(),
        }
    }

    /// Anybody with fresh plays, which join those the model has of the user. Both vectors are solved anew, exactly.
    pub(crate) fn folded_in(
        model: &Model,
        fold_in: &FoldIn,
        user: Option<u32>,
        fresh: &[Play],
    ) -> Result<Self, Error> {
        let mut strengths: BTreeMap<u32, f32> = BTreeMap::new();
        let stored = user.map(|user| model.history.row(user as usize));
        for (track, strength) in stored.iter().flat_map(|row| row.iter()) {
            strengths.insert(track, strength);
        }
        for play in fresh {
            *strengths.entry(play.track).or_default() += play.strength;
        }
        let liked: Vec<(u32, f32)> = strengths
            .iter()
            .map(|(&track, &strength)| (track, strength))
            .filter(|&(_, strength)| strength > 0.0)
            .collect();
        Ok(Self {
            factor: nonzero(&fold_in.fold_in(&liked)?),
            taste: taste_vector(&model.embeddings, liked.iter().copied(), &model.taste)
                .map(|taste| taste.vector),
            played: strengths.into_keys().collect(),
        })
    }
}

fn nonzero(vector: &[f32]) -> Option<Vec<f32>> {
    vector
        .iter()
        .any(|&value| value != 0.0)
        .then(|| vector.to_vec())
}
