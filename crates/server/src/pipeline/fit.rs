use std::sync::Arc;

use anyhow::Context;
use crossfade_blend::{Model, Parameters};
use crossfade_content::{Known, taste_vectors};
use crossfade_matrix::Csr;
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

/// The model of factors that were learned from the liked ones among these plays. Taste vectors are made here; to them, what
/// was only skipped weighs nothing. Tracks without listeners get predicted factors, if that is wanted.
///
/// # Errors
///
/// If the factors cannot be predicted.
pub(crate) fn model(
    (world, content): (&World, &Content),
    plays: Csr,
    factors: Factors,
    settings: &Settings,
) -> anyhow::Result<Model> {
    let known = Known {
        factors: &factors.items,
        listeners: &liked(&plays).column_counts(),
    };
    Ok(Model {
        users: Arc::clone(&world.users),
        tracks: Arc::clone(&world.tracks),
        user_factors: factors.users,
        track_factors: placed(&world.tracks, &settings.content, known)?,
        tastes: taste_vectors(&content.embeddings, &plays, &settings.content.taste),
        embeddings: content.embeddings.clone(),
        history: plays,
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
