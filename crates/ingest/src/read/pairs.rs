use crossfade_matrix::Csr;

/// Users of a block: as many as keep a block's merges in cache for usual histories.
const BLOCK_USERS: u32 = 1 << 12;
/// The fewest unsorted entries worth sorting.
const SHORTEST_TAIL: usize = 256;

/// What is known of one user and one track.
#[derive(Debug, Clone, Copy)]
struct Entry {
    user: u32,
    track: u32,
    strength: f32,
    last: u32,
}

impl Entry {
    fn key(&self) -> u64 {
        u64::from(self.user) << 32 | u64::from(self.track)
    }
}

/// Adds up strengths of (user, track) pairs that come in any order, in memory proportional to the distinct pairs.
///
/// Entries lie in blocks of consecutive users. A block is one vector: sorted distinct pairs first, then a tail of
/// arrivals. When the tail is half as long as the sorted part it is sorted, summed and merged in. So a pair costs 16 bytes,
/// plus at most half as much for the tail, and each arrival is sorted once and moved about three times.
///
/// Sums of a tail are taken in `f64` and rounded once per merge. When merges happen depends only on the sequence of
/// arrivals, so the same sequence gives the same bits; another order of rows may differ in the last bits of `f32`.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    blocks: Vec<Block>,
    /// Reused by every merge.
    scratch: Vec<Entry>,
}

/// Strengths and times of the last plays, aligned entry by entry.
#[derive(Debug)]
pub(super) struct Summed {
    pub(super) strengths: Csr,
    pub(super) last: Vec<u32>,
}

impl Pairs {
    /// Adds `strength` to a pair and notes that it was played at `last`.
    pub(super) fn add(&mut self, user: u32, track: u32, strength: f64, last: u32) {
        let block = (user / BLOCK_USERS) as usize;
        if block >= self.blocks.len() {
            self.blocks.resize_with(block + 1, Block::default);
        }
        let entry = Entry {
            user,
            track,
            strength: strength as f32,
            last,
        };
        self.blocks[block].push(entry, &mut self.scratch);
    }

    /// The sums as a `users x tracks` matrix, negative ones as 0. Blocks are freed as they are copied out.
    ///
    /// # Panics
    ///
    /// If a pair lies outside the shape.
    pub(super) fn finish(mut self, users: usize, tracks: usize) -> Summed {
        for block in &mut self.blocks {
            block.merge(&mut self.scratch);
        }
        self.scratch = Vec::new();
        let pairs = self.blocks.iter().map(|block| block.entries.len()).sum();
        let mut offsets = Vec::with_capacity(users + 1);
        let mut indices = Vec::with_capacity(pairs);
        let mut strengths = Vec::with_capacity(pairs);
        let mut last = Vec::with_capacity(pairs);
        for block in self.blocks {
            for entry in block.entries {
                // The offset of a row is the number of entries before it.
                while offsets.len() <= entry.user as usize {
                    offsets.push(indices.len() as u64);
                }
                indices.push(entry.track);
                strengths.push(if entry.strength > 0.0 {
                    entry.strength
                } else {
                    0.0
                });
                last.push(entry.last);
            }
        }
        offsets.resize(users + 1, indices.len() as u64);
        let strengths = Csr::new(tracks, offsets, indices, strengths)
            .expect("entries are sorted, distinct, finite and of known users and tracks");
        Summed { strengths, last }
    }
}

#[derive(Debug, Default)]
struct Block {
    /// `entries[..sorted]` are sorted and distinct, the rest is the tail.
    entries: Vec<Entry>,
    sorted: usize,
    /// How many entries there may be before the next merge.
    limit: usize,
}

impl Block {
    fn push(&mut self, entry: Entry, scratch: &mut Vec<Entry>) {
        if self.entries.len() == self.limit {
            self.merge(scratch);
            let tail = SHORTEST_TAIL.max(self.sorted / 2);
            self.entries.reserve_exact(tail);
            self.limit = self.sorted + tail;
        }
        self.entries.push(entry);
    }

