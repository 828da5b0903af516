use crate::{Strings, Vocab};

/// Free text per track, such as titles.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    texts: Strings,
    present: Vec<bool>,
}

impl TextColumn {
    /// Appends a value.
    pub fn push(&mut self, value: Option<&str>) {
        self.texts.push(value.unwrap_or_default());
        self.present.push(value.is_some());
    }

    /// The value at `track`; `None` when it is missing or out of range.
    pub fn get(&self, track: u32) -> Option<&str> {
        let track = track as usize;
        (*self.present.get(track)?).then(|| self.texts.get(track))
    }

    /// How many values, missing ones included, there are.
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }
}

/// One of few values per track, such as artists or genres.
#[derive(Debug, Clone, Default)]
pub struct CategoryColumn {
    names: Vocab,
    codes: Vec<u32>,
}

impl CategoryColumn {
    /// The code of a missing value.
    pub const MISSING: u32 = u32::MAX;

    /// Appends a value.
    pub fn push(&mut self, value: Option<&str>) {
        let code = value.map_or(Self::MISSING, |name| self.names.intern(name));
        self.codes.push(code);
    }

    /// The value at `track`; `None` when it is missing or out of range.
    pub fn get(&self, track: u32) -> Option<&str> {
        self.code(track).map(|code| self.names.id(code))
    }

    /// The code of the value at `track`: its index in [`names`](Self::names).
    pub fn code(&self, track: u32) -> Option<u32> {
        self.codes
            .get(track as usize)
            .copied()
            .filter(|&code| code != Self::MISSING)
    }

    /// The distinct values.
    pub fn names(&self) -> &Vocab {
        &self.names
    }

    /// The code of every track, [`MISSING`](Self::MISSING) where there is none.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// How many values, missing ones included, there are.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }
}

/// Any number of values per track, such as tags.
#[derive(Debug, Clone)]
pub struct TagColumn {
    names: Vocab,
    codes: Vec<u32>,
    /// `offsets[t]..offsets[t + 1]` are the codes of track `t`.
    offsets: Vec<usize>,
}

impl Default for TagColumn {
    fn default() -> Self {
        Self {
            names: Vocab::new(),
            codes: Vec::new(),
            offsets: vec![0],
        }
    }
}

impl TagColumn {
    /// Appends a track's values; none is an empty list.
    pub fn push<'a>(&mut self, values: impl IntoIterator<Item = &'a str>) {
        for value in values {
            self.codes.push(self.names.intern(value));
        }
        self.offsets.push(self.codes.len());
    }

    /// The codes of the values at `track`; empty when out of range.
    pub fn codes(&self, track: u32) -> &[u32] {
        let track = track as usize;
        match self.offsets.get(track + 1) {
            Some(&end) => &self.codes[self.offsets[track]..end],
            None => &[],
        }
    }

    /// The values at `track`.
    pub fn get(&self, track: u32) -> impl Iterator<Item = &str> {
        self.codes(track).iter().map(|&code| self.names.id(code))
    }

    /// The distinct values.
    pub fn names(&self) -> &Vocab {
        &self.names
    }

    /// How many tracks have a list, empty ones included.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether no track has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A number per track, such as an audio feature.
#[derive(Debug, Clone, Default)]
pub struct NumericColumn {
    /// The column's name in the file it came from.
    pub name: String,
    /// One finite value per track, NaN where it is missing.
    pub values: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_out_of_range_values_are_none() {
        let mut titles = TextColumn::default();
        titles.push(Some("Blue"));
        titles.push(None);
        titles.push(Some(""));
        assert_eq!(titles.get(0), Some("Blue"));
        assert_eq!(titles.get(1), None);
        assert_eq!(titles.get(2), Some(""));
        assert_eq!(titles.get(3), None);

        let mut artists = CategoryColumn::default();
        artists.push(Some("Joni"));
        artists.push(None);
        artists.push(Some("Joni"));
        assert_eq!(artists.codes(), [0, CategoryColumn::MISSING, 0]);
        assert_eq!(artists.get(1), None);
        assert_eq!(artists.get(9), None);
    }

    #[test]
    fn tags_are_lists() {
        let mut tags = TagColumn::default();
        tags.push(["folk", "70s"]);
        tags.push([]);
        tags.push(["folk"]);
        assert_eq!(tags.get(0).collect::<Vec<_>>(), ["folk", "70s"]);
        assert_eq!(tags.codes(1), [0_u32; 0]);
        assert_eq!(tags.codes(2), [0]);
        assert_eq!(tags.codes(7), [0_u32; 0]);
    }
}
