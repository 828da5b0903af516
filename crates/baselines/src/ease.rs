use crossfade_matrix::Csr;
use rayon::prelude::*;

use crate::{sweep::sweep, top::top};

/// How much is learned of how many items.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EaseConfig {
    /// Only so many items, those with the most users: memory grows with their square (4 bytes a pair), time with their cube.
    pub items: usize,
    /// Pull of the weights towards zero; above 0.
    pub regularization: f32,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self {
            items: 10_000,
            regularization: 200.0,
        }
    }
}

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The items' products, plus the regularization, are not positive definite in single precision.
    #[error("EASE cannot be solved with regularization {regularization}: it must be larger")]
    Singular {
        /// The regularization.
        regularization: f32,
    },
}

/// Linear regression of each item on all others, with nothing from itself (Steck 2019, "Embarrassingly Shallow
/// Autoencoders"): with P the inverse of X'X + regularization, the weight of item i for item j is -P_ij / P_jj, and 0 for itself.
#[derive(Debug, Clone)]
pub struct Ease {
    /// The items, most users first, equal ones by number.
    items: Vec<u32>,
    /// Place of each item among them, if it is.
    places: Vec<Option<u32>>,
    /// Weights for all items of each item.
    weights: Vec<f32>,
}

impl Ease {
    /// Learns from `plays` (users x items), each entry of which counts the same. Works in rayon's current pool; the same on
    /// any number of threads.
    ///
    /// # Errors
    ///
    /// If the regularization is too small.
    pub fn fit(plays: &Csr, config: &EaseConfig) -> Result<Self, Error> {
        let counts = plays.column_counts();
        let mut items: Vec<u32> = (0..plays.columns() as u32)
            .filter(|&item| counts[item as usize] > 0)
            .collect();
        items.sort_by_key(|&item| std::cmp::Reverse(counts[item as usize]));
        items.truncate(config.items);
        let mut places = vec![None; plays.columns()];
        for (place, &item) in (0..).zip(&items) {
            places[item as usize] = Some(place);
        }
        let mut weights = products(plays, (&items, &places), config.regularization);
        let n = items.len();
        if !sweep(&mut weights, n) {
            let regularization = config.regularization;
            return Err(Error::Singular { regularization });
        }
        mirror(&mut weights, n);
        // The sweep leaves -P.
        let diagonal: Vec<f32> = (0..n).map(|item| -weights[item * n + item]).collect();
        let rows = weights.par_chunks_mut(n.max(1)).enumerate();
        rows.for_each(|(item, row)| {
            row.iter_mut()
                .zip(&diagonal)
                .for_each(|(weight, p)| *weight /= p);
            row[item] = 0.0;
        });
        Ok(Self {
            items,
            places,
            weights,
        })
    }

    /// How many items it can rank.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it can rank none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The best `limit` items for a history, without its own; none where it knows none of the history.
    ///
    /// # Panics
    ///
    /// If an item of the history is out of range.
    pub fn rank(&self, history: &[u32], limit: usize) -> Vec<u32> {
        let n = self.items.len();
        let known = history
            .iter()
            .filter_map(|&item| self.places[item as usize]);
        let known: Vec<usize> = known.map(|place| place as usize).collect();
        if known.is_empty() {
            return Vec::new();
        }
        let mut scores = vec![0.0_f32; n];
        for &place in &known {
            let weights = &self.weights[place * n..][..n];
            scores
                .iter_mut()
                .zip(weights)
                .for_each(|(score, weight)| *score += weight);
        }
        known
            .iter()
            .for_each(|&place| scores[place] = f32::NEG_INFINITY);
        let scored = scores.into_iter().zip(self.items.iter().copied());
        top(
            scored.filter(|(score, _)| score.is_finite()).collect(),
            limit,
        )
    }
}

/// X'X of the chosen items with the regularization on its diagonal.
fn products(
    plays: &Csr,
    (items, places): (&[u32], &[Option<u32>]),
    regularization: f32,
) -> Vec<f32> {
    let users = plays.transpose();
    let n = items.len();
    let mut products = vec![0.0_f32; n * n];
    let rows = products.par_chunks_mut(n.max(1)).zip(items).enumerate();
    rows.for_each(|(place, (row, &item))| {
        for &user in users.row(item as usize).indices {
            let others = plays.row(user as usize).indices.iter();
            for other in others.filter_map(|&other| places[other as usize]) {
                row[other as usize] += 1.0;
            }
        }
        row[place] += regularization;
    });
    products
}

