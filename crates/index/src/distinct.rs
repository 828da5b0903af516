use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crossfade_matrix::Dense;
use rayon::prelude::*;

use crate::{
    codes::{CodedQuery, Codes, Estimates},
    integer::LANES,
    largest::largest,
};

/// A block whose vectors repeat, such as the embeddings of tracks of which only the artist is known: each distinct
/// vector is coded, and multiplied by a query, once.
#[derive(Debug, Clone)]
pub(crate) struct Distinct {
    /// Per row of the search order, which of the vectors it has.
    which: Vec<u32>,
    /// A row that has it, per distinct vector.
    example: Vec<u32>,
    /// Per distinct vector, where its places begin in the next list; and one more, where they end.
    starts: Vec<u32>,
    /// The places of each vector in the search order, ascending.
    places: Vec<u32>,
    codes: Codes,
}

/// What a query's product with each distinct vector is at most, and by how much each estimate was raised for that.
#[derive(Debug)]
pub(crate) struct Table {
    upper: Vec<f32>,
    bound: Vec<f32>,
    // At least every `upper`.
    most: f32,
}

impl Distinct {
    /// Codes the distinct ones among the vectors of rows, in order of first appearance; `None` if more than half are distinct.
    pub(crate) fn find(block: &Dense, order: &[u32]) -> Option<Self> {
        let vector = |row: u32| block.row(row as usize);
        let prints = fingerprints(block);
        if !repeat(&prints) {
            return None;
        }
        let mut known: HashMap<u64, u32, BuildHasherDefault<AsIs>> = HashMap::default();
        let mut example: Vec<u32> = Vec::new();
        let mut which = Vec::with_capacity(order.len().next_multiple_of(LANES));
        for &row in order {
            let next = example.len() as u32;
            let found = *known.entry(prints[row as usize]).or_insert(next);
            // A vector that only shares the fingerprint of another is kept apart, and is not found again.
            let first = example.get(found as usize);
            let same = first.is_some_and(|&first| is_same(vector(first), vector(row)));
            if !same {
                example.push(row);
            }
            which.push(if same { found } else { next });
        }
        let (starts, places) = gather(&which, example.len());
        which.resize(order.len().next_multiple_of(LANES), 0);
        let coded = |at: usize| vector(example[at]);
        Some(Self {
            codes: Codes::new(block.columns(), example.len(), coded),
            which,
            starts,
            places,
            example,
        })
    }

    /// Where a vector occurs in the search order.
    pub(crate) fn places(&self, vector: usize) -> &[u32] {
        let [start, end] = [vector, vector + 1].map(|at| self.starts[at] as usize);
        &self.places[start..end]
    }

    /// Estimates the products with all distinct vectors.
    pub(crate) fn table(&self, query: &CodedQuery) -> Table {
        let groups = self.codes.groups();
        let mut table = Table {
            upper: Vec::with_capacity(groups * LANES),
            bound: Vec::with_capacity(groups * LANES),
            most: f32::NEG_INFINITY,
        };
        for group in 0..groups {
            let found = self.codes.estimate(query, group);
            table.most = found.upper.iter().copied().fold(table.most, f32::max);
            table.upper.extend(found.upper);
            table.bound.extend(found.bound);
        }
        table.upper.truncate(self.example.len());
        table.bound.truncate(self.example.len());
        table
    }

    /// What the products with the rows of a lane group are at most.
    #[inline(always)]
    pub(crate) fn upper(&self, table: &Table, group: usize) -> [f32; LANES] {
        self.look_up(&table.upper, group)
    }

    /// The estimates of a lane group.
    #[inline(always)]
    pub(crate) fn estimate(&self, table: &Table, group: usize) -> Estimates {
        Estimates {
            upper: self.look_up(&table.upper, group),
            bound: self.look_up(&table.bound, group),
        }
    }

    /// Computes the products of some places of the search order, each distinct vector's once, by `dots` of rows.
    pub(crate) fn spread(
        &self,
        places: &[u32],
        dots: impl Fn(&[u32], &mut [f32]),
        products: &mut [f32],
    ) {
        let of = |&at: &u32| self.which[at as usize];
        let mut needed: Vec<u32> = places.iter().map(of).collect();
        needed.sort_unstable();
        needed.dedup();
        let rows: Vec<u32> = needed
            .iter()
            .map(|&vector| self.example[vector as usize])
            .collect();
        let mut found = vec![0.0; rows.len()];
        dots(&rows, &mut found);
        for (product, at) in products.iter_mut().zip(places) {
            // Every vector of a place is among the needed ones.
            let place = needed.partition_point(|&vector| vector < of(at));
            *product = found[place];
        }
    }

    #[inline(always)]
    fn look_up(&self, values: &[f32], group: usize) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        let which = &self.which[group * LANES..][..LANES];
        for (lane, &vector) in lanes.iter_mut().zip(which) {
            *lane = values[vector as usize];
        }
        lanes
    }
}

impl Table {
    /// At least the product with every vector.
    pub(crate) fn most(&self) -> f32 {
        self.most
    }

    /// How many distinct vectors there are.
    pub(crate) fn len(&self) -> usize {
        self.upper.len()
    }

    /// What the product with a vector is at most.
    pub(crate) fn upper(&self, vector: usize) -> f32 {
        self.upper[vector]
    }

    /// The `count` vectors with the largest products, in no particular order.
    pub(crate) fn best(&self, count: usize) -> Vec<u32> {
        largest(&self.upper, count)
    }
}

/// The places of each of `count` vectors, one after another, and where each one's begin.
fn gather(which: &[u32], count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; count + 1];
    for &vector in which {
        starts[vector as usize + 1] += 1;
    }
    for at in 0..count {
        starts[at + 1] += starts[at];
    }
    let mut next = starts.clone();
    let mut places = vec![0; which.len()];
    for (place, &vector) in which.iter().enumerate() {
        let slot = &mut next[vector as usize];
        places[*slot as usize] = place as u32;
        *slot += 1;
    }
    (starts, places)
}

/// The fingerprint of every row.
fn fingerprints(block: &Dense) -> Vec<u64> {
    let rows = (0..block.rows()).into_par_iter();
    rows.map(|row| fingerprint(block.row(row))).collect()
}

/// Whether at most half are distinct.
fn repeat(prints: &[u64]) -> bool {
    let mut sorted = prints.to_vec();
    sorted.par_sort_unstable();
    sorted.dedup();
    sorted.len() * 2 <= prints.len()
}

/// Hashes what is a hash already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are numbers of 64 bits");
    }
}

fn is_same(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// A hash of a vector's bits. Multiplication alone would leave low bits to low bits, hence the rotation.
fn fingerprint(vector: &[f32]) -> u64 {
    vector
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, value| {
            (hash.rotate_left(23) ^ u64::from(value.to_bits())).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_vectors_are_coded_once_and_mostly_distinct_ones_not_at_all() {
        let few = [1.0, 2.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0];
        let distinct = Distinct::find(&Dense::new(5, 2, few.to_vec()), &[1, 0, 2, 3, 4]).unwrap();
        assert_eq!(distinct.which[..5], [0, 1, 1, 1, 0]);
        assert_eq!(distinct.places(1), [1, 2, 3]);
        assert_eq!(distinct.codes.groups(), 1);
        let many = Dense::new(3, 1, vec![1.0, 2.0, 1.0]);
        assert!(Distinct::find(&many, &[0, 1, 2]).is_none());
    }
}
