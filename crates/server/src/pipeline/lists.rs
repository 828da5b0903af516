//! The lists that factors alone give, for many users at once.

use crossfade_eval::TestUser;
use crossfade_index::Batch;
use crossfade_matrix::Csr;

/// Whom lists are made for, from what training knew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience<'a> {
    /// What was trained on, users x tracks: no list shows a user's own tracks.
    pub(crate) train: &'a Csr,
    /// The users. Those beyond the rows of `train` are unknown and get popular tracks.
    pub(crate) users: &'a [TestUser],
    /// Tracks with listeners, most of them first.
    pub(crate) popular: &'a [u32],
}

/// Tracks of `train` with listeners, most listeners first, the lower track among equals.
pub(crate) fn most_popular(train: &Csr) -> Vec<u32> {
    let mut listeners = vec![0_u32; train.columns()];
    for (&track, &strength) in train.indices().iter().zip(train.values()) {
        listeners[track as usize] += u32::from(strength > 0.0);
    }
    let mut order: Vec<u32> = (0..)
        .zip(&listeners)
        .filter_map(|(track, &count)| (count > 0).then_some(track))
        .collect();
    order.sort_by_key(|&track| std::cmp::Reverse(listeners[track as usize]));
    order
}

impl<'a> Audience<'a> {
    /// The most popular tracks a user does not know, for each user.
    pub(crate) fn popular(&self, limit: usize) -> Vec<Vec<u32>> {
        self.users
            .iter()
            .map(|user| self.popular_for(user, limit))
            .collect()
    }

    /// The tracks with the largest inner products with each user's factor. Rows of both sides have `dim` numbers.
    ///
    /// # Errors
    ///
    /// If the factors are not finite, or so large that their products are not.
    pub(crate) fn collaborative(
        &self,
        (users, items): (&[f32], &[f32]),
        dim: usize,
        limit: usize,
    ) -> anyhow::Result<Vec<Vec<u32>>> {
        let mut warm = vec![false; self.train.columns()];
        for &track in self.popular {
            warm[track as usize] = true;
        }
        let known: Vec<&TestUser> = self.users.iter().filter(|user| self.knows(user)).collect();
        let mut queries = Vec::with_capacity(known.len() * dim);
        for user in &known {
            queries.extend_from_slice(&users[user.user as usize * dim..][..dim]);
        }
        let own = |query: usize| self.own(known[query]);
        let mut found = Batch::new(items, dim)?
            .search(&queries, limit, own)?
            .into_iter();
        let lists = self.users.iter().map(|user| {
            let hits = match self.knows(user) {
                true => found.next(),
                false => None,
            };
            let Some(hits) = hits else {
                return self.popular_for(user, limit);
            };
            let tracks = hits.into_iter().map(|hit| hit.row);
            // Without listeners a factor is zero, and its score no evidence.
            tracks.filter(|&track| warm[track as usize]).collect()
        });
        Ok(lists.collect())
    }

    fn popular_for(&self, user: &TestUser, limit: usize) -> Vec<u32> {
        let own = match self.knows(user) {
            true => self.own(user),
            false => &[],
        };
        let new = |track: &u32| own.binary_search(track).is_err();
        self.popular
            .iter()
            .copied()
            .filter(new)
            .take(limit)
            .collect()
    }

    fn knows(&self, user: &TestUser) -> bool {
        (user.user as usize) < self.train.rows()
    }

    fn own(&self, user: &TestUser) -> &'a [u32] {
        self.train.row(user.user as usize).indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(user: u32) -> TestUser {
        TestUser {
            user,
            tracks: vec![0],
        }
    }

    #[test]
    fn lists_leave_out_own_and_unheard_tracks_and_unknown_users_get_popular_ones() {
        // Track 3 was only ever skipped, track 4 is not in the log.
        let triplets = vec![
            (0, 0, 1.0),
            (1, 0, 1.0),
            (1, 1, 1.0),
            (2, 2, 1.0),
            (2, 3, 0.0),
        ];
        let train = Csr::from_triplets(3, 5, triplets).unwrap();
        let popular = most_popular(&train);
        assert_eq!(popular, [0, 1, 2]);
        let users = [user(0), user(9), user(2)];
        let audience = Audience {
            train: &train,
            users: &users,
            popular: &popular,
        };
        assert_eq!(audience.popular(2), [vec![1, 2], vec![0, 1], vec![0, 1]]);
        let scores = [
            [1.0, 2.0, 3.0, 0.0, 0.0],
            [0.0; 5],
            [-1.0, -3.0, 0.0, 0.0, 0.0],
        ]
        .concat();
        let items = [1.0, 0.0, 0.0, 0.0, 0.0];
        let identity: Vec<f32> = (0..5)
            .flat_map(|row| {
                let mut unit = items;
                unit.rotate_right(row);
                unit
            })
            .collect();
        let lists = audience.collaborative((&scores, &identity), 5, 5).unwrap();
        assert_eq!(lists, [vec![2, 1], vec![0, 1, 2], vec![0, 1]]);
    }
}
