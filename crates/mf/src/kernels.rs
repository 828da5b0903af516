//! The vector loops that rows are solved with.
//!
//! Every row of a matrix here is padded with zeros to a multiple of [`LANES`] numbers, so that no loop has a tail. The
//! functions are inlined into a caller that runs under `pulp`'s dispatch and so use the widest registers the processor
//! has.

use pulp::Simd;

/// Rows are padded to a multiple of this many numbers, the width of the widest register.
pub(crate) const LANES: usize = 16;

/// How many columns [`update_panel`] treats at once.
pub(crate) const PANEL: usize = 8;

/// `len` rounded up to whole registers.
pub(crate) fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}

/// `sum of a[k] * b[k]` over padded slices.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (S::as_simd_f32s(a).0, S::as_simd_f32s(b).0);
    let mut sum = simd.splat_f32s(0.0);
    for (&a, &b) in a.iter().zip(b) {
        sum = simd.mul_add_e_f32s(a, b, sum);
    }
    simd.reduce_sum_f32s(sum)
}

/// `y += scale * x` over padded slices.
#[inline(always)]
pub(crate) fn add_scaled<S: Simd>(simd: S, scale: f32, x: &[f32], y: &mut [f32]) {
    let (x, y) = (S::as_simd_f32s(x).0, S::as_mut_simd_f32s(y).0);
    let scale = simd.splat_f32s(scale);
    for (&x, y) in x.iter().zip(y) {
        *y = simd.mul_add_e_f32s(scale, x, *y);
    }
}

/// How many rows [`dots`] and [`combine`] treat at once at most: enough sums to keep the multipliers busy.
pub(crate) const MANY: usize = 8;

/// How many rows they treat at once where fewer are left.
pub(crate) const FEW: usize = 4;

/// The inner products of N padded rows with `v`.
#[inline(always)]
pub(crate) fn dots<S: Simd, const N: usize>(simd: S, rows: [&[f32]; N], v: &[f32]) -> [f32; N] {
    let rows = registers::<S, N>(rows, v.len());
    let v = S::as_simd_f32s(v).0;
    let mut sums = [simd.splat_f32s(0.0); N];
    for (k, &v) in v.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = simd.mul_add_e_f32s(row[k], v, *sum);
        }
    }
    // Loops instead of closures, which would not be compiled for the caller's registers.
    let mut dots = [0.0; N];
    for (dot, sum) in dots.iter_mut().zip(sums) {
        *dot = simd.reduce_sum_f32s(sum);
    }
    dots
}

/// `out += sum of weights[j] * rows[j]` over N padded rows.
#[inline(always)]
pub(crate) fn combine<S: Simd, const N: usize>(
    simd: S,
    rows: [&[f32]; N],
    weights: [f32; N],
    out: &mut [f32],
) {
    let rows = registers::<S, N>(rows, out.len());
    let out = S::as_mut_simd_f32s(out).0;
    let mut splats = [simd.splat_f32s(0.0); N];
    for (splat, weight) in splats.iter_mut().zip(weights) {
        *splat = simd.splat_f32s(weight);
    }
    for (k, out) in out.iter_mut().enumerate() {
        // Summed in a register: the compiler cannot know that `out` is none of the rows.
        let mut sum = *out;
        for (&weight, row) in splats.iter().zip(rows) {
            sum = simd.mul_add_e_f32s(weight, row[k], sum);
        }
        *out = sum;
    }
}

/// `rows[i]' diag(weights) rows[j]` for [`FEW`] padded rows, the lower triangle of it.
#[inline(always)]
pub(crate) fn weighted_products<S: Simd>(
    simd: S,
    rows: [&[f32]; FEW],
    weights: &[f32],
) -> [[f32; FEW]; FEW] {
    let rows = registers::<S, FEW>(rows, weights.len());
    let mut sums = [[simd.splat_f32s(0.0); FEW]; FEW];
    for (k, &weight) in S::as_simd_f32s(weights).0.iter().enumerate() {
        for i in 0..FEW {
            let weighted = simd.mul_f32s(weight, rows[i][k]);
            for j in 0..=i {
                sums[i][j] = simd.mul_add_e_f32s(weighted, rows[j][k], sums[i][j]);
            }
        }
    }
    let mut products = [[0.0; FEW]; FEW];
    for i in 0..FEW {
        for j in 0..=i {
            products[i][j] = simd.reduce_sum_f32s(sums[i][j]);
        }
    }
    products
}

/// Rows of `len` numbers each, as registers.
#[inline(always)]
fn registers<S: Simd, const N: usize>(rows: [&[f32]; N], len: usize) -> [&[S::f32s]; N] {
    let mut registers: [&[S::f32s]; N] = [&[]; N];
    for (registers, row) in registers.iter_mut().zip(rows) {
        *registers = S::as_simd_f32s(&row[..len]).0;
    }
    registers
}

