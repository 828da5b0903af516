use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::Strings;

/// A two-way dictionary between external ids and dense indices, in order of first appearance.
#[derive(Debug, Clone, Default)]
pub struct Vocab {
    ids: Strings,
    /// Indices into `ids`, found by the hash of the id: the strings themselves are stored once.
    index: HashTable<Slot>,
    hasher: DefaultHashBuilder,
}

/// An id's place in the hash table. The hash is kept so that growing the table and passing over other ids touch no
/// strings, which in a large vocabulary are cache misses.
#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    index: u32,
}

/// The table looks at the highest and the lowest bits of a hash: give it the same 32 at both ends.
fn widen(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl Vocab {
    /// An empty vocabulary.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty vocabulary with room for so many ids, of so many bytes together.
    pub fn with_capacity(ids: usize, bytes: usize) -> Self {
        Self {
            ids: Strings::with_capacity(ids, bytes),
            index: HashTable::with_capacity(ids),
            ..Self::default()
        }
    }

    /// The index of `id`, which is added if it is new.
    ///
    /// # Panics
    ///
    /// If this would be the 2^32nd id.
    pub fn intern(&mut self, id: &str) -> u32 {
        let hash = self.hash(id);
        if let Some(index) = self.find(hash, id) {
            return index;
        }
        let index = u32::try_from(self.ids.len()).expect("a vocabulary holds at most 2^32 ids");
        self.ids.push(id);
        self.index
            .insert_unique(widen(hash), Slot { hash, index }, |slot| widen(slot.hash));
        index
    }

    /// The index of `id`, if it is known.
    pub fn index_of(&self, id: &str) -> Option<u32> {
        self.find(self.hash(id), id)
    }

    fn hash(&self, id: &str) -> u32 {
        self.hasher.hash_one(id) as u32
    }

    fn find(&self, hash: u32, id: &str) -> Option<u32> {
        let same = |slot: &Slot| slot.hash == hash && self.ids.get(slot.index as usize) == id;
        self.index.find(widen(hash), same).map(|slot| slot.index)
    }

    /// The id at `index`.
    ///
    /// # Panics
    ///
    /// If `index` is out of range.
    pub fn id(&self, index: u32) -> &str {
        self.ids.get(index as usize)
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All ids in order of their indices.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.ids.iter()
    }
}

impl<'a> FromIterator<&'a str> for Vocab {
    /// Interns every id; the indices follow the order of first appearance.
    fn from_iter<I: IntoIterator<Item = &'a str>>(ids: I) -> Self {
        let mut vocab = Self::new();
        for id in ids {
            vocab.intern(id);
        }
        vocab
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_first_appearance() {
        let vocab: Vocab = ["b", "a", "", "b"].into_iter().collect();
        assert_eq!(vocab.iter().collect::<Vec<_>>(), ["b", "a", ""]);
        assert_eq!(vocab.index_of(""), Some(2));
        assert_eq!(vocab.index_of("c"), None);
    }

    #[test]
    fn many_ids_survive_growth() {
        let ids: Vec<String> = (0..10_000).map(|n| format!("id-{n}")).collect();
        let grown: Vocab = ids.iter().map(String::as_str).collect();
        let mut vocab = Vocab::with_capacity(ids.len(), 0);
        ids.iter().for_each(|id| _ = vocab.intern(id));
        assert!(vocab.iter().eq(grown.iter()));
        assert!(
            ids.iter()
                .enumerate()
                .all(|(n, id)| vocab.index_of(id) == Some(n as u32) && vocab.id(n as u32) == id)
        );
    }
}
