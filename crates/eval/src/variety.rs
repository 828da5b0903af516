use crossfade_matrix::Dense;
use serde::{Deserialize, Serialize};

use crate::{Bootstrap, Interval};

/// What is known of the tracks that lists are made of, whoever they are for.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue<'a> {
    /// How many users played each track in training.
    pub listeners: &'a [u32],
    /// How many users there were.
    pub users: usize,
    /// What tells how alike two tracks are: tracks x dim, unit rows, or zero where nothing is known.
    pub embeddings: Option<&'a Dense>,
    /// The only tracks that lists choose from; `None` for all.
    pub choices: Option<&'a [u32]>,
}

/// What the lists of a ranking have to offer beside the tracks that were looked for, cut off after `k` places.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Variety {
    /// Length of the lists.
    pub k: usize,
    /// Share of the tracks lists choose from that any list shows.
    pub coverage: f64,
    /// Gini coefficient of how often each of these tracks is shown, the absent ones too: 0 where all are shown
    /// equally often, near 1 where one gets it all.
    pub gini: f64,
    /// Mean over users of how many bits it takes to tell a listener of the list's tracks from other users:
    /// `-log2(listeners / users)` on average over the list (Zhou 2010). A track nobody played counts as if it had one listener.
    pub novelty: Interval,
    /// Mean over users of the mean of `1 - cosine` over all pairs in the list (Ziegler 2005), of tracks whose embedding is
    /// known; absent where there are no such pairs.
    pub diversity: Option<Interval>,
}

impl Catalogue<'_> {
    /// Measures lists, one for each user, best track first.
    pub fn variety(&self, lists: &[Vec<u32>], k: usize, bootstrap: &Bootstrap) -> Variety {
        let cut = |list: &'_ Vec<u32>| list.len().min(k);
        let mut shown = vec![0_u32; self.listeners.len()];
        for &track in lists.iter().flat_map(|list| &list[..cut(list)]) {
            shown[track as usize] += 1;
        }
        if let Some(choices) = self.choices {
            shown = choices.iter().map(|&track| shown[track as usize]).collect();
        }
        let different = shown.iter().filter(|&&count| count > 0).count();
        let of_lists = |value: &dyn Fn(&[u32]) -> Option<f64>| -> Vec<f64> {
            let values = lists.iter().filter_map(|list| value(&list[..cut(list)]));
            values.collect()
        };
        let diversity = of_lists(&|list| self.diversity(list));
        Variety {
            k,
            coverage: different as f64 / shown.len().max(1) as f64,
            gini: gini(shown),
            novelty: bootstrap.mean(&of_lists(&|list| self.novelty(list))),
            diversity: (!diversity.is_empty()).then(|| bootstrap.mean(&diversity)),
        }
    }

    /// The novelty of one list, in bits; of an empty one there is none.
    pub fn novelty(&self, list: &[u32]) -> Option<f64> {
        let bits = |&track: &u32| {
            let listeners = self.listeners[track as usize].max(1);
            (self.users.max(1) as f64 / f64::from(listeners)).log2()
        };
        let total: f64 = list.iter().map(bits).sum();
        (!list.is_empty()).then(|| total / list.len() as f64)
    }

    /// The diversity of one list; there is none of fewer than two tracks that are known.
    pub fn diversity(&self, list: &[u32]) -> Option<f64> {
        let embeddings = self.embeddings?;
        let rows = list.iter().map(|&track| embeddings.row(track as usize));
        let (mut sum, mut squares, mut known) = (vec![0.0_f64; embeddings.columns()], 0.0, 0.0);
        for row in rows.filter(|row| row.iter().any(|&value| value != 0.0)) {
            known += 1.0;
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum += f64::from(value);
                squares += f64::from(value).powi(2);
            }
        }
        // The cosines of all ordered pairs are the square of the sum, without those of each track with itself.
        let cosines: f64 = sum.iter().map(|value| value * value).sum::<f64>() - squares;
        (known >= 2.0).then(|| 1.0 - cosines / (known * (known - 1.0)))
    }
}

/// `sum (2 i - n - 1) x_i / (n sum x)` over the counts in increasing order, i from 1; 0 where nothing is shown.
fn gini(mut counts: Vec<u32>) -> f64 {
    counts.sort_unstable();
    let n = counts.len() as f64;
    let total: f64 = counts.iter().copied().map(f64::from).sum();
    let weighed = (1_u32..).zip(&counts);
    let weighed: f64 = weighed
        .map(|(i, &count)| (2.0 * f64::from(i) - n - 1.0) * f64::from(count))
        .sum();
    match total > 0.0 {
        true => weighed / (n * total),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_a_catalogue_computed_by_hand() {
        let embeddings = Dense::new(4, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        let catalogue = Catalogue {
            listeners: &[8, 2, 0, 4],
            users: 8,
            embeddings: Some(&embeddings),
            choices: None,
        };
        let lists = [vec![0, 1, 3], vec![0, 2], vec![]];
        let found = catalogue.variety(&lists, 2, &Bootstrap::default());
        assert_eq!(found.coverage, 0.75);
        // Shown 2, 1, 1 and 0 times: (-3 * 0 - 1 + 1 + 3 * 2) / (4 * 4).
        assert_eq!(found.gini, 6.0 / 16.0);
        // 0 and 2 bits; 0 and 3 bits; the empty list does not count.
        assert_eq!(found.novelty.mean, 1.25);
        // At right angles, and the same.
        assert_eq!(found.diversity.map(|interval| interval.mean), Some(0.5));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let unknown = Dense::zeros(3, 2);
        let mut catalogue = Catalogue {
            listeners: &[1, 1, 1],
            users: 2,
            embeddings: Some(&unknown),
            choices: Some(&[0, 1]),
        };
        assert_eq!(catalogue.diversity(&[0, 1]), None);
        catalogue.embeddings = None;
        let found = catalogue.variety(&[vec![0, 1]], 10, &Bootstrap::default());
        assert!(found.diversity.is_none());
        assert_eq!((found.gini, found.coverage), (0.0, 1.0));
    }
}
