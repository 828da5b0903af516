use crossfade_matrix::Csr;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Split, TestUser};

/// Hides what was played after a moment, from everybody: training sees the past alone, as it does in service.
#[derive(Debug, Clone)]
pub struct TimeHoldout {
    /// How many users are tested at most, drawn at random among those with plays on both sides of the moment.
    pub users: usize,
    /// Share of the pairs of user and track that is hidden, above 0 and below 1: it decides the moment.
    pub fraction: f64,
    /// Users with fewer distinct tracks before the moment are not tested; at least 1.
    pub min_tracks: usize,
    /// Seed of the draw.
    pub seed: u64,
}

impl TimeHoldout {
    /// Splits `plays` (users x tracks); `last_played` has a time for each entry. Also gives the moment: pairs last played later
    /// are hidden. Pairs of strength 0 are no evidence of liking: they go by their time too, but are not looked for.
    ///
    /// # Panics
    ///
    /// If `last_played` does not have one value for each entry.
    pub fn split(&self, plays: &Csr, last_played: &[u32]) -> (Split, u32) {
        assert_eq!(last_played.len(), plays.nnz(), "one time for each pair");
        let moment = self.moment(plays, last_played);
        let mut entry = 0;
        // Entries are met in the order in which they lie.
        let train = plays.filter(|_, _, _| {
            entry += 1;
            last_played[entry - 1] <= moment
        });
        let mut test: Vec<TestUser> = (0..plays.rows())
            .map(|user| {
                let first = plays.offsets()[user] as usize;
                let times = &last_played[first..first + plays.row(user).len()];
                let later = plays.row(user).iter().zip(times);
                let later = later.filter(|&((_, strength), &time)| strength > 0.0 && time > moment);
                TestUser {
                    user: user as u32,
                    tracks: later.map(|((track, _), _)| track).collect(),
                }
            })
            .filter(|test| {
                let known = train.row(test.user as usize).values;
                let known = known.iter().filter(|&&strength| strength > 0.0).count();
                !test.tracks.is_empty() && known >= self.min_tracks.max(1)
            })
            .collect();
        test.shuffle(&mut ChaCha8Rng::seed_from_u64(self.seed));
        test.truncate(self.users);
        test.sort_unstable_by_key(|test| test.user);
        let split = Split {
            given: train.clone(),
            train,
            test,
        };
        (split, moment)
    }

    /// The time after which that share of the pairs lies, or less where many have the same time.
    fn moment(&self, plays: &Csr, last_played: &[u32]) -> u32 {
        let liked = plays.values().iter().zip(last_played);
        let liked = liked.filter_map(|(&strength, &time)| (strength > 0.0).then_some(time));
        let mut times: Vec<u32> = liked.collect();
        if times.is_empty() {
            return u32::MAX;
        }
        let kept = (times.len() as f64 * (1.0 - self.fraction)).round() as usize;
        let last = kept.clamp(1, times.len()) - 1;
        *times.select_nth_unstable(last).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdout() -> TimeHoldout {
        TimeHoldout {
            users: 9,
            fraction: 0.3,
            min_tracks: 2,
            seed: 1,
        }
    }

    #[test]
    fn training_sees_nothing_later_than_what_it_has_to_find() {
        // Users 0 and 1 play ten tracks each at times 0 to 9 and 5 to 14; user 2 comes too late, user 3 left early.
        let mut triplets: Vec<_> = (0..20).map(|n| (n / 10, n % 10, 1.0)).collect();
        triplets.extend([(2, 0, 1.0), (2, 1, 1.0), (3, 0, 1.0), (3, 1, 0.0)]);
        let plays = Csr::from_triplets(4, 10, triplets).unwrap();
        let mut times: Vec<u32> = (0..10).chain(5..15).collect();
        times.extend([20, 21, 1, 22]);
        let (split, moment) = holdout().split(&plays, &times);
        // Of 23 liked pairs 16 are kept: 0 to 9, 5 to 9 and 1.
        assert_eq!(moment, 9);
        assert_eq!(split.train.nnz(), 16);
        assert_eq!(split.test.len(), 1);
        assert_eq!(
            (split.test[0].user, &split.test[0].tracks[..]),
            (1, &[5, 6, 7, 8, 9][..])
        );
        assert_eq!(split.given.nnz(), split.train.nnz());
    }

    #[test]
    fn without_later_plays_nobody_is_tested() {
        let plays = Csr::from_triplets(1, 3, vec![(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0)]).unwrap();
        assert!(holdout().split(&plays, &[7, 7, 7]).0.test.is_empty());
        assert!(holdout().split(&Csr::empty(), &[]).0.test.is_empty());
    }
}
