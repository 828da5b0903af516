//! Inner products of one query with many rows.
//!
//! The sums are laid out in [`LANES`] logical lanes whatever the width of the machine's registers, so a score has the
//! same bits on every processor with fused multiply-add (AVX2, AVX-512, NEON), for every grouping of the rows.

use pulp::{Arch, Simd, WithSimd};

/// Logical lanes of a sum: one AVX-512 register, two AVX2 registers, four NEON registers.
const LANES: usize = 16;

/// Rows summed at the same time: enough independent chains to hide the latency of a multiply-add and of memory.
const ROWS: usize = 4;

/// Writes the inner product of `query` with each of `rows` to `out`.
///
/// `values` is a row-major matrix with `query.len()` columns.
///
/// # Panics
///
/// If `rows` and `out` differ in length or a row is out of range.
pub(crate) fn dots(query: &[f32], values: &[f32], rows: &[u32], out: &mut [f32]) {
    assert_eq!(rows.len(), out.len(), "one result per row");
    Arch::new().dispatch(Dots {
        query,
        values,
        rows,
        out,
    });
}

/// The number of roundings that can touch one product on its way into [`dots`]' result, for the error bound of a sum
/// in any order: |computed - exact| <= gamma(m) * sum |q_j y_j| (Higham, "Accuracy and Stability of Numerical
/// Algorithms", section 3.1). A lane adds `columns / 16 + 1` products at most, the tree of lanes adds four more; short
/// rows are plain sums with one rounding for the product.
pub(crate) fn roundings(columns: usize) -> usize {
    if columns < LANES {
        columns + 1
    } else {
        columns / LANES + 1 + LANES.ilog2() as usize
    }
}

struct Dots<'a> {
    query: &'a [f32],
    values: &'a [f32],
    rows: &'a [u32],
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let width = self.query.len();
        let row = |row: u32| &self.values[row as usize * width..][..width];
        let (groups, rest) = self.rows.as_chunks::<ROWS>();
        let (outs, rest_out) = self.out.as_chunks_mut::<ROWS>();
        for (group, out) in groups.iter().zip(outs) {
            *out = dot_rows(simd, self.query, group.map(row));
        }
        for (&one, out) in rest.iter().zip(rest_out) {
            [*out] = dot_rows(simd, self.query, [row(one)]);
        }
    }
}

#[inline(always)]
fn dot_rows<S: Simd, const R: usize>(simd: S, query: &[f32], rows: [&[f32]; R]) -> [f32; R] {
    if query.len() < LANES {
        return rows.map(|row| short(query, row));
    }
    let (query, query_tail) = query.as_chunks::<LANES>();
    let mut sums = [[simd.splat_f32s(0.0); LANES]; R];
    let whole = rows.map(|row| &row.as_chunks::<LANES>().0[..query.len()]);
    for (at, query) in query.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(whole) {
            accumulate(simd, sums, query, &row[at]);
        }
    }
    if !query_tail.is_empty() {
        let query = padded(query_tail);
        for (sums, row) in sums.iter_mut().zip(rows) {
            accumulate(simd, sums, &query, &padded(row.as_chunks::<LANES>().1));
        }
    }
    sums.map(|sums| total::<S>(&sums))
}

/// Adds one product per lane. Only the first `LANES / S::F32_LANES` registers of `sums` are used; the rest never exist
/// in machine code.
#[inline(always)]
fn accumulate<S: Simd>(
    simd: S,
    sums: &mut [S::f32s; LANES],
    query: &[f32; LANES],
    row: &[f32; LANES],
) {
    let (query, _) = S::as_simd_f32s(query);
    let (row, _) = S::as_simd_f32s(row);
    for part in 0..LANES / S::F32_LANES {
        sums[part] = simd.mul_add_f32s(query[part], row[part], sums[part]);
    }
}

#[inline(always)]
fn total<S: Simd>(sums: &[S::f32s; LANES]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (registers, _) = S::as_mut_simd_f32s(&mut lanes);
    let used = registers.len();
    registers.copy_from_slice(&sums[..used]);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
    }
    // A sum of products that all underflow may be -0; adding 0 makes every zero the same.
    lanes[0] + 0.0
}

#[inline(always)]
fn short(query: &[f32], row: &[f32]) -> f32 {
    query.iter().zip(row).fold(0.0, |sum, (q, x)| sum + q * x)
}

#[inline(always)]
fn padded(tail: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes[..tail.len()].copy_from_slice(tail);
    lanes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bound::gamma;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_dot_is_within_the_derived_bound_of_f64_and_the_same_bits_alone_or_in_a_group(
            (columns, values) in (1_usize..70).prop_flat_map(|columns| {
                (Just(columns), prop::collection::vec(-10.0_f32..10.0, columns * 8))
            }),
        ) {
            let (query, matrix) = values.split_at(columns);
            let rows: Vec<u32> = (0..7).collect();
            let mut together = vec![0.0; 7];
            dots(query, matrix, &rows, &mut together);
            for (row, dot) in together.into_iter().enumerate() {
                let mut alone = [0.0];
                dots(query, matrix, &[row as u32], &mut alone);
                prop_assert_eq!(alone[0].to_bits(), dot.to_bits());
                let products = query.iter().zip(&matrix[row * columns..]).map(|(&q, &x)| f64::from(q) * f64::from(x));
                let exact: f64 = products.clone().sum();
                let size: f64 = products.map(f64::abs).sum();
                prop_assert!((f64::from(dot) - exact).abs() <= gamma(roundings(columns)) * size);
            }
        }
    }
}
