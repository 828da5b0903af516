use crossfade_matrix::{Csr, Dense};
use rayon::prelude::*;

use crate::embedder::normalise_into;

mod config;
mod modes;

pub use config::{MOST_MODES, TasteConfig, Weighting};

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Plays of one track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play {
    /// The track.
    pub track: u32,
    /// How strong the evidence of liking is; 1 for one complete play.
    pub strength: f32,
    /// When, the last time, in seconds since 1970; unknown counts as just now.
    pub last_played: Option<u32>,
}

impl Play {
    /// Plays at times that nobody knows.
    pub fn new(track: u32, strength: f32) -> Self {
        Self {
            track,
            strength,
            last_played: None,
        }
    }
}

/// Where in the content space a taste lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Taste {
    /// The direction; of length 1, but for one of several.
    pub vector: Vec<f32>,
    /// What the embedding of each track is multiplied by in the sum that the vector is. Tracks that add nothing are left out.
    pub shares: Vec<(u32, f64)>,
}

/// What is known of a listener's taste.
#[derive(Debug, Clone, PartialEq)]
pub struct Tastes {
    /// All of it.
    pub whole: Taste,
    /// Where there are several, each of them beside the whole; a track scores by the one that it suits best.
    pub modes: Vec<Taste>,
}

/// What a track weighs in a taste.
#[derive(Debug, Clone, Copy)]
struct Weight {
    track: u32,
    weight: f64,
}

impl Tastes {
    /// The tastes of a listener; `None` if no track of the history has a known embedding and a positive strength, or they
    /// cancel out.
    ///
    /// The whole is the weighted mean of the embeddings. A track weighs `w ((1 - r) / sum w + r d / sum w d)`, where `w` is the
    /// [weight of its strength](Weighting), `r` is [`TasteConfig::recent_share`], and `d` halves with every
    /// [`TasteConfig::recent_half_life_days`] before the listener's last play.
    ///
    /// # Panics
    ///
    /// If a track is out of range.
    pub fn of(
        embeddings: &Dense,
        history: impl IntoIterator<Item = Play>,
        config: &TasteConfig,
    ) -> Option<Self> {
        let weights = weights(embeddings, history, config);
        let whole = Taste::of(embeddings, &weights)?;
        let modes = modes::modes(embeddings, &weights, &whole, config);
        Some(Self { whole, modes })
    }
}

impl Taste {
    /// The direction of the weighted mean.
    fn of(embeddings: &Dense, weights: &[Weight]) -> Option<Self> {
        let mut sum = vec![0.0_f64; embeddings.columns()];
        for one in weights {
            for (sum, &x) in sum.iter_mut().zip(embeddings.row(one.track as usize)) {
                *sum += one.weight * f64::from(x);
            }
        }
        let total: f64 = weights.iter().map(|one| one.weight).sum();
        let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Below this, the sum is the rounding error of unit vectors in f32 that cancel out.
        if norm <= total * f64::from(f32::EPSILON) {
            return None;
        }
        let mut vector = vec![0.0; sum.len()];
        normalise_into(&sum, &mut vector);
        let shares = weights.iter().map(|one| (one.track, one.weight / norm));
        Some(Self {
            vector,
            shares: shares.collect(),
        })
    }

    /// The mean of this one, which weighs 1, and of the taste of a part of its tracks.
    fn beside(&self, part: &Self, weight: f64) -> Self {
        let (own, other) = (1.0 / (1.0 + weight), weight / (1.0 + weight));
        let both = self.vector.iter().zip(&part.vector);
        let vector = both.map(|(&a, &b)| (own * f64::from(a) + other * f64::from(b)) as f32);
        // Both are in the order of the history.
        let mut rest = part.shares.iter().peekable();
        let shares = self.shares.iter().map(|&(track, share)| {
            let more = rest.next_if(|&&(next, _)| next == track);
            (
                track,
                own * share + other * more.map_or(0.0, |&(_, share)| share),
            )
        });
        Self {
            shares: shares.collect(),
            vector: vector.collect(),
        }
    }
}

