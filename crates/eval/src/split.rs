use crossfade_matrix::Csr;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Which of a user's tracks are hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Those played last, where plays have times; otherwise as `Random`.
    #[default]
    Latest,
    /// Any, drawn at random.
    Random,
}

/// Hides a share of the tracks of some users; everything else remains for training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Holdout {
    /// How many users are tested at most, drawn at random among those with enough tracks.
    pub users: usize,
    /// Share of each tested user's tracks that is hidden, above 0 and below 1. At least one is hidden and one remains.
    pub fraction: f64,
    /// Users with fewer distinct tracks are not tested; at least 2.
    pub min_tracks: usize,
    /// Which tracks are hidden.
    pub order: Order,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Holdout {
    fn default() -> Self {
        Self {
            users: 2_000,
            fraction: 0.2,
            min_tracks: 5,
            order: Order::default(),
            seed: 1,
        }
    }
}

/// The hidden tracks of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUser {
    /// Row of the user.
    pub user: u32,
    /// Distinct hidden tracks in increasing order.
    pub tracks: Vec<u32>,
}

/// Plays for training and plays for testing.
#[derive(Debug, Clone)]
pub struct Split {
    /// What is trained on, in the shape of the whole: all plays but the hidden ones, unless tested users are held out too.
    pub train: Csr,
    /// What is known of users when their lists are made: all plays but the hidden ones.
    pub given: Csr,
    /// The tested users in increasing order.
    pub test: Vec<TestUser>,
}

impl Split {
    /// Holds the tested users out altogether: nothing of theirs is trained on, and they are known by what is given when
    /// their lists are made (strong generalisation; Marlin 2004, Liang 2018).
    pub fn without_tested_users(self) -> Self {
        let tested = |user: u32| {
            self.test
                .binary_search_by_key(&user, |test| test.user)
                .is_ok()
        };
        Self {
            train: self.train.filter(|user, _, _| !tested(user)),
            ..self
        }
    }
}

impl Holdout {
    /// Splits `plays` (users x tracks). `last_played` has a time for each entry of `plays`, where times are known.
    ///
    /// Entries of strength 0 (tracks that were only ever skipped) stay in the training part and are never hidden: they
    /// are no evidence of liking.
    ///
    /// # Panics
    ///
    /// If `last_played` does not have one value for each entry.
    pub fn split(&self, plays: &Csr, last_played: Option<&[u32]>) -> Split {
        if let Some(times) = last_played {
            assert_eq!(
                times.len(),
                plays.nnz(),
                "one time for each pair of user and track"
            );
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let mut candidates: Vec<u32> = (0..plays.rows() as u32)
            .filter(|&user| liked(plays, user).len() >= self.min_tracks.max(2))
            .collect();
        candidates.shuffle(&mut rng);
        candidates.truncate(self.users);
        candidates.sort_unstable();

        let test: Vec<TestUser> = candidates
            .into_iter()
            .map(|user| TestUser {
                user,
                tracks: self.hidden(plays, user, last_played, &mut rng),
            })
            .collect();
        let train = without(plays, &test);
        Split {
            given: train.clone(),
            train,
            test,
        }
    }

    fn hidden(
        &self,
        plays: &Csr,
        user: u32,
        last_played: Option<&[u32]>,
        rng: &mut ChaCha8Rng,
    ) -> Vec<u32> {
        let mut entries = liked(plays, user);
        // Shuffled first, so that equal times are drawn at random rather than by track number.
        entries.shuffle(rng);
        if let (Order::Latest, Some(times)) = (self.order, last_played) {
            entries.sort_by_key(|&entry| std::cmp::Reverse(times[entry]));
        }
        let wanted = (entries.len() as f64 * self.fraction).round() as usize;
        entries.truncate(wanted.clamp(1, entries.len() - 1));
        let mut tracks: Vec<u32> = entries
            .into_iter()
            .map(|entry| plays.indices()[entry])
            .collect();
        tracks.sort_unstable();
        tracks
    }
}

/// Positions among all entries of the user's tracks with positive strength.
fn liked(plays: &Csr, user: u32) -> Vec<usize> {
    let start = plays.offsets()[user as usize] as usize;
    let row = plays.row(user as usize);
    (start..)
        .zip(row.values)
        .filter_map(|(entry, &strength)| (strength > 0.0).then_some(entry))
        .collect()
}

fn without(plays: &Csr, test: &[TestUser]) -> Csr {
    let mut upcoming = test.iter().peekable();
    plays.filter(|user, track, _| {
        while upcoming.next_if(|next| next.user < user).is_some() {}
        match upcoming.peek() {
            Some(next) if next.user == user => next.tracks.binary_search(&track).is_err(),
            _ => true,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten users with ten tracks each; user `u` played track `t` at time `t`.
    fn plays() -> (Csr, Vec<u32>) {
        let triplets = (0..100).map(|n| (n / 10, n % 10, 1.0)).collect();
        let plays = Csr::from_triplets(10, 10, triplets).unwrap();
        let times = plays.indices().to_vec();
        (plays, times)
    }

    #[test]
    fn the_latest_tracks_are_hidden_where_times_are_known() {
        let (plays, times) = plays();
        let holdout = Holdout {
            fraction: 0.3,
            users: 4,
            ..Holdout::default()
        };
        let split = holdout.split(&plays, Some(&times));
        assert_eq!(split.test.len(), 4);
        assert!(split.test.iter().all(|user| user.tracks == [7, 8, 9]));
        assert_eq!(split.train.nnz(), 100 - 12);
    }

    #[test]
    fn train_and_test_are_a_partition() {
        let (plays, _) = plays();
        let split = Holdout::default().split(&plays, None);
        let mut all: Vec<(u32, u32)> = split
            .test
            .iter()
            .flat_map(|test| test.tracks.iter().map(|&track| (test.user, track)))
            .collect();
        for user in 0..10 {
            all.extend(
                split
                    .train
                    .row(user)
                    .indices
                    .iter()
                    .map(|&t| (user as u32, t)),
            );
        }
        all.sort_unstable();
        assert_eq!(all, (0..100).map(|n| (n / 10, n % 10)).collect::<Vec<_>>());
    }

    #[test]
    fn of_users_held_out_nothing_is_trained_on_and_the_rest_is_given() {
        let (plays, times) = plays();
        let holdout = Holdout {
            users: 3,
            ..Holdout::default()
        };
        let whole = holdout.split(&plays, Some(&times));
        let split = whole.clone().without_tested_users();
        assert_eq!(split.test, whole.test);
        assert_eq!(split.train.nnz(), 70);
        for test in &split.test {
            assert!(split.train.row(test.user as usize).is_empty());
            assert_eq!(split.given.row(test.user as usize).len(), 8);
        }
    }

    #[test]
    fn the_seed_decides() {
        let (plays, _) = plays();
        let draw = |seed| {
            let holdout = Holdout {
                seed,
                users: 3,
                ..Holdout::default()
            };
            holdout.split(&plays, None).test
        };
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }

    #[test]
    fn short_and_skipped_histories_are_not_tested() {
        let triplets = vec![(0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (1, 2, 0.0)];
        let plays = Csr::from_triplets(2, 3, triplets).unwrap();
        let holdout = Holdout {
            min_tracks: 2,
            fraction: 0.9,
            ..Holdout::default()
        };
        let split = holdout.split(&plays, None);
        assert_eq!(split.test.len(), 1);
        assert_eq!(split.test[0].user, 1);
        assert_eq!(split.test[0].tracks.len(), 1, "one liked track remains");
        assert!(!split.test[0].tracks.contains(&2));
    }
}
