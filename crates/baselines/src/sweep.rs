//! The inverse of a large symmetric positive definite matrix, in place, block by block and on all threads.

use faer::{Accum, MatMut, MatRef, Par, linalg::matmul::matmul};
use rayon::prelude::*;

/// Rows and columns of a block: products of such blocks work at full speed, and inverting the ones on the diagonal, which is
/// done in f64 and on one thread, is a small part of the whole.
const BLOCK: usize = 192;

/// Replaces a symmetric positive definite matrix of `n` rows, one after another, by minus its inverse. Only blocks on and
/// below the diagonal are read and written; the others keep their values. `false`, with nothing useful left, where a pivot
/// is not positive.
///
/// This is the sweep operator (Goodnight 1979), block by block: sweeping block k, with D the inverse of A_kk, makes
/// A_kk := -D, A_ik := A_ik D and A_ij := A_ij - A_ik D A_kj, which stays symmetric. n^3 operations, nearly all of them in
/// products of blocks. The same bits on any number of threads.
///
/// # Panics
///
/// If there are not `n` rows of `n` numbers.
pub(crate) fn sweep(matrix: &mut [f32], n: usize) -> bool {
    assert_eq!(matrix.len(), n * n, "a square matrix");
    let mut column = vec![0.0; n * BLOCK];
    let mut turned = vec![0.0; n * BLOCK];
    for first in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - first);
        let (column, turned) = (&mut column[..n * width], &mut turned[..n * width]);
        gather(matrix, n, first, column);
        let Some(inverse) = inverse(&column[first * width..][..width * width], width) else {
            return false;
        };
        multiply(column, &inverse, turned);
        let (column, turned) = (&*column, &*turned);
        let blocks = matrix.par_chunks_mut(BLOCK * n).enumerate();
        blocks.for_each(|(block, rows)| {
            let top = block * BLOCK;
            let last = top + rows.len() / n;
            if top == first {
                for (local, row) in rows.chunks_exact_mut(n).enumerate() {
                    let mirrored = turned.chunks_exact(width).map(|turned| turned[local]);
                    row[..first]
                        .iter_mut()
                        .zip(mirrored)
                        .for_each(|(to, from)| *to = from);
                    let inverse = &inverse[local * width..][..width];
                    row[first..last]
                        .iter_mut()
                        .zip(inverse)
                        .for_each(|(to, from)| *to = -from);
                }
                return;
            }
            let left = &turned[top * width..last * width];
            let left = MatRef::from_row_major_slice(left, last - top, width);
            let right = MatRef::from_row_major_slice(&column[..last * width], last, width);
            let rows_of_block = MatMut::from_row_major_slice_mut(&mut *rows, last - top, n);
            let lower = rows_of_block.subcols_mut(0, last);
            matmul(lower, Accum::Add, left, right.transpose(), -1.0, Par::Seq);
            if first < top {
                let turned = turned[top * width..].chunks_exact(width);
                for (row, turned) in rows.chunks_exact_mut(n).zip(turned) {
                    row[first..first + width].copy_from_slice(turned);
                }
            }
        });
    }
    true
}

/// The columns of a block, above the diagonal from the rows that mirror them.
fn gather(matrix: &[f32], n: usize, first: usize, column: &mut [f32]) {
    let width = column.len() / n;
    for (row, to) in column.chunks_exact_mut(width).enumerate() {
        match row < first {
            true => (to.iter_mut().enumerate())
                .for_each(|(local, to)| *to = matrix[(first + local) * n + row]),
            false => to.copy_from_slice(&matrix[row * n + first..][..width]),
        }
    }
}

/// `turned := column x inverse`.
fn multiply(column: &[f32], inverse: &[f32], turned: &mut [f32]) {
    let width = inverse.len().isqrt();
    let inverse = MatRef::from_row_major_slice(inverse, width, width);
    let rows = BLOCK * width;
    let blocks = turned.par_chunks_mut(rows).zip(column.par_chunks(rows));
    blocks.for_each(|(turned, column)| {
        let height = column.len() / width;
        let column = MatRef::from_row_major_slice(column, height, width);
        let turned = MatMut::from_row_major_slice_mut(turned, height, width);
        matmul(turned, Accum::Replace, column, inverse, 1.0, Par::Seq);
    });
}

/// The inverse of a small matrix of which the lower triangle counts, by the same operator, element by element in f64.
fn inverse(matrix: &[f32], n: usize) -> Option<Vec<f32>> {
    let mut a: Vec<f64> = matrix.iter().copied().map(f64::from).collect();
    for row in 0..n {
        for column in row + 1..n {
            a[row * n + column] = a[column * n + row];
        }
    }
    let mut pivot_row = vec![0.0; n];
    for k in 0..n {
        let pivot = a[k * n + k];
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        pivot_row.copy_from_slice(&a[k * n..][..n]);
        for (i, row) in a.chunks_exact_mut(n).enumerate().filter(|&(i, _)| i != k) {
            let factor = pivot_row[i] / pivot;
            row.iter_mut()
                .zip(&pivot_row)
                .for_each(|(a, p)| *a -= factor * p);
            row[k] = factor;
        }
        for (i, p) in pivot_row.iter().enumerate() {
            a[k * n + i] = p / pivot;
        }
        a[k * n + k] = -1.0 / pivot;
    }
    Some(a.into_iter().map(|value| -value as f32).collect())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// B'B + n I for a random B: condition below 10.
    fn matrix(n: usize) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let b: Vec<f32> = (0..n * n).map(|_| rng.random_range(-1.0..1.0)).collect();
        let mut a = vec![0.0; n * n];
        for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let product: f32 = (0..n).map(|k| b[k * n + i] * b[k * n + j]).sum();
            a[i * n + j] = product + if i == j { n as f32 } else { 0.0 };
            a[j * n + i] = a[i * n + j];
        }
        a
    }

    #[test]
    fn the_product_with_the_inverse_is_the_identity() {
        for n in [1, 7, BLOCK, BLOCK + 1, 2 * BLOCK + 50] {
            let a = matrix(n);
            let mut swept = a.clone();
            assert!(sweep(&mut swept, n));
            let inverse = |i: usize, j: usize| -f64::from(swept[i.max(j) * n + i.min(j)]);
            for i in (0..n).step_by(n.div_ceil(40)) {
                for j in 0..n {
                    let product: f64 = (0..n)
                        .map(|k| f64::from(a[i * n + k]) * inverse(k, j))
                        .sum();
                    let expected = f64::from(u8::from(i == j));
                    // Products of n terms of an ill-conditioning below 10.
                    let allowed = 10.0 * n as f64 * f64::from(f32::EPSILON);
                    assert!(
                        (product - expected).abs() < allowed,
                        "{n}: ({i}, {j}) is {product}"
                    );
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_bits() {
        let n = 2 * BLOCK + 5;
        let swept = |threads: usize| {
            let mut a = matrix(n);
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert!(pool.install(|| sweep(&mut a, n)));
            a
        };
        assert!(swept(1) == swept(3));
    }

    #[test]
    fn what_is_not_positive_definite_is_told() {
        assert!(!sweep(&mut [1.0, 2.0, 2.0, 1.0], 2));
        assert!(!sweep(&mut [f32::NAN], 1));
    }
}
