use pulp::Simd;

use crate::{
    kernels::{FEW, combine, weighted_products},
    row_system::RowSystem,
};

/// Solves a row of at most [`FEW`] entries exactly, where `D = alpha0 F'F + pull I` is diagonal and nothing pulls the row
/// elsewhere than to zero: the dual system `(C^-1 + Z D^-1 Z') w = 1`, `x = D^-1 Z'w`, held in registers throughout.
///
/// Half the rows of a listening matrix are so short, and solving them costs less than two steps of conjugate gradients.
///
/// `rows` are the entries' rows of the fixed side, padded, filled up to [`FEW`] with any of them; `x` receives the
/// solution, padded. Returns the row's part of the objective, or `None` if the system is not positive definite.
#[inline(always)]
pub(crate) fn solve_few<S: Simd>(
    simd: S,
    (row, rows): (RowSystem<'_>, [&[f32]; FEW]),
    inverse_diagonal: &[f32],
    x: &mut [f32],
) -> Option<f64> {
    let count = row.entries.len();
    let mut system = weighted_products(simd, rows, inverse_diagonal);
    for (k, confidence) in row.entries.values.iter().enumerate() {
        system[k][k] += 1.0 / confidence;
    }
    let weights = solve_ones(&mut system, count)?;
    x.fill(0.0);
    combine(simd, rows, weights, x);
    let solution = S::as_mut_simd_f32s(x).0;
    for (x, &inverse) in solution.iter_mut().zip(S::as_simd_f32s(inverse_diagonal).0) {
        *x = simd.mul_f32s(*x, inverse);
    }
    // At the minimum, with scores s, the row's objective is the sum of c (1 - s), and w = c (1 - s).
    Some(weights.iter().map(|&weight| f64::from(weight)).sum())
}

/// Solves `A w = 1` for the first `count` unknowns by Cholesky's `L D L'`; the others are zero. The lower triangle of A
/// becomes L. `None` if A is not positive definite.
#[inline(always)]
fn solve_ones(a: &mut [[f32; FEW]; FEW], count: usize) -> Option<[f32; FEW]> {
    let mut w = [0.0; FEW];
    w[..count].fill(1.0);
    let mut inverse = [0.0; FEW];
    for j in 0..count {
        let pivot = a[j][j];
        // Also false for NaN.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        inverse[j] = 1.0 / pivot;
        let mut column = [0.0; FEW];
        for (value, row) in column.iter_mut().zip(a.iter()) {
            *value = row[j];
        }
        for i in j + 1..count {
            let factor = column[i] * inverse[j];
            for (entry, value) in a[i][j + 1..=i].iter_mut().zip(&column[j + 1..]) {
                *entry -= factor * value;
            }
            w[i] -= factor * w[j];
        }
    }
    for j in (0..count).rev() {
        let known: f32 = (j + 1..count).map(|i| a[i][j] * w[i]).sum();
        w[j] = (w[j] - known) * inverse[j];
    }
    Some(w)
}
