use std::sync::Arc;

use crossfade_catalog::{TrackTable, Vocab};
use crossfade_content::{Clusters, EmbeddingModel, TasteConfig};
use crossfade_matrix::{Csr, Dense};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Everything that was learned: what a bundle stores and an [`Engine`](crate::Engine) answers from.
#[derive(Debug)]
pub struct Model {
    /// Ids of the users.
    pub users: Arc<Vocab>,
    /// Ids and descriptions of the tracks.
    pub tracks: Arc<TrackTable>,
    /// Collaborative factors, users x dim; a zero row where nothing was liked.
    pub user_factors: Dense,
    /// Collaborative factors, tracks x dim; a zero row for each cold track.
    pub track_factors: Dense,
    /// Taste vectors, users x content dim; unit or zero rows.
    pub tastes: Dense,
    /// Content embeddings, tracks x content dim; unit or zero rows.
    pub embeddings: Dense,
    /// Strength of each user's plays, users x tracks. Strength 0 marks a track that was only skipped.
    pub history: Csr,
    /// What turned features into embeddings, and would for new tracks.
    pub encoder: EmbeddingModel,
    /// Clusters of the tracks by what is known of them, where they were made.
    pub clusters: Option<Clusters>,
    /// How the factors were learned; fold-in solves the same problem.
    pub factorisation: crossfade_mf::Config,
    /// How listening becomes a taste vector.
    pub taste: TasteConfig,
    /// How retrieval is done.
    pub index: crossfade_index::Config,
    /// How scores are blended.
    pub parameters: Parameters,
}

/// What makes the two kinds of score comparable, and how they are mixed by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// Content weight of requests that name none, from 0 to 1.
    pub content_weight: f64,
    /// Weight of the popularity prior beside the calibrated content score, `beta`; at least 0. Similarity of sound alone
    /// ignores that few tracks are ever played; the prior is the correction.
    pub popularity_weight: f64,
    /// The 100th best collaborative score of a typical user, in units of the root mean square of that user's scores over
    /// the catalogue; above 0.
    pub collaborative_reach: f64,
    /// The same for content scores; above 0.
    pub content_reach: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            content_weight: 0.2,
            popularity_weight: 0.0,
            collaborative_reach: 1.0,
            content_reach: 1.0,
        }
    }
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// The first parameter outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |name, value: f64, range, holds: bool| match holds && value.is_finite() {
            true => Ok(()),
            false => Err(Error::Parameter { name, value, range }),
        };
        let weight = self.content_weight;
        check(
            "content_weight",
            weight,
            "from 0 to 1",
            (0.0..=1.0).contains(&weight),
        )?;
        let prior = self.popularity_weight;
        check("popularity_weight", prior, "at least 0", prior >= 0.0)?;
        let reach = self.collaborative_reach;
        check("collaborative_reach", reach, "above 0", reach > 0.0)?;
        let reach = self.content_reach;
        check("content_reach", reach, "above 0", reach > 0.0)
    }
}

impl Model {
    /// Checks that the parts belong together.
    ///
    /// # Errors
    ///
    /// The first two parts that do not.
    pub fn check(&self) -> Result<(), Error> {
        let check = |what, found, expected| match found == expected {
            true => Ok(()),
            false => Err(Error::Inconsistent {
                what,
                found,
                expected,
            }),
        };
        let (users, tracks) = (self.users.len(), self.tracks.len());
        check("users with factors", self.user_factors.rows(), users)?;
        check("users with taste vectors", self.tastes.rows(), users)?;
        check("users with a history", self.history.rows(), users)?;
        check("tracks in the history", self.history.columns(), tracks)?;
        check("tracks with factors", self.track_factors.rows(), tracks)?;
        check("tracks with embeddings", self.embeddings.rows(), tracks)?;
        if let Some(clusters) = &self.clusters {
            check("tracks with a cluster", clusters.of_track.len(), tracks)?;
        }
        let dim = self.factorisation.dim;
        check("numbers per user factor", self.user_factors.columns(), dim)?;
        check(
            "numbers per track factor",
            self.track_factors.columns(),
            dim,
        )?;
        check(
            "numbers per taste vector",
            self.tastes.columns(),
            self.embeddings.columns(),
        )?;
        self.parameters.validate()
    }
}
