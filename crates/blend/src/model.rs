use std::{fmt, sync::Arc};

use crossfade_catalog::{TrackTable, Vocab};
use crossfade_content::{Clusters, EmbeddingModel, Labels, TasteConfig};
use crossfade_matrix::{Buffer, Csr, Dense};
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
    /// Collaborative factors, tracks x dim; for a cold track what was predicted of what is known of it, or a zero row.
    pub track_factors: Dense,
    /// Taste vectors, users x content dim; unit or zero rows.
    pub tastes: Dense,
    /// Content embeddings, tracks x content dim; unit or zero rows.
    pub embeddings: Dense,
    /// Strength of each user's plays, users x tracks. Strength 0 marks a track that was only skipped.
    pub history: Csr,
    /// When each pair of the history was played last, in seconds since 1970, where tastes depend on it.
    pub last_played: Option<Buffer<u32>>,
    /// What turned features into embeddings, and would for new tracks.
    pub encoder: EmbeddingModel,
    /// Clusters of the tracks by what is known of them, where they were made.
    pub clusters: Option<Clusters>,
    /// Labels that only some tracks have, as they are predicted of all; empty where none are.
    pub labels: Labels,
    /// How the factors were learned; fold-in solves the same problem.
    pub factorisation: crossfade_mf::Config,
    /// How many tracks there were then; those behind them were added since.
    pub learned_tracks: usize,
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
    /// Other weights for listeners with few or many tracks, fewest first; empty where the one above is for all.
    pub by_history: Vec<HistoryWeight>,
    /// Weight of the popularity prior beside the calibrated content score, `beta`; at least 0. Similarity of sound alone
    /// ignores that few tracks are ever played; the prior is the correction.
    pub popularity_weight: f64,
    /// The 100th best collaborative score of a typical user, in units of the root mean square of that user's scores over
    /// the catalogue; above 0.
    pub collaborative_reach: f64,
    /// The same for content scores; above 0.
    pub content_reach: f64,
}

/// The content weight of listeners who are known to like so many tracks, where their requests name none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryWeight {
    /// From how many tracks on, up to where the next one begins; at least 1.
    pub tracks: u32,
    /// The weight, from 0 to 1.
    pub content_weight: f64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            content_weight: 0.2,
            by_history: Vec::new(),
            popularity_weight: 0.0,
            collaborative_reach: 1.0,
            content_reach: 1.0,
        }
    }
}

impl Parameters {
    /// The content weight of a listener who is known to like so many tracks.
    pub fn content_weight_of(&self, tracks: usize) -> f64 {
        let sizes = self.by_history.iter().rev();
        let own = sizes.clone().find(|of| of.tracks as usize <= tracks);
        own.map_or(self.content_weight, |of| of.content_weight)
    }

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
        for of in &self.by_history {
            let weight = of.content_weight;
            check(
                "by_history.content_weight",
                weight,
                "from 0 to 1",
                (0.0..=1.0).contains(&weight),
            )?;
        }
        for pair in self.by_history.windows(2) {
            check(
                "by_history.tracks",
                pair[1].tracks.into(),
                "more than the one before",
                pair[1].tracks > pair[0].tracks,
            )?;
        }
        let prior = self.popularity_weight;
        check("popularity_weight", prior, "at least 0", prior >= 0.0)?;
        let reach = self.collaborative_reach;
        check("collaborative_reach", reach, "above 0", reach > 0.0)?;
        let reach = self.content_reach;
        check("content_reach", reach, "above 0", reach > 0.0)
    }
}

impl fmt::Display for Parameters {
    /// For people: "content weight 0.2 (0.5 from 1 track on, 0.2 from 10), popularity weight 0.1".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "content weight {}", self.content_weight)?;
        for (place, of) in self.by_history.iter().enumerate() {
            let (begin, end) = match place {
                0 => (
                    " (",
                    if of.tracks == 1 {
                        " track on"
                    } else {
                        " tracks on"
                    },
                ),
                _ => (", ", ""),
            };
            write!(f, "{begin}{} from {}{end}", of.content_weight, of.tracks)?;
        }
        let end = if self.by_history.is_empty() { "" } else { ")" };
        write!(f, "{end}, popularity weight {}", self.popularity_weight)
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
        if let Some(times) = &self.last_played {
            check("pairs with a time", times.len(), self.history.nnz())?;
        }
        check("tracks with factors", self.track_factors.rows(), tracks)?;
        check("tracks with embeddings", self.embeddings.rows(), tracks)?;
        if self.learned_tracks > tracks {
            check(
                "tracks that factors were learned of",
                self.learned_tracks,
                tracks,
            )?;
        }
        if let Some(clusters) = &self.clusters {
            check("tracks with a cluster", clusters.of_track.len(), tracks)?;
        }
        if let Some(genre) = &self.labels.genre {
            let probabilities = &genre.probabilities;
            check(
                "tracks with probabilities of genres",
                probabilities.rows(),
                tracks,
            )?;
            let genres = genre.report.classes.len();
            check(
                "probabilities of genres per track",
                probabilities.columns(),
                genres,
            )?;
        }
        for number in &self.labels.numbers {
            check(
                "tracks with a predicted number",
                number.values.len(),
                tracks,
            )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        let of = |(tracks, content_weight)| HistoryWeight {
            tracks,
            content_weight,
        };
        Parameters {
            by_history: [(2, 0.5), (10, 0.1)].map(of).to_vec(),
            ..Parameters::default()
        }
    }

    #[test]
    fn listeners_have_the_weight_of_the_last_size_that_they_reach() {
        let weights = [0, 1, 2, 9, 10, 99].map(|tracks| parameters().content_weight_of(tracks));
        assert_eq!(weights, [0.2, 0.2, 0.5, 0.5, 0.1, 0.1]);
        assert_eq!(Parameters::default().content_weight_of(9), 0.2);
        assert_eq!(
            parameters().to_string(),
            "content weight 0.2 (0.5 from 2 tracks on, 0.1 from 10), popularity weight 0"
        );
    }

    #[test]
    fn sizes_out_of_order_and_weights_out_of_range_are_named() {
        parameters().validate().unwrap();
        let mut wrong = parameters();
        wrong.by_history[1].tracks = 2;
        assert!(matches!(
            wrong.validate(),
            Err(Error::Parameter {
                name: "by_history.tracks",
                ..
            })
        ));
        let mut wrong = parameters();
        wrong.by_history[0].content_weight = f64::NAN;
        assert!(matches!(
            wrong.validate(),
            Err(Error::Parameter {
                name: "by_history.content_weight",
                ..
            })
        ));
    }
}
