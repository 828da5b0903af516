use crossfade_matrix::Csr;
use rayon::prelude::*;

use crate::top::top;

/// How alike two items are, and how many alike ones are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnnConfig {
    /// Items kept for each item.
    pub neighbours: usize,
    /// Added to the denominator of the similarity: what few users have in common counts less.
    pub shrinkage: f32,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self {
            neighbours: 200,
            shrinkage: 10.0,
        }
    }
}

/// Nearest neighbours of items by their users (Sarwar 2001, Deshpande and Karypis 2004): the cosine of their columns,
/// `common / (sqrt(n_i n_j) + shrinkage)`. A user's score of an item is the sum over the history's items that have it among
/// their neighbours.
#[derive(Debug, Clone)]
pub struct ItemKnn {
    /// Neighbours of each item in order of their numbers, with their similarities.
    neighbours: Vec<Vec<(u32, f32)>>,
}

impl ItemKnn {
    /// Learns from `plays` (users x items), each entry of which counts the same. Works in rayon's current pool; the same on
    /// any number of threads.
    pub fn fit(plays: &Csr, config: &KnnConfig) -> Self {
        let users = plays.transpose();
        let counts = plays.column_counts();
        let of_item = |common: &mut Vec<u32>, item: usize| {
            common.resize(plays.columns(), 0);
            let mut met = Vec::new();
            for &user in users.row(item).indices {
                for &other in plays.row(user as usize).indices {
                    let count = &mut common[other as usize];
                    if *count == 0 {
                        met.push(other);
                    }
                    *count += 1;
                }
            }
            let own = counts[item] as f32;
            let mut similar: Vec<(f32, u32)> = met
                .iter()
                .filter(|&&other| other as usize != item)
                .map(|&other| {
                    let norms = (own * counts[other as usize] as f32).sqrt();
                    (
                        common[other as usize] as f32 / (norms + config.shrinkage),
                        other,
                    )
                })
                .collect();
            met.iter().for_each(|&other| common[other as usize] = 0);
            let nearest = top(similar.clone(), config.neighbours);
            similar.retain(|(_, other)| nearest.contains(other));
            similar.sort_unstable_by_key(|&(_, other)| other);
            similar
                .into_iter()
                .map(|(similarity, other)| (other, similarity))
                .collect()
        };
        Self {
            neighbours: (0..plays.columns())
                .into_par_iter()
                .map_init(Vec::new, of_item)
                .collect(),
        }
    }

    /// The best `limit` items for a history, without its own; fewer where too few are anyone's neighbours.
    ///
    /// # Panics
    ///
    /// If an item of the history is out of range.
    pub fn rank(&self, history: &[u32], limit: usize) -> Vec<u32> {
        let lists = history.iter().map(|&item| &self.neighbours[item as usize]);
        let mut said: Vec<(u32, f32)> = lists.flatten().copied().collect();
        // Stable: what is said of an item is added in the order of the history.
        said.sort_by_key(|&(item, _)| item);
        let mut scored: Vec<(f32, u32)> = Vec::new();
        for (item, similarity) in said {
            match scored.last_mut() {
                Some((sum, last)) if *last == item => *sum += similarity,
                _ => scored.push((similarity, item)),
            }
        }
        scored.retain(|(_, item)| !history.contains(item));
        top(scored, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items 0 and 1 have two users in common, 0 and 2 one of them.
    fn plays() -> Csr {
        let plays = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 3), (3, 2)];
        let triplets = plays.map(|(user, item)| (user, item, 1.0)).to_vec();
        Csr::from_triplets(4, 4, triplets).unwrap()
    }

    #[test]
    fn similarities_computed_by_hand() {
        let config = KnnConfig {
            neighbours: 2,
            shrinkage: 1.0,
        };
        let knn = ItemKnn::fit(&plays(), &config);
        assert_eq!(knn.neighbours[0], [(1, 2.0 / 3.0), (2, 1.0 / 3.0)]);
        assert!(knn.neighbours[3].is_empty());
        assert_eq!(knn.rank(&[0, 1], 9), [2]);
        assert_eq!(
            knn.rank(&[2], 9),
            [0, 1],
            "equals in order of their numbers"
        );
        assert_eq!(knn.rank(&[2], 1), [0]);
        assert!(knn.rank(&[3], 9).is_empty() && knn.rank(&[], 9).is_empty());
    }

    #[test]
    fn only_the_nearest_are_kept() {
        let config = KnnConfig {
            neighbours: 1,
            shrinkage: 0.0,
        };
        let knn = ItemKnn::fit(&plays(), &config);
        assert_eq!(knn.neighbours[0], [(1, 1.0)]);
    }
}