/// What each track of known content weighs. The weights add up to 1.
fn weights(
    embeddings: &Dense,
    history: impl IntoIterator<Item = Play>,
    config: &TasteConfig,
) -> Vec<Weight> {
    let is_known = |track: u32| embeddings.row(track as usize).iter().any(|&x| x != 0.0);
    let known: Vec<(Play, f64)> = history
        .into_iter()
        .map(|play| (play, config.weighting.weight(play.strength)))
        .filter(|&(play, weight)| weight > 0.0 && is_known(play.track))
        .collect();
    let latest = known.iter().filter_map(|(play, _)| play.last_played);
    let latest = latest.max().unwrap_or_default();
    let recency = |play: &Play| {
        let age = f64::from(latest - play.last_played.unwrap_or(latest)) / DAY;
        (-age / config.recent_half_life_days).exp2()
    };
    let recent = |(play, weight): &(Play, f64)| match config.recent_share > 0.0 {
        true => weight * recency(play),
        false => 0.0,
    };
    let all_long: f64 = known.iter().map(|&(_, weight)| weight).sum();
    let all_recent: f64 = known.iter().map(recent).sum();
    let mixed = |one: &(Play, f64)| {
        let long = (1.0 - config.recent_share) * one.1 / all_long;
        match config.recent_share > 0.0 {
            true => long + config.recent_share * recent(one) / all_recent,
            false => long,
        }
    };
    let weight = |one: &(Play, f64)| Weight {
        track: one.0.track,
        weight: mixed(one),
    };
    known.iter().map(weight).collect()
}

/// The taste of every row of `plays` (users x tracks, strengths), as a whole, in parallel; zeros where there is none.
/// `last_played` has a time for each entry, where times are known. The bits do not depend on the number of threads.
///
/// # Panics
///
/// If `plays` has more columns than `embeddings` has rows, or `last_played` does not have one value for each entry.
pub fn taste_vectors(
    embeddings: &Dense,
    (plays, last_played): (&Csr, Option<&[u32]>),
    config: &TasteConfig,
) -> Dense {
    assert!(
        plays.columns() <= embeddings.rows(),
        "plays of {} tracks, but {} embeddings",
        plays.columns(),
        embeddings.rows()
    );
    if let Some(times) = last_played {
        assert_eq!(times.len(), plays.nnz(), "one time for each pair");
    }
    let dim = embeddings.columns();
    let mut values = vec![0.0; plays.rows() * dim];
    if dim > 0 {
        values
            .par_chunks_exact_mut(dim)
            .enumerate()
            .for_each(|(user, out)| {
                let history = history_of((plays, last_played), user);
                let weights = weights(embeddings, history, config);
                if let Some(taste) = Taste::of(embeddings, &weights) {
                    out.copy_from_slice(&taste.vector);
                }
            });
    }
    Dense::new(plays.rows(), dim, values)
}