/// The lower triangle of `W W'`, added to `out`, for the `count` rows of `stride` numbers each in `rows`. `out` is
/// column-major with columns of `out_stride`.
///
/// `rows` holds whole groups of four rows (the last ones zero if need be), and `out` has room for as many.
#[inline(always)]
pub(crate) fn add_row_products<S: Simd>(
    simd: S,
    rows: &[f32],
    stride: usize,
    out: &mut [f32],
    out_stride: usize,
) {
    const GROUP: usize = 4;
    for (j, right) in rows.chunks_exact(GROUP * stride).enumerate() {
        let right = split_rows::<S, GROUP>(right, stride);
        for (i, left) in rows.chunks_exact(GROUP * stride).enumerate().skip(j) {
            let left = split_rows::<S, GROUP>(left, stride);
            let products = row_products(simd, left, right);
            for (column, products) in products.iter().enumerate() {
                let start = (GROUP * j + column) * out_stride + GROUP * i;
                let out = &mut out[start..start + GROUP];
                for (out, product) in out.iter_mut().zip(products) {
                    *out += product;
                }
            }
        }
    }
}

#[inline(always)]
fn split_rows<S: Simd, const N: usize>(rows: &[f32], stride: usize) -> [&[S::f32s]; N] {
    let mut split: [&[S::f32s]; N] = [&[]; N];
    for (split, row) in split.iter_mut().zip(rows.chunks_exact(stride)) {
        *split = S::as_simd_f32s(row).0;
    }
    split
}

/// The products of N rows with N rows, `[right][left]`: four by four sums fill the registers of AVX-512 and leave a
/// narrower machine a few spills.
#[inline(always)]
fn row_products<S: Simd, const N: usize>(
    simd: S,
    left: [&[S::f32s]; N],
    right: [&[S::f32s]; N],
) -> [[f32; N]; N] {
    let mut sums = [[simd.splat_f32s(0.0); N]; N];
    let len = left[0].len();
    for row in left.iter().chain(&right) {
        assert_eq!(row.len(), len);
    }
    for k in 0..len {
        for r in 0..N {
            for l in 0..N {
                sums[r][l] = simd.mul_add_e_f32s(left[l][k], right[r][k], sums[r][l]);
            }
        }
    }
    let mut products = [[0.0; N]; N];
    for r in 0..N {
        for l in 0..N {
            products[r][l] = simd.reduce_sum_f32s(sums[r][l]);
        }
    }
    products
}

/// A panel of [`PANEL`] neighbouring columns of a column-major matrix whose columns are `stride` long.
pub(crate) struct Panel<'a> {
    /// The numbers of the panel's columns, one column after another.
    pub(crate) columns: &'a mut [f32],
    /// Length of a column, a multiple of [`LANES`].
    pub(crate) stride: usize,
    /// Index of the panel's first column, a multiple of [`PANEL`].
    pub(crate) first: usize,
}

/// `P += sign * sum over v of v v'[first..first + PANEL]` for the vectors `v` of `stride` numbers each in `vectors`,
/// in the panel's rows from its diagonal down. (A few rows above the diagonal change too; nothing reads them.)
///
/// With a row's factors as vectors this sums its normal equations; with the finished columns of a Cholesky factor and
/// a minus sign it is the factorisation's update.
#[inline(always)]
pub(crate) fn update_panel<S: Simd, const MINUS: bool>(simd: S, panel: Panel<'_>, vectors: &[f32]) {
    let Panel {
        columns,
        stride,
        first,
    } = panel;
    let end = stride / S::F32_LANES;
    let mut at = first / S::F32_LANES;
    while at + 2 <= end {
        update_tile::<S, 2, MINUS>(simd, (columns, stride, first), vectors, at);
        at += 2;
    }
    if at < end {
        update_tile::<S, 1, MINUS>(simd, (columns, stride, first), vectors, at);
    }
}

/// [`update_panel`] for V registers of rows, from register `at`.
#[inline(always)]
fn update_tile<S: Simd, const V: usize, const MINUS: bool>(
    simd: S,
    (columns, stride, first): (&mut [f32], usize, usize),
    vectors: &[f32],
    at: usize,
) {
    let mut sums = [[simd.splat_f32s(0.0); V]; PANEL];
    for vector in vectors.chunks_exact(stride) {
        let scales = &vector[first..first + PANEL];
        let rows = &S::as_simd_f32s(vector).0[at..at + V];
        for (sums, &scale) in sums.iter_mut().zip(scales) {
            let scale = simd.splat_f32s(scale);
            for (sum, &row) in sums.iter_mut().zip(rows) {
                *sum = simd.mul_add_e_f32s(scale, row, *sum);
            }
        }
    }
    for (column, sums) in columns.chunks_exact_mut(stride).zip(sums) {
        let column = &mut S::as_mut_simd_f32s(column).0[at..at + V];
        for (value, sum) in column.iter_mut().zip(sums) {
            *value = if MINUS {
                simd.sub_f32s(*value, sum)
            } else {
                simd.add_f32s(*value, sum)
            };
        }
    }
}
