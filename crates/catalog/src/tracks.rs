use crate::{CategoryColumn, NumericColumn, TagColumn, TextColumn, Vocab};

/// What is known of each track, column by column.
///
/// A column that its source does not have is empty. Any other column starts with the values of the first tracks; tracks
/// beyond its end (those that only appear in plays) have nothing known of them.
#[derive(Debug, Clone, Default)]
pub struct TrackTable {
    /// External ids.
    pub ids: Vocab,
    /// Titles.
    pub title: TextColumn,
    /// Performing artists.
    pub artist: CategoryColumn,
    /// Albums.
    pub album: CategoryColumn,
    /// Genres.
    pub genre: CategoryColumn,
    /// Tags.
    pub tags: TagColumn,
    /// Markets, such as countries, that a track may be played in; without any, everywhere.
    pub markets: TagColumn,
    /// Year of release.
    pub year: Vec<Option<i16>>,
    /// Whether the lyrics are marked explicit.
    pub explicit: Vec<Option<bool>>,
    /// Length in milliseconds.
    pub duration_ms: Vec<Option<u32>>,
    /// Audio features.
    pub features: Vec<NumericColumn>,
    /// Ready-made content vectors, `dim` numbers a track; NaN where a track has none.
    pub embedding: Option<ProvidedEmbedding>,
}

/// Content vectors that came with the tracks.
#[derive(Debug, Clone)]
pub struct ProvidedEmbedding {
    /// Length of each vector.
    pub dim: usize,
    /// The vectors, one after another.
    pub values: Vec<f32>,
}

impl TrackTable {
    /// How many tracks there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The feature column of that name.
    pub fn feature(&self, name: &str) -> Option<&NumericColumn> {
        self.features.iter().find(|column| column.name == name)
    }
}
