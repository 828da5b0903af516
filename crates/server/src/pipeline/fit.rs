use std::sync::Arc;

use anyhow::Context;
use crossfade_blend::{Model, Parameters};
use crossfade_content::{Known, taste_vectors};
use crossfade_matrix::{Buffer, Csr};
use crossfade_mf::{Factors, Training};
use serde::{Deserialize, Serialize};

use super::{Content, Event, Observer, Pull, World, content::placed};
use crate::settings::Settings;

/// What one epoch of factorisation did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct EpochReport {
    /// From 1.
    pub epoch: usize,
    /// The objective after it.
    pub loss: f64,
    /// Seconds of wall-clock time.
    pub seconds: f64,
}

/// What went wrong when a factorisation ends in an error.
pub(crate) const FAILED: &str = "factorisation failed";

/// The plays that tell of liking, which factors are learned from.
pub(crate) fn liked(plays: &Csr) -> Csr {
    plays.filter(|_, _, strength| strength > 0.0)
}

/// Runs the next epoch of `wanted`, towards what `pull` says of the tracks.
pub(crate) fn run_epoch(
    training: &mut Training,
    wanted: usize,
    (pull, observer): (Option<&Pull<'_>>, Observer<'_>),
) -> anyhow::Result<EpochReport> {
    let prior = pull.map(|pull| pull.prior(training)).transpose()?.flatten();
    let epoch = training.epoch_towards(prior.as_ref()).context(FAILED)?;
    observer(Event::Progress {
        done: epoch.epoch as u64,
        total: wanted as u64,
    });
    Ok(EpochReport {
        epoch: epoch.epoch,
        loss: epoch.loss,
        seconds: (epoch.item_time + epoch.user_time).as_secs_f64(),
    })
}

/// What a model knows of listening.
pub(crate) struct Plays {
    /// Strength of each pair, users x tracks.
    pub(crate) strengths: Csr,
    /// When each was played last, in seconds since 1970, where tastes depend on it and plays have times.
    pub(crate) last_played: Option<Buffer<u32>>,
}

impl Plays {
    /// All plays of the world, which are taken out of it.
    pub(crate) fn all(world: &mut World, settings: &Settings) -> Self {
        let wanted = settings.content.taste.recent_share > 0.0;
        Self {
            strengths: std::mem::replace(&mut world.plays, Csr::empty()),
            // Where nothing asks for them any more they go: room is scarce from here on.
            last_played: world
                .last_played
                .take()
                .filter(|_| wanted)
                .map(Buffer::from),
        }
    }

    /// Some of the plays of the world.
    ///
    /// # Panics
    ///
    /// If one of them is none of the world's.
    pub(crate) fn some(world: &World, part: Csr, settings: &Settings) -> Self {
        let wanted = settings.content.taste.recent_share > 0.0;
        let times = world.last_played.as_deref().filter(|_| wanted);
        Self {
            last_played: times.map(|times| of_part((&world.plays, times), &part).into()),
            strengths: part,
        }
    }
}

/// The times of those entries that are in `part`, too.
fn of_part((plays, times): (&Csr, &[u32]), part: &Csr) -> Vec<u32> {
    let mut found = Vec::with_capacity(part.nnz());
    for row in 0..part.rows() {
        let first = plays.offsets()[row] as usize;
        let mut entries = (first..).zip(plays.row(row).indices);
        found.extend(part.row(row).indices.iter().map(|track| {
            let (entry, _) = entries
                .find(|(_, of)| *of == track)
                .expect("a part has no other entries than the whole");
            times[entry]
        }));
    }
    found
}

/// The model of factors that were learned from the liked ones among these plays. Taste vectors are made here; to them, what
/// was only skipped weighs nothing. Tracks without listeners get predicted factors, if that is wanted.
///
/// # Errors
///
/// If the factors cannot be predicted.
pub(crate) fn model(
    (world, content): (&World, &Content),
    plays: Plays,
    factors: Factors,
    settings: &Settings,
) -> anyhow::Result<Model> {
    let known = Known {
        factors: &factors.items,
        listeners: &liked(&plays.strengths).column_counts(),
    };
    Ok(Model {
        users: Arc::clone(&world.users),
        tracks: Arc::clone(&world.tracks),
        user_factors: factors.users,
        track_factors: placed(&world.tracks, &settings.content, known)?,
        tastes: taste_vectors(
            &content.embeddings,
            (&plays.strengths, plays.last_played.as_deref()),
            &settings.content.taste,
        ),
        embeddings: content.embeddings.clone(),
        history: plays.strengths,
        last_played: plays.last_played,
        encoder: content.encoder.clone(),
        clusters: None,
        labels: Default::default(),
        factorisation: settings.factorisation.clone(),
        learned_tracks: world.tracks.len(),
        taste: settings.content.taste.clone(),
        index: settings.index.clone(),
        parameters: Parameters::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_plays_keeps_its_times() {
        let plays = vec![
            (0, 1, 1.0),
            (0, 3, 1.0),
            (0, 4, 1.0),
            (2, 0, 1.0),
            (2, 4, 1.0),
        ];
        let plays = Csr::from_triplets(3, 5, plays).unwrap();
        let part =
            plays.filter(|user, track, _| (user, track) != (0, 3) && (user, track) != (2, 0));
        let times = [10, 20, 30, 40, 50];
        assert_eq!(of_part((&plays, &times), &part), [10, 30, 50]);
        assert_eq!(of_part((&plays, &times), &plays), times);
    }
}
