use crossfade_matrix::Csr;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::TestUser;

/// Hides every play of some tracks, as if they had come out after training.
#[derive(Debug, Clone)]
pub struct TrackHoldout {
    /// How many users are tested at most, drawn at random among those who played a hidden track.
    pub users: usize,
    /// Share of the eligible tracks that is hidden, above 0 and below 1; at least one is.
    pub fraction: f64,
    /// Tracks with fewer listeners are not hidden; at least 1.
    pub min_listeners: usize,
    /// Users with fewer distinct tracks left are not tested.
    pub min_tracks: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// Plays of the tracks that training knows, and those of the tracks that it does not.
#[derive(Debug, Clone)]
pub struct TrackSplit {
    /// All plays but those of hidden tracks, in the shape of the whole.
    pub train: Csr,
    /// The hidden tracks in increasing order.
    pub tracks: Vec<u32>,
    /// The tested users in increasing order, with the hidden tracks that each played.
    pub test: Vec<TestUser>,
}

impl TrackHoldout {
    /// Splits `plays` (users x tracks). Only tracks that `eligible` says yes to are hidden. Plays of strength 0 are no
    /// evidence of liking: they are hidden, but not looked for.
    pub fn split(&self, plays: &Csr, eligible: impl Fn(u32) -> bool) -> TrackSplit {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut listeners = vec![0; plays.columns()];
        for (&track, &strength) in plays.indices().iter().zip(plays.values()) {
            listeners[track as usize] += usize::from(strength > 0.0);
        }
        let enough = |track: &u32| listeners[*track as usize] >= self.min_listeners.max(1);
        let mut tracks: Vec<u32> = (0..plays.columns() as u32)
            .filter(|track| enough(track) && eligible(*track))
            .collect();
        let wanted = (tracks.len() as f64 * self.fraction).round() as usize;
        tracks.shuffle(&mut rng);
        tracks.truncate(wanted.max(1));
        tracks.sort_unstable();

        let is_hidden = |track: u32| tracks.binary_search(&track).is_ok();
        let train = plays.filter(|_, track, _| !is_hidden(track));
        let liked = |user: usize| {
            plays
                .row(user)
                .iter()
                .filter(|&(_, strength)| strength > 0.0)
        };
        let mut test: Vec<TestUser> = (0..plays.rows())
            .map(|user| TestUser {
                user: user as u32,
                tracks: liked(user)
                    .map(|(track, _)| track)
                    .filter(|&track| is_hidden(track))
                    .collect(),
            })
            .filter(|test| {
                let left = liked(test.user as usize).count() - test.tracks.len();
                !test.tracks.is_empty() && left >= self.min_tracks
            })
            .collect();
        test.shuffle(&mut rng);
        test.truncate(self.users);
        test.sort_unstable_by_key(|test| test.user);
        TrackSplit {
            train,
            tracks,
            test,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten users with ten tracks each; track 10 was only ever skipped.
    fn plays() -> Csr {
        let mut triplets: Vec<_> = (0..100).map(|n| (n / 10, n % 10, 1.0)).collect();
        triplets.push((0, 10, 0.0));
        Csr::from_triplets(10, 11, triplets).unwrap()
    }

    fn holdout(seed: u64) -> TrackHoldout {
        TrackHoldout {
            users: 6,
            fraction: 0.4,
            min_listeners: 2,
            min_tracks: 3,
            seed,
        }
    }

    #[test]
    fn no_play_of_a_hidden_track_remains_and_all_others_do() {
        let split = holdout(1).split(&plays(), |track| track != 3);
        assert_eq!(split.tracks.len(), 4, "0.4 of the nine that may be hidden");
        assert!(!split.tracks.contains(&3) && !split.tracks.contains(&10));
        assert!(
            split
                .train
                .indices()
                .iter()
                .all(|track| !split.tracks.contains(track))
        );
        assert_eq!(split.train.nnz(), 101 - 4 * 10);
        assert_eq!(split.test.len(), 6);
        assert!(split.test.iter().all(|test| test.tracks == split.tracks));
    }

    #[test]
    fn users_with_little_left_are_not_tested() {
        let strict = TrackHoldout {
            min_tracks: 7,
            ..holdout(1)
        };
        assert!(strict.split(&plays(), |_| true).test.is_empty());
    }

    #[test]
    fn the_seed_decides() {
        let draw = |seed| holdout(seed).split(&plays(), |_| true).tracks;
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(7));
    }
}
