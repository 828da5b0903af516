use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::Strings;

/// A two-way dictionary between external ids and dense indices, in order of first appearance.
#[derive(Debug, Clone, Default)]
pub struct Vocab {
    ids: Strings,
    /// Indices into `ids`, found by the hash of the id: the strings themselves are stored once.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Vocab {
    /// An empty vocabulary.
    pub fn new() -> Self {
        Self::default()
    }

    /// The index of `id`, which is added if it is new.
    ///
    /// # Panics
    ///
    /// If this would be the 2^32nd id.
    pub fn intern(&mut self, id: &str) -> u32 {
        let hash = self.hasher.hash_one(id);
        let ids = &self.ids;
        if let Some(&index) = self
            .index
            .find(hash, |&index| ids.get(index as usize) == id)
        {
            return index;
        }
        let index = u32::try_from(self.ids.len()).expect("a vocabulary holds at most 2^32 ids");
        self.ids.push(id);
        let (ids, hasher) = (&self.ids, &self.hasher);
        self.index.insert_unique(hash, index, |&index| {
            hasher.hash_one(ids.get(index as usize))
        });
        index
    }

    /// The index of `id`, if it is known.
    pub fn index_of(&self, id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        self.index
            .find(hash, |&index| self.ids.get(index as usize) == id)
            .copied()
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
        let vocab: Vocab = ids.iter().map(String::as_str).collect();
        assert!(
            ids.iter()
                .enumerate()
                .all(|(n, id)| vocab.index_of(id) == Some(n as u32) && vocab.id(n as u32) == id)
        );
    }
}
