//! Upper bounds on scores, floating-point slack included.
//!
//! Write `N_b = |q_b| |y_b|` for one block. Cauchy-Schwarz gives `q_b . y_b <= N_b`, and also `sum |q_j y_j| <= N_b`, so
//! a block's computed product `d_b` is within `gamma(m) N_b` of the exact one, where `m` is the largest number of
//! roundings on the way of one product ([`roundings`]). The score is the computed sum of the `B` block products:
//! `|score - sum d_b| <= gamma(B) sum |d_b|`. Knowing some `d_b` (K) and bounding the others (U),
//!
//! `score <= sum_K d_b + sum_U N_b + (gamma(m) + gamma(B) (1 + gamma(m))) sum N_b`,
//!
//! and the bracket is at most `gamma(m + B)` (Higham, lemma 3.3). One more rounding is granted to the f64 arithmetic of
//! the bound itself, whose unit is 2^-29 of this one. A product or multiply-add that underflows is off by at most
//! 2^-150 on top.

use crate::kernel::roundings;

/// Unit roundoff of `f32`.
const UNIT: f64 = 1.0 / (1_u32 << 24) as f64;

/// Higham's `gamma_m = m u / (1 - m u)` for `f32`.
pub(crate) fn gamma(m: usize) -> f64 {
    let mu = m as f64 * UNIT;
    mu / (1.0 - mu)
}

/// The slack that makes a bound in exact arithmetic one on computed scores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slack {
    relative: f64,
    absolute: f64,
}

impl Slack {
    /// The slack for blocks of these many columns.
    pub(crate) fn new(columns: &[usize]) -> Self {
        let longest = columns.iter().copied().map(roundings).max().unwrap_or(0);
        let all: usize = columns.iter().sum();
        Self {
            relative: gamma(longest + columns.len() + 1),
            absolute: all as f64 * 2.0_f64.powi(-149),
        }
    }

    /// How far a computed score may exceed what exact arithmetic allows, when `size` is `sum N_b` over all blocks.
    pub(crate) fn of(self, size: f64) -> f64 {
        self.relative * size + self.absolute
    }

    /// The part that grows with the score's bound.
    pub(crate) fn relative(self) -> f64 {
        self.relative
    }

    /// The part that underflow causes.
    pub(crate) fn underflow(self) -> f64 {
        self.absolute
    }
}

/// An upper bound on the Euclidean norm of `vector`.
#[inline(always)]
pub(crate) fn norm_above(vector: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let (eights, rest) = vector.as_chunks::<8>();
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f64::from(x) * f64::from(x);
    }
    norm_of_squares(sums)
}

/// An upper bound on the Euclidean norm of values, each of which was rounded once to `f64`.
pub(crate) fn norm_of(values: impl Iterator<Item = f64>) -> f64 {
    norm_of_squares([values.map(|x| x * x).sum()])
}

/// An upper bound on the root of a sum of squares of values, each of which was rounded once to `f64`, of which several
/// parts were summed, so that no addition waits for the one before.
#[inline(always)]
pub(crate) fn norm_of_squares<const N: usize>(sums: [f64; N]) -> f64 {
    // Squares of f32 are exact in f64; the sum, in any order, and the root are off by less than (n + 1) 2^-53 relatively,
    // and a rounding of the values and their squares by 2^-51, which is below 2^-30 for fewer than 2^22 columns.
    sums.iter().sum::<f64>().sqrt() * (1.0 + 2.0_f64.powi(-30))
}

/// The least `f32` that is certainly not below `value`, except that zero stays zero.
pub(crate) fn round_up(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value {
        near.next_up()
    } else {
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_rounded_up_and_zero_stays_zero() {
        assert_eq!(round_up(norm_above(&[0.0; 5])), 0.0);
        let norm = norm_above(&[3.0, 4.0]);
        assert!((5.0..5.000_001).contains(&norm));
        assert!(f64::from(round_up(norm)) >= norm);
        assert_eq!(round_up(f64::from(f32::MAX) * 2.0), f32::INFINITY);
    }
}
