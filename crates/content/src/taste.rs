use crossfade_matrix::{Csr, Dense};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::embedder::normalise_into;

/// How listening becomes a taste vector.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TasteConfig {
    /// What a track's strength weighs.
    pub weighting: Weighting,
}

/// What a track of a given strength (number of plays, say) weighs in the mean. Tracks without positive strength, such
/// as skipped ones, weigh nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// `ln(1 + strength)`: the hundredth play says less than the second.
    #[default]
    Log,
    /// `strength`.
    Linear,
    /// 1.
    Constant,
}

impl Weighting {
    /// The weight of `strength`.
    pub fn weight(self, strength: f32) -> f64 {
        if strength <= 0.0 {
            return 0.0;
        }
        match self {
            Self::Log => f64::from(strength).ln_1p(),
            Self::Linear => f64::from(strength),
            Self::Constant => 1.0,
        }
    }
}

/// Where in the content space a listener's taste lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Taste {
    /// The direction, of length 1.
    pub vector: Vec<f32>,
    /// How much the tracks behind it agree: the length of their weighted mean, above 0 (scattered) to 1 (all alike).
    pub focus: f32,
    /// How many tracks of known content are behind it.
    pub tracks: usize,
}

/// The weighted mean of the embeddings in `history`, which holds (track, strength); `None` if none of its tracks has a
/// known embedding and a positive strength, or they cancel out.
///
/// # Panics
///
/// If a track is out of range.
pub fn taste_vector(
    embeddings: &Dense,
    history: impl IntoIterator<Item = (u32, f32)>,
    config: &TasteConfig,
) -> Option<Taste> {
    let mut sum = vec![0.0_f64; embeddings.columns()];
    let (mut total, mut tracks) = (0.0, 0);
    for (track, strength) in history {
        let weight = config.weighting.weight(strength);
        let embedding = embeddings.row(track as usize);
        if weight > 0.0 && embedding.iter().any(|&x| x != 0.0) {
            for (sum, &x) in sum.iter_mut().zip(embedding) {
                *sum += weight * f64::from(x);
            }
            total += weight;
            tracks += 1;
        }
    }
    let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    // Below this, the sum is the rounding error of unit vectors in f32 that cancel out.
    if norm <= total * f64::from(f32::EPSILON) {
        return None;
    }
    let mut vector = vec![0.0; sum.len()];
    normalise_into(&sum, &mut vector);
    let focus = (norm / total).min(1.0) as f32;
    Some(Taste {
        vector,
        focus,
        tracks,
    })
}

/// What each track of a history adds to the [taste vector](taste_vector) that follows from it: the numbers that its tracks'
/// embeddings are multiplied by in the sum that the vector is. Tracks that add nothing are left out.
///
/// # Panics
///
/// If a track is out of range.
pub fn taste_shares(
    embeddings: &Dense,
    history: impl IntoIterator<Item = (u32, f32)>,
    config: &TasteConfig,
) -> Vec<(u32, f64)> {
    let mut sum = vec![0.0_f64; embeddings.columns()];
    let mut shares = Vec::new();
    for (track, strength) in history {
        let weight = config.weighting.weight(strength);
        let embedding = embeddings.row(track as usize);
        if weight > 0.0 && embedding.iter().any(|&x| x != 0.0) {
            for (sum, &x) in sum.iter_mut().zip(embedding) {
                *sum += weight * f64::from(x);
            }
            shares.push((track, weight));
        }
    }
    let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (_, share) in &mut shares {
        *share /= norm;
    }
    shares
}

/// The taste vector of every row of `plays` (users x tracks, strengths), in parallel; zeros where there is none. The
/// bits do not depend on the number of threads.
///
/// # Panics
///
/// If `plays` has more columns than `embeddings` has rows.
pub fn taste_vectors(embeddings: &Dense, plays: &Csr, config: &TasteConfig) -> Dense {
    assert!(
        plays.columns() <= embeddings.rows(),
        "plays of {} tracks, but {} embeddings",
        plays.columns(),
        embeddings.rows()
    );
    let dim = embeddings.columns();
    let mut values = vec![0.0; plays.rows() * dim];
    if dim > 0 {
        values
            .par_chunks_exact_mut(dim)
            .enumerate()
            .for_each(|(user, out)| {
                if let Some(taste) = taste_vector(embeddings, plays.row(user).iter(), config) {
                    out.copy_from_slice(&taste.vector);
                }
            });
    }
    Dense::new(plays.rows(), dim, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings() -> Dense {
        Dense::new(4, 2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0])
    }

    #[test]
    fn taste_is_the_weighted_mean_direction() {
        let config = TasteConfig {
            weighting: Weighting::Linear,
        };
        let taste = taste_vector(&embeddings(), [(0, 4.0), (1, 3.0), (2, 9.0)], &config).unwrap();
        assert_eq!(taste.vector, [0.8, 0.6]);
        assert_eq!(taste.focus, 5.0 / 7.0);
        assert_eq!(taste.tracks, 2);
    }

    #[test]
    fn repeated_plays_count_by_their_logarithm() {
        let taste =
            taste_vector(&embeddings(), [(0, 3.0), (1, 1.0)], &TasteConfig::default()).unwrap();
        // ln 4 = 2 ln 2.
        let root5 = 5.0_f32.sqrt();
        assert!((taste.vector[0] - 2.0 / root5).abs() < 1e-6);
        assert!((taste.vector[1] - 1.0 / root5).abs() < 1e-6);
    }

    #[test]
    fn shares_of_the_tracks_make_up_the_taste() {
        let (embeddings, config) = (embeddings(), TasteConfig::default());
        let history = [(0, 3.0), (1, 1.0), (2, 4.0), (3, -1.0)];
        let shares = taste_shares(&embeddings, history, &config);
        assert_eq!(
            shares.iter().map(|&(track, _)| track).collect::<Vec<_>>(),
            [0, 1]
        );
        let taste = taste_vector(&embeddings, history, &config).unwrap().vector;
        for (column, value) in taste.into_iter().enumerate() {
            let sum: f64 = shares
                .iter()
                .map(|&(track, share)| share * f64::from(embeddings.row(track as usize)[column]))
                .sum();
            // The vector is rounded to single precision.
            assert!((sum - f64::from(value)).abs() <= f64::from(f32::EPSILON));
        }
    }

    #[test]
    fn without_known_liked_tracks_there_is_no_taste() {
        let config = TasteConfig::default();
        assert_eq!(taste_vector(&embeddings(), [], &config), None);
        assert_eq!(taste_vector(&embeddings(), [(2, 5.0)], &config), None);
        assert_eq!(
            taste_vector(&embeddings(), [(0, -1.0), (1, 0.0)], &config),
            None
        );
        assert_eq!(
            taste_vector(&embeddings(), [(0, 2.0), (3, 2.0)], &config),
            None
        );
    }

    #[test]
    fn every_user_gets_a_row() {
        let plays = Csr::from_triplets(3, 4, vec![(0, 1, 2.0), (2, 3, 1.0)]).unwrap();
        let tastes = taste_vectors(&embeddings(), &plays, &TasteConfig::default());
        assert_eq!(tastes.as_slice(), [0.0, 1.0, 0.0, 0.0, -1.0, 0.0]);
    }
}
