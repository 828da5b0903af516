use pulp::Simd;

use crate::{
    kernels::{ROWS, combine, dots, padded},
    row_system::RowSystem,
};

/// The rows Z of the fixed side at a row's entries, to be multiplied with again and again.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Copies of the rows, padded to whole registers; only where the rows themselves are not.
    copies: Vec<f32>,
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
            copies: Vec::new(),
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
            self.copies.resize(count * stride, 0.0);
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
        for (indices, confidences) in self.groups() {
            let rows = self.rows(indices);
            let mut weights = dots(simd, rows, x);
            for (weight, confidence) in weights.iter_mut().zip(pad(confidences)) {
                let short = 1.0 - *weight;
                *weight = confidence * short;
                squares += f64::from(*weight * short);
            }
            combine(simd, rows, weights, out);
        }
        squares
    }

    /// `out += Z'CZ p`. Returns `p'Z'CZ p`.
    #[inline(always)]
    pub(crate) fn add_image<S: Simd>(self, simd: S, p: &[f32], out: &mut [f32]) -> f64 {
        let mut bend = 0.0;
        for (indices, confidences) in self.groups() {
            let rows = self.rows(indices);
            let mut weights = dots(simd, rows, p);
            for (weight, confidence) in weights.iter_mut().zip(pad(confidences)) {
                let score = *weight;
                *weight = confidence * score;
                bend += f64::from(*weight * score);
            }
            combine(simd, rows, weights, out);
        }
        bend
    }

    /// `p'Z'CZ p`.
    #[inline(always)]
    pub(crate) fn bend<S: Simd>(self, simd: S, p: &[f32]) -> f64 {
        let mut bend = 0.0;
        for (indices, confidences) in self.groups() {
            let scores = dots(simd, self.rows(indices), p);
            for (score, confidence) in scores.into_iter().zip(pad(confidences)) {
                bend += f64::from(confidence * score * score);
            }
        }
        bend
    }

    /// The first [`ROWS`] rows, filled up with the first.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub(crate) fn first(&self) -> [&[f32]; ROWS] {
        self.rows(&self.indices[..ROWS.min(self.indices.len())])
    }

    /// Indices and confidences, [`ROWS`] at a time but for the last.
    #[inline(always)]
    fn groups(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        self.indices.chunks(ROWS).zip(self.confidences.chunks(ROWS))
    }

    /// A group's rows. A short group is filled up with its first row, which then weighs nothing.
    #[inline(always)]
    fn rows(&self, indices: &[u32]) -> [&[f32]; ROWS] {
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        for (place, row) in rows.iter_mut().enumerate() {
            let index = *indices.get(place).unwrap_or(&indices[0]) as usize;
            *row = &self.rows[index * self.stride..][..self.stride];
        }
        rows
    }
}

/// A group's confidences, filled up with zeros.
#[inline(always)]
fn pad(confidences: &[f32]) -> [f32; ROWS] {
    let mut padded = [0.0; ROWS];
    padded[..confidences.len()].copy_from_slice(confidences);
    padded
}
