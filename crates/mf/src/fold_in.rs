use crossfade_matrix::{Dense, Row};
use pulp::{Arch, Simd, WithSimd};

use crate::{
    Config, Error, basis::gramian_of, item_weights::ItemWeights, primal::Primal,
    row_system::RowSystem,
};

/// Solves users that training has not seen, or has seen with other plays, one at a time.
///
/// A user's factor is the exact minimum of its part of the objective for the given items: what the last half-sweep of
/// [`fit`](crate::fit) computes, but at request time. Threads may share one `FoldIn`.
#[derive(Debug)]
pub struct FoldIn {
    items: Dense,
    weights: ItemWeights,
    /// alpha0 Y'Y, `dim` x `dim`.
    unobserved: Vec<f32>,
    /// How many items training knew.
    learned: usize,
    config: Config,
}

impl FoldIn {
    /// Prepares for users of `items`, a row for each item, of which item i had `counts[i]` entries in the plays that they
    /// were learned from, with the configuration they were learned with. Clone a shared matrix for it; the factors are not
    /// copied.
    ///
    /// Items behind the last count were added since. They and items without entries may have factors from elsewhere, which
    /// count for users who played them, but not among the pairs that nobody played: a user who did not play them is solved
    /// as in training.
    ///
    /// # Errors
    ///
    /// If the configuration is not valid or the items are not finite.
    ///
    /// # Panics
    ///
    /// If the items' rows do not have `config.dim` numbers, or there are more counts than items.
    pub fn new(items: Dense, counts: &[u32], config: &Config) -> Result<Self, Error> {
        config.validate()?;
        assert_eq!(items.columns(), config.dim, "factors of `dim` numbers");
        let learned = counts.len();
        assert!(learned <= items.rows(), "no more counts than items");
        let mut counts = counts.to_vec();
        counts.resize(items.rows(), 0);
        let gramian = gramian_of(items.as_slice(), config.dim, |item| counts[item] > 0);
        if !gramian.is_all_finite() {
            return Err(Error::Gramian);
        }
        let unobserved = (0..config.dim)
            .flat_map(|column| gramian.col_as_slice(column))
            .map(|value| (config.alpha0 * value) as f32)
            .collect();
        Ok(Self {
            items,
            weights: ItemWeights::new(&counts, &config.confidence),
            unobserved,
            learned,
            config: config.clone(),
        })
    }

    /// The factors of the items.
    pub fn items(&self) -> &Dense {
        &self.items
    }

    /// The factor of a user with `history`: (item, strength), each item at most once. Entries whose strength is not
    /// positive stand for no listening and are left out; a user without any gets the zero vector.
    ///
    /// Costs O(n dim^2 + dim^3) for n entries.
    ///
    /// # Errors
    ///
    /// [`Error::NotDefinite`] if the confidences are too large for single precision.
    ///
    /// # Panics
    ///
    /// If an item is out of range.
    pub fn fold_in(&self, history: &[(u32, f32)]) -> Result<Vec<f32>, Error> {
        let (indices, confidences): (Vec<u32>, Vec<f32>) = self.entries(history).unzip();
        let mut user = vec![0.0; self.config.dim];
        if indices.is_empty() {
            return Ok(user);
        }
        let entries = Row {
            indices: &indices,
            values: &confidences,
        };
        let solved = Arch::new().dispatch(Solve {
            system: RowSystem {
                entries,
                fixed: self.items.as_slice(),
                dim: self.config.dim,
                prior: None,
                pull: self.pull(entries.len()) as f32,
            },
            unobserved: &self.unobserved,
            out: &mut user,
        });
        solved.map(|_| user).ok_or(Error::NotDefinite { row: 0 })
    }

    /// The items of a history that were listened to, and the confidence in each.
    pub(crate) fn entries(&self, history: &[(u32, f32)]) -> impl Iterator<Item = (u32, f32)> {
        let heard = history.iter().filter(|(_, strength)| *strength > 0.0);
        heard.map(|&(item, strength)| {
            let confidence = self.config.confidence.of(strength) * self.weights.of(item);
            (item, confidence)
        })
    }

    /// How strongly a user with so many entries is pulled towards zero.
    pub(crate) fn pull(&self, entries: usize) -> f64 {
        self.config.pull(entries, self.learned)
    }

    /// alpha0 Y'Y, `dim` x `dim`.
    pub(crate) fn unobserved(&self) -> &[f32] {
        &self.unobserved
    }
}

/// A row to solve under `pulp`'s dispatch.
struct Solve<'a> {
    system: RowSystem<'a>,
    unobserved: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Solve<'_> {
    type Output = Option<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        Primal::new(self.system.dim).solve_full(simd, self.system, self.unobserved, self.out)
    }
}
