use pulp::Simd;

use crate::{
    aligned::Aligned,
    kernels::{FEW, MANY, combine, dots, padded},
    row_system::RowSystem,
};

/// The rows Z of the fixed side at a row's entries, to be multiplied with again and again.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Copies of the rows, padded to whole registers; only where the rows themselves are not.
    copies: Aligned,
    /// 0, 1, 2, …: the rows of `copies`.
    places: Vec<u32>,
}

/// Z with its confidences C, where each row is padded.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'a> {
    rows: &'a [f32],
    stride: usize,
    indices: &'a [u32],
    confidences: &'a [f32],
}

impl Entries {
    /// Scratch that grows with the entries.
    pub(crate) fn new() -> Self {
        Self {
            copies: Aligned::default(),
            places: Vec::new(),
        }
    }

    /// The entries of `row`: read in place where the fixed side's rows are whole registers. Copying them together would
    /// cost more than it saves.
    #[inline(always)]
    pub(crate) fn of<'a>(&'a mut self, row: RowSystem<'a>) -> Weighted<'a> {
        let stride = padded(row.dim);
        let confidences = row.entries.values;
        if stride == row.dim {
            return Weighted {
                rows: row.fixed,
                stride,
                indices: row.entries.indices,
                confidences,
            };
        }
        let count = row.entries.len();
        if self.places.len() < count {
            self.places.extend(self.places.len() as u32..count as u32);
            self.copies.reserve(count * stride);
        }
        let slots = self.copies.chunks_exact_mut(stride);
        for (&index, slot) in row.entries.indices.iter().zip(slots) {
            slot[..row.dim].copy_from_slice(row.fixed_row(index));
        }
        Weighted {
            rows: &self.copies,
            stride,
            indices: &self.places[..count],
            confidences,
        }
    }
}

impl Weighted<'_> {
    /// `out += Z'C (1 - Z x)`. Returns the sum of `c (1 - z.x)^2`: what the entries add to the objective at x.
    #[inline(always)]
    pub(crate) fn add_residuals<S: Simd>(self, simd: S, x: &[f32], out: &mut [f32]) -> f64 {
        let mut squares = 0.0;
        self.groups(Residuals {
            simd,
            x,
            out,
            squares: &mut squares,
        });
        squares
    }

    /// `out += Z'CZ p`. Returns `p'Z'CZ p`.
    #[inline(always)]
    pub(crate) fn add_image<S: Simd>(self, simd: S, p: &[f32], out: &mut [f32]) -> f64 {
        let mut bend = 0.0;
        self.groups(Image {
            simd,
            p,
            out,
            bend: &mut bend,
        });
        bend
    }

    /// `p'Z'CZ p`.
    #[inline(always)]
    pub(crate) fn bend<S: Simd>(self, simd: S, p: &[f32]) -> f64 {
        let mut bend = 0.0;
        self.groups(Bend {
            simd,
            p,
            bend: &mut bend,
        });
        bend
    }

    /// The first [`FEW`] rows, filled up with the first.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub(crate) fn first(&self) -> [&[f32]; FEW] {
        self.rows(&self.indices[..FEW.min(self.indices.len())])
    }

    /// Shows all rows to `visit`: [`MANY`] at a time while there are more than [`FEW`], then [`FEW`] at a time.
    #[inline(always)]
    fn groups(self, mut visit: impl Visit) {
        let (mut indices, mut confidences) = (self.indices, self.confidences);
        while !indices.is_empty() {
            let size = if indices.len() > FEW { MANY } else { FEW };
            let count = size.min(indices.len());
            let (group, weights) = (&indices[..count], &confidences[..count]);
            if size == MANY {
                visit.group::<MANY>(self.rows(group), pad(weights));
            } else {
                visit.group::<FEW>(self.rows(group), pad(weights));
            }
            (indices, confidences) = (&indices[count..], &confidences[count..]);
        }
    }

    /// A group's rows. A short group is filled up with its first row, which then weighs nothing.
    #[inline(always)]
    fn rows<const N: usize>(&self, indices: &[u32]) -> [&[f32]; N] {
        let mut rows: [&[f32]; N] = [&[]; N];
        for (place, row) in rows.iter_mut().enumerate() {
            let index = *indices.get(place).unwrap_or(&indices[0]) as usize;
            *row = &self.rows[index * self.stride..][..self.stride];
        }
        rows
    }
}

/// A group's confidences, filled up with zeros.
#[inline(always)]
fn pad<const N: usize>(confidences: &[f32]) -> [f32; N] {
    let mut padded = [0.0; N];
    padded[..confidences.len()].copy_from_slice(confidences);
    padded
}

/// What is done with a group of rows and their confidences.
trait Visit {
    fn group<const N: usize>(&mut self, rows: [&[f32]; N], confidences: [f32; N]);
}

struct Residuals<'a, S> {
    simd: S,
    x: &'a [f32],
    out: &'a mut [f32],
    squares: &'a mut f64,
}

impl<S: Simd> Visit for Residuals<'_, S> {
    #[inline(always)]
    fn group<const N: usize>(&mut self, rows: [&[f32]; N], confidences: [f32; N]) {
        let mut weights = dots(self.simd, rows, self.x);
        for (weight, confidence) in weights.iter_mut().zip(confidences) {
            let short = 1.0 - *weight;
            *weight = confidence * short;
            *self.squares += f64::from(*weight * short);
        }
        combine(self.simd, rows, weights, self.out);
    }
}

struct Image<'a, S> {
    simd: S,
    p: &'a [f32],
    out: &'a mut [f32],
    bend: &'a mut f64,
}

impl<S: Simd> Visit for Image<'_, S> {
    #[inline(always)]
    fn group<const N: usize>(&mut self, rows: [&[f32]; N], confidences: [f32; N]) {
        let mut weights = dots(self.simd, rows, self.p);
        for (weight, confidence) in weights.iter_mut().zip(confidences) {
            let score = *weight;
            *weight = confidence * score;
            *self.bend += f64::from(*weight * score);
        }
        combine(self.simd, rows, weights, self.out);
    }
}

struct Bend<'a, S> {
    simd: S,
    p: &'a [f32],
    bend: &'a mut f64,
}

impl<S: Simd> Visit for Bend<'_, S> {
    #[inline(always)]
    fn group<const N: usize>(&mut self, rows: [&[f32]; N], confidences: [f32; N]) {
        let scores = dots(self.simd, rows, self.p);
        for (score, confidence) in scores.into_iter().zip(confidences) {
            *self.bend += f64::from(confidence * score * score);
        }
    }
}
