use crate::Engine;

/// What is known of a track beside its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Its audio features, in the order of the table; unknown ones are left out.
    pub features: Vec<Feature>,
    /// How many users played it.
    pub listeners: u32,
    /// Its popularity prior, from 0 (nobody) to 1 (most listeners).
    pub popularity: f64,
}

/// An audio feature of a track.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The share of the tracks of which it is known that have a lower value, and half of those that have the same.
    pub quantile: f64,
}

impl Engine {
    /// Describes a track.
    ///
    /// # Panics
    ///
    /// If the track is out of range.
    pub fn describe(&self, track: u32) -> Description {
        let columns = self.model().tracks.features.iter();
        let features = columns.filter_map(|column| {
            let value = column.values.get(track as usize).copied();
            let value = value.filter(|value| value.is_finite())?;
            let (mut below, mut same, mut known) = (0, 0, 0);
            for other in column.values.iter().filter(|other| other.is_finite()) {
                known += 1;
                below += usize::from(*other < value);
                same += usize::from(*other == value);
            }
            Some(Feature {
                name: column.name.clone(),
                value: f64::from(value),
                quantile: (below as f64 + same as f64 / 2.0) / f64::from(known),
            })
        });
        Description {
            features: features.collect(),
            listeners: self.popularity.listeners()[track as usize],
            popularity: f64::from(self.popularity.prior_of(track)),
        }
    }

    /// How surprising tracks are: the mean of the bits it takes to tell a listener of a track from all users,
    /// `-log2(listeners / users)` (Zhou 2010); a track that nobody played counts as if one user had. `None` of no tracks.
    pub fn novelty(&self, tracks: &[u32]) -> Option<f64> {
        let users = self.model().users.len().max(1) as f64;
        let bits = |&track: &u32| {
            let listeners = self.popularity.listeners()[track as usize].max(1);
            (users / f64::from(listeners)).log2()
        };
        let total: f64 = tracks.iter().map(bits).sum();
        (!tracks.is_empty()).then(|| total / tracks.len() as f64)
    }

    /// How different tracks are from each other: one minus their mean similarity, over all pairs (intra-list diversity,
    /// Ziegler 2005), by the similarity that diversity arranges lists by. `None` of fewer than two tracks.
    pub fn variety(&self, tracks: &[u32]) -> Option<f64> {
        let kin = crate::kinship::Kinship::of(self, tracks.iter().copied());
        let pairs =
            (0..tracks.len()).flat_map(|first| (0..first).map(move |second| (first, second)));
        let count = pairs.clone().count();
        let sum: f64 = pairs
            .map(|(first, second)| kin.between(first, second))
            .sum();
        (count > 0).then(|| 1.0 - sum / count as f64)
    }
}
