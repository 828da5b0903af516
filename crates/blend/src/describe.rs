use crossfade_content::NumberReport;

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
    /// Its genre, as it is predicted; `None` where none is.
    pub genre: Option<GenreGuess>,
    /// Its numbers that are predicted.
    pub numbers: Vec<NumberGuess>,
}

/// What a track's genre seems to be by how it sounds.
#[derive(Debug, Clone, PartialEq)]
pub struct GenreGuess {
    /// Whether its genre is known. The probabilities are then those of a prediction that did not know it.
    pub is_known: bool,
    /// Genres and their probabilities, which add up to 1; the most probable first.
    pub probabilities: Vec<(String, f64)>,
}

/// What a number of a track seems to be by how it sounds.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberGuess {
    /// Name of the column.
    pub name: String,
    /// What is known of it. The prediction did not know it.
    pub known: Option<f64>,
    /// The prediction.
    pub predicted: f64,
    /// The root mean square error of predictions.
    pub expected_error: f64,
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
            genre: self.genre_guess(track),
            numbers: self.number_guesses(track),
        }
    }

    fn genre_guess(&self, track: u32) -> Option<GenreGuess> {
        let genre = self.model().labels.genre.as_ref()?;
        let found = genre.of(track).into_iter();
        let probabilities: Vec<(String, f64)> = found
            .map(|(name, probability)| (name.to_owned(), f64::from(probability)))
            .collect();
        (!probabilities.is_empty()).then(|| GenreGuess {
            is_known: self.model().tracks.genre.get(track).is_some(),
            probabilities,
        })
    }

    fn number_guesses(&self, track: u32) -> Vec<NumberGuess> {
        let model = self.model();
        let guess = |report: &NumberReport| {
            let name = &report.column;
            Some(NumberGuess {
                known: model.tracks.feature(name).and_then(|column| {
                    let value = column.values.get(track as usize).copied();
                    value.filter(|value| value.is_finite()).map(f64::from)
                }),
                predicted: f64::from(model.labels.number(name, track)?),
                expected_error: report.quality.expected_error,
                name: name.clone(),
            })
        };
        let numbers = model.labels.numbers.iter();
        numbers.filter_map(|number| guess(&number.report)).collect()
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
