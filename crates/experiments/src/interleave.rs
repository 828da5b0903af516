use std::{collections::HashSet, hash::Hash};

use serde::{Deserialize, Serialize};

use crate::fields::hash;

/// Whose pick a track of an interleaved list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Team {
    /// The first ranking's.
    First,
    /// The second's.
    Second,
}

/// A track of an interleaved list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick<T> {
    /// Which.
    pub track: T,
    /// Who is credited when it is played; nobody for what fills the list up once a ranking has no more.
    pub team: Option<Team>,
}

/// Coins of one list: the same for the same fields, on every server.
#[derive(Debug, Clone)]
pub struct Coins(blake3::OutputReader);

impl Coins {
    /// The coins of a request.
    pub fn new(salt: &str, user_id: &str, request_id: &str) -> Self {
        let fields = [salt, user_id, request_id].map(str::as_bytes);
        let mut hasher = blake3::Hasher::new();
        hasher.update(hash(&fields).as_bytes());
        Self(hasher.finalize_xof())
    }

    fn toss(&mut self) -> bool {
        let mut byte = [0];
        self.0.fill(&mut byte);
        byte[0] & 1 == 1
    }
}

/// Team-draft interleaving (Radlinski, Kurup and Joachims 2008, "How Does Clickthrough Data Reflect Retrieval Quality?"): in
/// turns, each ranking picks its best track that is not in the list yet, and a coin says who picks first in each turn. So both
/// have as many places, high and low alike, and a listener who cannot tell them apart credits them equally.
///
/// What both would pick next is in the list without being anybody's: to credit it by a coin would add noise and tell nothing. The
/// same goes for all that follows once one ranking has no more tracks.
pub fn interleave<T: Copy + Eq + Hash>(
    first: &[T],
    second: &[T],
    limit: usize,
    mut coins: Coins,
) -> Vec<Pick<T>> {
    let mut draft = Draft {
        list: Vec::with_capacity(limit),
        taken: HashSet::with_capacity(limit),
    };
    while draft.list.len() < limit {
        match (draft.best(first), draft.best(second)) {
            (Some(a), Some(b)) if a == b => draft.pick(a, None),
            (Some(a), Some(b)) => {
                let [(early, own), (late, others)] = match coins.toss() {
                    true => [(Team::First, a), (Team::Second, b)],
                    false => [(Team::Second, b), (Team::First, a)],
                };
                draft.pick(own, Some(early));
                if draft.list.len() < limit {
                    draft.pick(others, Some(late));
                }
            }
            (Some(rest), None) | (None, Some(rest)) => draft.pick(rest, None),
            (None, None) => break,
        }
    }
    draft.list
}

/// A list in the making.
struct Draft<T> {
    list: Vec<Pick<T>>,
    taken: HashSet<T>,
}

impl<T: Copy + Eq + Hash> Draft<T> {
    /// A ranking's best track that is left.
    fn best(&self, ranking: &[T]) -> Option<T> {
        ranking
            .iter()
            .copied()
            .find(|track| !self.taken.contains(track))
    }

    fn pick(&mut self, track: T, team: Option<Team>) {
        self.taken.insert(track);
        self.list.push(Pick { track, team });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(request: usize) -> Coins {
        Coins::new("salt", "user", &request.to_string())
    }

    #[test]
    fn each_turn_has_a_pick_of_either_and_nothing_twice() {
        let (first, second): (Vec<u32>, Vec<u32>) = ((0..20).collect(), (5..25).rev().collect());
        for request in 0..200 {
            let list = interleave(&first, &second, 11, coins(request));
            let distinct: HashSet<u32> = list.iter().map(|pick| pick.track).collect();
            assert_eq!((list.len(), distinct.len()), (11, 11));
            for turn in list.chunks_exact(2) {
                assert!(turn.iter().all(|pick| pick.team.is_some()));
                assert_ne!(turn[0].team, turn[1].team);
            }
            // Each ranking's picks are its best that were left.
            let own = |team| list.iter().filter(move |pick| pick.team == Some(team));
            let firsts: Vec<u32> = own(Team::First).map(|pick| pick.track).collect();
            assert!(firsts.is_sorted());
            assert_eq!(list, interleave(&first, &second, 11, coins(request)));
        }
    }

    #[test]
    fn a_listener_who_cannot_tell_credits_both_equally_at_every_place() {
        // Rankings that agree on some tracks, differ on others, and have others' best tracks lower down.
        let first = [1, 2, 3, 4, 5, 6, 7, 8];
        let second = [1, 3, 2, 9, 5, 10, 11, 4];
        let lists = 8_000;
        let mut credits = [[0_u32; 2]; 7];
        for request in 0..lists {
            let list = interleave(&first, &second, 7, coins(request));
            for (credits, pick) in credits.iter_mut().zip(list) {
                if let Some(team) = pick.team {
                    credits[team as usize] += 1;
                }
            }
        }
        for [one, other] in credits {
            // Four standard errors of a difference of so many fair coins.
            let slack = 4.0 * f64::from(one + other).sqrt();
            let difference = f64::from(one) - f64::from(other);
            assert!(difference.abs() <= slack, "{credits:?}");
        }
        assert_eq!(credits[0], [0, 0], "both would pick track 1");
        assert!(credits[6].iter().sum::<u32>() > 0);
    }

    #[test]
    fn equal_rankings_keep_their_order_and_credit_nobody() {
        let same: Vec<u32> = (0..9).collect();
        let list = interleave(&same, &same, 9, coins(1));
        let tracks: Vec<u32> = list.iter().map(|pick| pick.track).collect();
        assert_eq!(tracks, same);
        assert!(list.iter().all(|pick| pick.team.is_none()));
    }

    #[test]
    fn what_fills_a_list_up_is_nobodys() {
        let list = interleave(&[1, 5], &[2, 5, 3, 4], 5, coins(3));
        let credited = list.iter().map(|pick| pick.team.is_some());
        assert_eq!(
            credited.collect::<Vec<_>>(),
            [true, true, false, false, false]
        );
        let tracks: Vec<u32> = list[2..].iter().map(|pick| pick.track).collect();
        assert_eq!(tracks, [5, 3, 4]);
        assert_eq!(interleave::<u32>(&[], &[], 4, coins(3)), []);
    }
}