/// Copies what is below the diagonal to above it.
fn mirror(matrix: &mut [f32], n: usize) {
    /// Side of the squares that are copied at once, so that rows and columns are in the caches.
    const SIDE: usize = 64;
    for top in (0..n).step_by(SIDE) {
        for left in (0..=top).step_by(SIDE) {
            for row in top..n.min(top + SIDE) {
                for column in left..row.min(left + SIDE) {
                    matrix[column * n + row] = matrix[row * n + column];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn plays(users: u32, items: u32) -> Csr {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let pairs = (0..users).flat_map(|user| (0..items).map(move |item| (user, item)));
        let drawn = pairs.filter(|&(user, item)| {
            rng.random_range(0.0..1.0) < if user % 2 == item % 2 { 0.4 } else { 0.05 }
        });
        let triplets = drawn.map(|(user, item)| (user, item, 1.0)).collect();
        Csr::from_triplets(users as usize, items as usize, triplets).unwrap()
    }

    #[test]
    fn weights_are_those_of_regressions_one_by_one() {
        // The weights w of item j minimise |x_j - X w|^2 + regularization |w|^2 with w_j = 0: the gradient vanishes.
        let plays = plays(60, 12);
        let config = EaseConfig {
            items: 12,
            regularization: 3.0,
        };
        let ease = Ease::fit(&plays, &config).unwrap();
        let played = |user: usize, place: usize| {
            let row = plays.row(user).indices;
            f64::from(u8::from(row.binary_search(&ease.items[place]).is_ok()))
        };
        let n = ease.len();
        for j in 0..n {
            let weight = |i: usize| f64::from(ease.weights[i * n + j]);
            let residual = |user: usize| {
                let said: f64 = (0..n).map(|i| played(user, i) * weight(i)).sum();
                played(user, j) - said
            };
            for i in (0..n).filter(|&i| i != j) {
                let slope: f64 = (0..60).map(|user| played(user, i) * residual(user)).sum();
                // Weights of f32 are off by some 1e-6, and a slope adds up 60 users times 12 of them.
                assert!((slope - 3.0 * weight(i)).abs() < 1e-3, "weight ({i}, {j})");
            }
            assert_eq!(weight(j), 0.0);
        }
    }

    #[test]
    fn lists_are_of_popular_items_and_without_the_history() {
        let plays = plays(200, 40);
        let config = EaseConfig {
            items: 30,
            ..EaseConfig::default()
        };
        let ease = Ease::fit(&plays, &config).unwrap();
        let counts = plays.column_counts();
        let least = ease.items.iter().map(|&item| counts[item as usize]).min();
        let dropped = (0..40).filter(|item| !ease.items.contains(item));
        assert!(
            dropped
                .map(|item| Some(counts[item as usize]))
                .all(|count| count <= least)
        );
        let history = plays.row(4).indices;
        let list = ease.rank(history, 5);
        assert_eq!(list.len(), 5);
        assert!(
            list.iter()
                .all(|item| !history.contains(item) && item % 2 == 0)
        );
        assert!(ease.rank(&[], 5).is_empty());
        assert_eq!(
            ease.rank(history, 99).len(),
            30 - history
                .iter()
                .filter(|&&i| ease.places[i as usize].is_some())
                .count()
        );
    }

    #[test]
    fn without_regularization_repeated_items_cannot_be_told_apart() {
        let triplets = (0..4)
            .flat_map(|user| [(user, 0, 1.0), (user, 1, 1.0)])
            .collect();
        let plays = Csr::from_triplets(4, 2, triplets).unwrap();
        let config = EaseConfig {
            items: 2,
            regularization: 0.0,
        };
        assert!(matches!(
            Ease::fit(&plays, &config),
            Err(Error::Singular { .. })
        ));
        assert!(
            Ease::fit(&Csr::empty(), &EaseConfig::default())
                .unwrap()
                .is_empty()
        );
    }
}
