use anyhow::Context;
use crossfade_bundle::Fingerprint;
use crossfade_catalog::TrackTable;
use crossfade_content::{Known, prior_factors};
use crossfade_matrix::{Csr, Dense};
use crossfade_mf::Training;

use super::content::{features, years};
use crate::settings::ContentSettings;

/// What a training pulls the factors of tracks towards: what is predicted of them, which is learned anew of the factors
/// before each epoch.
#[derive(Debug)]
pub(crate) struct Pull<'a> {
    tracks: &'a TrackTable,
    settings: &'a ContentSettings,
    /// Listeners of each track.
    listeners: Vec<u32>,
}

impl<'a> Pull<'a> {
    /// For a training of `liked`; `None` where factors are to be pulled towards zero.
    pub(crate) fn new(
        tracks: &'a TrackTable,
        liked: &Csr,
        settings: &'a ContentSettings,
    ) -> Option<Self> {
        (settings.factors.prior > 0.0).then(|| Self {
            tracks,
            settings,
            listeners: liked.column_counts(),
        })
    }

    /// The fingerprint of all that priors depend on besides plays and factors; `None` where factors are pulled towards zero.
    pub(super) fn fingerprint(tracks: &TrackTable, settings: &ContentSettings) -> Option<String> {
        if settings.factors.prior == 0.0 {
            return None;
        }
        let mut all = Fingerprint::default();
        all.value(&settings.schema).value(&settings.factors);
        all.numbers(&years(tracks));
        for column in &tracks.features {
            all.value(&column.name).numbers(&column.values);
        }
        for column in [&tracks.artist, &tracks.album, &tracks.genre] {
            all.value(&Vec::from_iter(column.names().iter()));
            all.integers(column.codes());
        }
        all.value(&Vec::from_iter(tracks.tags.names().iter()));
        for track in 0..tracks.tags.len() as u32 {
            all.integers(tracks.tags.codes(track));
        }
        Some(all.finish())
    }

    /// The prior of the training's next epoch; `None` where nothing tells of any track, and before the first epoch, when there
    /// is nothing to learn from.
    ///
    /// # Errors
    ///
    /// If factors cannot be predicted.
    pub(crate) fn prior(&self, training: &Training) -> anyhow::Result<Option<Dense>> {
        if training.epochs() == 0 {
            return Ok(None);
        }
        let years = years(self.tracks);
        let items = training.items().to_vec();
        let rows = self.listeners.len();
        let known = Known {
            factors: &Dense::new(rows, items.len() / rows.max(1), items),
            listeners: &self.listeners,
        };
        let features = features(self.tracks, &years);
        let ContentSettings {
            schema, factors, ..
        } = self.settings;
        let prior = prior_factors(schema, factors, &features, known)
            .context("factors cannot be predicted; see [content.factors]")?;
        Ok(prior.as_slice().iter().any(|&x| x != 0.0).then_some(prior))
    }
}
