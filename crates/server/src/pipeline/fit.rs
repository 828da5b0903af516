use std::{ops::ControlFlow, sync::Arc};

use anyhow::Context;
use crossfade_blend::{Model, Parameters};
use crossfade_content::taste_vectors;
use crossfade_matrix::Csr;
use crossfade_mf::Epoch;
use serde::Serialize;

use super::{Content, Event, Observer, World};
use crate::settings::Settings;

/// What one epoch of factorisation did.
#[derive(Debug, Clone, Copy, Serialize)]
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
    let config = &settings.factorisation;
    let liked = plays.filter(|_, _, strength| strength > 0.0);
    let mut epochs = Vec::with_capacity(config.epochs);
    let factors = crossfade_mf::fit(&liked, config, |epoch: &Epoch| {
        epochs.push(EpochReport {
            epoch: epoch.epoch,
            loss: epoch.loss,
            seconds: (epoch.item_time + epoch.user_time).as_secs_f64(),
        });
        observer(Event::Progress {
            done: epoch.epoch as u64,
            total: config.epochs as u64,
        });
        ControlFlow::Continue(())
    })
    .context("factorisation failed")?;
    let model = Model {
        users: Arc::clone(&world.users),
        tracks: Arc::clone(&world.tracks),
        user_factors: factors.users,
        track_factors: factors.items,
        tastes: taste_vectors(&content.embeddings, &liked, &settings.content.taste),
        embeddings: content.embeddings.clone(),
        history: plays,
        encoder: content.encoder.clone(),
        factorisation: config.clone(),
        taste: settings.content.taste.clone(),
        index: settings.index.clone(),
        parameters: Parameters::default(),
    };
    Ok((model, epochs))
}