    fn merge(&mut self, scratch: &mut Vec<Entry>) {
        if self.entries.len() == self.sorted {
            return;
        }
        let tail = &mut self.entries[self.sorted..];
        // Stable, so that sums are taken in the order of arrival.
        tail.sort_by_key(Entry::key);
        scratch.clear();
        sum_equal(tail, scratch);
        self.entries.truncate(self.sorted);
        fold_into(&mut self.entries, scratch);
        merge_distinct(&mut self.entries, scratch);
        self.sorted = self.entries.len();
    }
}

/// Sums runs of equal pairs of a sorted slice.
fn sum_equal(sorted: &[Entry], into: &mut Vec<Entry>) {
    for run in sorted.chunk_by(|a, b| a.key() == b.key()) {
        let strength: f64 = run.iter().map(|entry| f64::from(entry.strength)).sum();
        into.push(Entry {
            strength: strength as f32,
            last: run.iter().map(|entry| entry.last).max().unwrap_or(0),
            ..run[0]
        });
    }
}

/// Adds the entries of `new` whose pair `old` has to `old`, and leaves the others in `new`. Both sorted and distinct.
fn fold_into(old: &mut [Entry], new: &mut Vec<Entry>) {
    let mut at = 0;
    new.retain(|entry| {
        while old.get(at).is_some_and(|o| o.key() < entry.key()) {
            at += 1;
        }
        match old.get_mut(at).filter(|o| o.key() == entry.key()) {
            Some(same) => {
                same.strength += entry.strength;
                same.last = same.last.max(entry.last);
                false
            }
            None => true,
        }
    });
}

/// Merges `new` into `old`, in place from the back. Both sorted and distinct, with no pair in common.
fn merge_distinct(old: &mut Vec<Entry>, new: &[Entry]) {
    let (mut from_old, mut from_new) = (old.len(), new.len());
    old.extend_from_slice(new);
    while from_new > 0 {
        let to = from_old + from_new - 1;
        if from_old > 0 && old[from_old - 1].key() > new[from_new - 1].key() {
            from_old -= 1;
            old[to] = old[from_old];
        } else {
            from_new -= 1;
            old[to] = new[from_new];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Strengths are small integers, whose sums are exact in any order.
        #[test]
        fn sums_equal_those_of_a_map(
            rows in prop::collection::vec((0_u32..9_000, 0_u32..40, -3_i32..4, 0_u32..100), 0..3_000),
            spread in 1_u32..9_000,
        ) {
            let mut pairs = Pairs::default();
            let mut expected: BTreeMap<(u32, u32), (f32, u32)> = BTreeMap::new();
            for &(user, track, strength, last) in &rows {
                let user = user % spread;
                pairs.add(user, track, f64::from(strength), last);
                let entry = expected.entry((user, track)).or_default();
                entry.0 += strength as f32;
                entry.1 = entry.1.max(last);
            }
            let Summed { strengths, last } = pairs.finish(9_000, 40);
            prop_assert_eq!((strengths.rows(), strengths.columns()), (9_000, 40));
            let got: Vec<_> = (0..9_000_u32)
                .flat_map(|user| strengths.row(user as usize).iter().map(move |(track, s)| ((user, track), s)))
                .zip(last)
                .map(|((pair, strength), last)| (pair, (strength, last)))
                .collect();
            let expected: Vec<_> = expected.into_iter().map(|(pair, (s, last))| (pair, (s.max(0.0), last))).collect();
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn repeats_do_not_use_more_memory() {
        let mut pairs = Pairs::default();
        for n in 0..1_000_000_u32 {
            pairs.add(n % 7, n % 11, 1.0, n);
        }
        assert!(pairs.blocks[0].entries.capacity() <= 77 + SHORTEST_TAIL);
        let summed = pairs.finish(7, 11);
        assert_eq!(summed.strengths.nnz(), 77);
        assert_eq!(summed.strengths.values().iter().sum::<f32>(), 1_000_000.0);
    }

    #[test]
    fn no_pairs_make_empty_rows() {
        let summed = Pairs::default().finish(3, 2);
        assert_eq!(summed.strengths.offsets(), [0, 0, 0, 0]);
    }
}
