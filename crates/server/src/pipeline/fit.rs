use std::sync::Arc;

use anyhow::Context;
use crossfade_blend::{Model, Parameters};
use crossfade_content::taste_vectors;
use crossfade_matrix::Csr;
use crossfade_mf::{Config, Factors, Training};
use serde::{Deserialize, Serialize};

use super::{Content, Event, Observer, World};
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

/// Learns factors and taste vectors from `plays`, which may be a part of the world's. The model has no graph yet, and the
/// blend's parameters are those given.
///
/// # Errors
///
/// If the factorisation fails.
pub fn fit(
    world: &World,
    plays: Csr,
    content: &Content,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<(Model, Vec<EpochReport>)> {
    let (factors, epochs) = factorise(&liked(&plays), &settings.factorisation, observer)?;
    let model = model((world, content), plays, factors, settings);
    Ok((model, epochs))
}

/// Learns factors from plays that tell of liking.
///
/// # Errors
///
/// If the factorisation fails.
pub(super) fn factorise(
    liked: &Csr,
    config: &Config,
    observer: Observer<'_>,
) -> anyhow::Result<(Factors, Vec<EpochReport>)> {
    let mut training = Training::new(liked, config).context(FAILED)?;
    let mut epochs = Vec::with_capacity(config.epochs);
    while training.epochs() < config.epochs {
        epochs.push(run_epoch(&mut training, config.epochs, observer)?);
    }
    Ok((training.finish().context(FAILED)?, epochs))
}

/// What went wrong when a factorisation ends in an error.
pub(super) const FAILED: &str = "factorisation failed";

/// The plays that tell of liking, which factors are learned from.
pub(super) fn liked(plays: &Csr) -> Csr {
    plays.filter(|_, _, strength| strength > 0.0)
}

/// Runs the next epoch of `wanted`.
pub(super) fn run_epoch(
    training: &mut Training,
    wanted: usize,
    observer: Observer<'_>,
) -> anyhow::Result<EpochReport> {
    let epoch = training.epoch().context(FAILED)?;
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
/// was only skipped weighs nothing.
pub(super) fn model(
    (world, content): (&World, &Content),
    plays: Csr,
    factors: Factors,
    settings: &Settings,
) -> Model {
    Model {
        users: Arc::clone(&world.users),
        tracks: Arc::clone(&world.tracks),
        user_factors: factors.users,
        track_factors: factors.items,
        tastes: taste_vectors(&content.embeddings, &plays, &settings.content.taste),
        embeddings: content.embeddings.clone(),
        history: plays,
        encoder: content.encoder.clone(),
        clusters: None,
        factorisation: settings.factorisation.clone(),
        taste: settings.content.taste.clone(),
        index: settings.index.clone(),
        parameters: Parameters::default(),
    }
}
