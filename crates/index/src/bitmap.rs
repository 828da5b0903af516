use crate::integer::LANES;

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// A set of rows as one bit per row: membership in constant time, and conditions joined a word at a time.
#[derive(Debug, Clone, Default)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// The set of all `rows` rows.
    pub fn full(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(WORD)];
        if let Some(last) = words.last_mut() {
            *last >>= (WORD - rows % WORD) % WORD;
        }
        Self { words, len: rows }
    }

    /// The number of rows in the set.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `row` is in the set.
    pub fn contains(&self, row: u32) -> bool {
        let word = self.words.get(row as usize / WORD);
        word.is_some_and(|word| word >> (row as usize % WORD) & 1 == 1)
    }

    /// Adds a row.
    pub fn insert(&mut self, row: u32) {
        let word = row as usize / WORD;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (row as usize % WORD);
        self.len += usize::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    /// Removes a row.
    pub fn remove(&mut self, row: u32) {
        if let Some(word) = self.words.get_mut(row as usize / WORD) {
            let bit = 1 << (row as usize % WORD);
            self.len -= usize::from(*word & bit != 0);
            *word &= !bit;
        }
    }

    /// Keeps the rows that are in `other` too.
    pub fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        let mut len = 0;
        for (word, other) in self.words.iter_mut().zip(others) {
            *word &= other;
            len += word.count_ones() as usize;
        }
        self.len = len;
    }

    /// The rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some((at * WORD) as u32 + bit)
            })
        })
    }

    /// Which of the rows of a lane group are in the set, one bit each.
    #[inline(always)]
    pub(crate) fn lanes(&self, group: usize) -> u16 {
        const { assert!(WORD.is_multiple_of(LANES)) };
        const ALL: u64 = u64::MAX >> (WORD - LANES);
        let at = group * LANES;
        let word = self.words.get(at / WORD).copied().unwrap_or(0);
        (word >> (at % WORD) & ALL) as u16
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        let mut bitmap = Self::default();
        for row in rows {
            bitmap.insert(row);
        }
        bitmap
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_row_is_counted_and_listed_once() {
        let mut bitmap: Bitmap = [64, 3, 3, 0, 200].into_iter().collect();
        assert_eq!(bitmap.len(), 4);
        assert_eq!(bitmap.iter().collect::<Vec<_>>(), [0, 3, 64, 200]);
        assert!(bitmap.contains(64) && !bitmap.contains(65) && !bitmap.contains(100_000));
        for row in [3, 3, 7, 100_000] {
            bitmap.remove(row);
        }
        assert_eq!(bitmap.iter().collect::<Vec<_>>(), [0, 64, 200]);
        assert_eq!(bitmap.len(), 3);
    }

    #[test]
    fn the_full_set_has_every_row_and_no_other() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let full = Bitmap::full(rows);
            assert_eq!(full.len(), rows);
            assert!(full.iter().eq(0..rows as u32));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sets_are_joined_and_cut_into_lanes_as_their_members_are(
            first in prop::collection::btree_set(0_u32..400, 0..200),
            second in prop::collection::btree_set(0_u32..300, 0..200),
        ) {
            let mut both: Bitmap = first.iter().copied().collect();
            both.intersect(&second.iter().copied().collect());
            let common: Vec<u32> = first.intersection(&second).copied().collect();
            prop_assert_eq!(both.len(), common.len());
            prop_assert!(both.iter().eq(common.iter().copied()));
            for group in 0..40 {
                let lanes = (0..LANES as u32).filter(|lane| common.contains(&(group * 16 + lane)));
                prop_assert_eq!(both.lanes(group as usize), lanes.fold(0, |bits, lane| bits | 1 << lane));
            }
        }
    }
}