/// What a user played, by a row of strengths and the times of its entries, where they are known.
///
/// # Panics
///
/// If there is no such row.
pub fn history_of<'a>(
    (plays, last_played): (&'a Csr, Option<&'a [u32]>),
    user: usize,
) -> impl Iterator<Item = Play> + use<'a> {
    let first = plays.offsets()[user] as usize;
    let entries = (first..).zip(plays.row(user).iter());
    entries.map(move |(entry, (track, strength))| Play {
        track,
        strength,
        last_played: last_played.map(|times| times[entry]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings() -> Dense {
        Dense::new(4, 2, vec![1.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0])
    }

    fn played(plays: &[(u32, f32)]) -> Vec<Play> {
        let play = |&(track, strength)| Play::new(track, strength);
        plays.iter().map(play).collect()
    }

    fn whole(plays: &[(u32, f32)], config: &TasteConfig) -> Option<Taste> {
        Some(Tastes::of(&embeddings(), played(plays), config)?.whole)
    }

    /// What the shares of the tracks add up to.
    fn sum(embeddings: &Dense, taste: &Taste, column: usize) -> f64 {
        let part = |&(track, share): &(u32, f64)| {
            share * f64::from(embeddings.row(track as usize)[column])
        };
        taste.shares.iter().map(part).sum()
    }

    #[test]
    fn taste_is_the_weighted_mean_direction() {
        let config = TasteConfig {
            weighting: Weighting::Linear,
            ..TasteConfig::default()
        };
        let taste = whole(&[(0, 4.0), (1, 3.0), (2, 9.0)], &config).unwrap();
        assert_eq!(taste.vector, [0.8, 0.6]);
    }

    #[test]
    fn repeated_plays_count_by_their_logarithm() {
        let taste = whole(&[(0, 3.0), (1, 1.0)], &TasteConfig::default()).unwrap();
        // ln 4 = 2 ln 2.
        let root5 = 5.0_f32.sqrt();
        assert!((taste.vector[0] - 2.0 / root5).abs() < 1e-6);
        assert!((taste.vector[1] - 1.0 / root5).abs() < 1e-6);
    }

    #[test]
    fn recent_plays_count_by_their_share_and_halve_with_their_age() {
        let config = TasteConfig {
            weighting: Weighting::Constant,
            recent_share: 0.5,
            recent_half_life_days: 7.0,
            ..TasteConfig::default()
        };
        let play = |track, days: u32| Play {
            track,
            strength: 1.0,
            last_played: Some(days * 86_400),
        };
        let taste = Tastes::of(&embeddings(), [play(0, 107), play(1, 100)], &config).unwrap();
        // Long: 1/2 each. Recent: 1 and 1/2 of 3/2.
        let (newer, older) = (0.5 * (0.5 + 2.0 / 3.0), 0.5 * (0.5 + 1.0 / 3.0));
        let ratio = f64::from(taste.whole.vector[0]) / f64::from(taste.whole.vector[1]);
        assert!((ratio - newer / older).abs() < 1e-6, "{ratio}");
        // Who played everything at the same time, or nobody knows when, has one taste.
        let alike = [
            [play(0, 9), play(1, 9)].to_vec(),
            played(&[(0, 1.0), (1, 1.0)]),
        ];
        for history in alike {
            let taste = Tastes::of(&embeddings(), history, &config).unwrap();
            assert_eq!(taste.whole.vector[0], taste.whole.vector[1]);
        }
    }

    #[test]
    fn shares_of_the_tracks_make_up_every_taste() {
        // Two groups in three dimensions, and a track of which nothing is known.
        let near = |x: f32, y: f32, z: f32| {
            let norm = (x * x + y * y + z * z).sqrt();
            [x / norm, y / norm, z / norm]
        };
        let rows = [
            near(1.0, 0.1, 0.0),
            near(1.0, -0.1, 0.1),
            near(1.0, 0.0, 0.2),
            near(0.0, 0.1, 1.0),
            near(0.1, -0.1, 1.0),
            [0.0; 3],
        ];
        let embeddings = Dense::new(6, 3, rows.concat());
        let config = TasteConfig {
            modes: 4,
            mode_weight: 2.0,
            ..TasteConfig::default()
        };
        let history = [(0, 3.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 1.0), (5, 9.0)];
        let tastes = Tastes::of(&embeddings, played(&history), &config).unwrap();
        assert_eq!(tastes.modes.len(), 2);
        for taste in tastes.modes.iter().chain([&tastes.whole]) {
            for (column, &value) in taste.vector.iter().enumerate() {
                // Each of at most three vectors in single precision is rounded once.
                let found = sum(&embeddings, taste, column) - f64::from(value);
                assert!(found.abs() <= 3.0 * f64::from(f32::EPSILON), "{found}");
            }
        }
        // Each suits its own tracks better than the other does.
        let score = |taste: &Taste, track: usize| -> f32 {
            let both = taste.vector.iter().zip(embeddings.row(track));
            both.map(|(a, b)| a * b).sum()
        };
        let [first, second] = tastes.modes.as_slice() else {
            panic!("two tastes")
        };
        assert!(score(first, 0) > score(second, 0) && score(second, 3) > score(first, 3));
        assert!(score(first, 0) > score(&tastes.whole, 0));
    }

    #[test]
    fn who_likes_one_thing_has_one_taste() {
        let config = TasteConfig {
            modes: 3,
            ..TasteConfig::default()
        };
        for history in [&[(0, 1.0), (1, 1.0)][..], &[(0, 1.0), (0, 2.0), (0, 1.0)]] {
            let tastes = Tastes::of(&embeddings(), played(history), &config).unwrap();
            assert_eq!(tastes.modes, []);
        }
    }

    #[test]
    fn without_known_liked_tracks_there_is_no_taste() {
        let config = TasteConfig::default();
        assert_eq!(whole(&[], &config), None);
        assert_eq!(whole(&[(2, 5.0)], &config), None);
        assert_eq!(whole(&[(0, -1.0), (1, 0.0)], &config), None);
        assert_eq!(whole(&[(0, 2.0), (3, 2.0)], &config), None);
    }

    #[test]
    fn every_user_gets_a_row() {
        let plays = Csr::from_triplets(3, 4, vec![(0, 1, 2.0), (2, 3, 1.0)]).unwrap();
        let tastes = taste_vectors(&embeddings(), (&plays, None), &TasteConfig::default());
        assert_eq!(tastes.as_slice(), [0.0, 1.0, 0.0, 0.0, -1.0, 0.0]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = TasteConfig::default();
        config.validate().unwrap();
        let modes = TasteConfig {
            modes: 0,
            ..config.clone()
        };
        let share = TasteConfig {
            recent_share: f64::NAN,
            ..config.clone()
        };
        let weight = TasteConfig {
            mode_weight: 0.0,
            ..config
        };
        let names = [
            (modes, "modes"),
            (share, "recent_share"),
            (weight, "mode_weight"),
        ];
        for (config, name) in names {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
