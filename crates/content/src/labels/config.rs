use serde::{Deserialize, Serialize};

use crate::Error;

/// Settings of [`predict_labels`](super::predict_labels).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LabelConfig {
    /// Whether genres are predicted, from the column `genre`.
    pub genre: bool,
    /// Numeric columns whose missing values are predicted, such as the valence and arousal of mood. They take no part in
    /// predictions themselves.
    pub numbers: Vec<String>,
    /// Genres that fewer tracks have are not predicted, nor numbers that fewer tracks have; at least 2.
    pub min_tracks: usize,
    /// Genres that are told apart at most, the most frequent ones; at least 2.
    pub max_classes: usize,
    /// Labelled tracks that are learned from at most, a sample where there are more; time grows in proportion. At least 2.
    pub rows: usize,
    /// Tracks that the kernel compares with; time grows with its square, at least 1.
    pub landmarks: usize,
    /// How far directions in which the tracks of one genre scatter are shortened, from 0 (not at all) to 1 (all are made
    /// alike).
    pub whitening: f64,
    /// Share of the mean scatter in that of each direction, above 0 and at most 1: how little the directions of least scatter
    /// are trusted.
    pub shrinkage: f64,
    /// For genres: two tracks as far apart as two at random are alike by `exp(-2 gamma)`. Above 0. The larger it is, the
    /// more the nearest tracks decide.
    pub genre_gamma: f64,
    /// Share of the likeness for genres that goes by directions from the mean track alone, from 0 to 1: tracks that lie far out
    /// are then alike if they do so in the same way.
    pub genre_directions: f64,
    /// The same for numbers; the best of these is chosen. Each above 0.
    pub number_gammas: Vec<f64>,
    /// How strongly predictions are held at the mean; the best of these is chosen. Each above 0.
    pub ridges: Vec<f64>,
    /// Labelled tracks that `number_gammas` and `ridges` are chosen on at most, each predicted from all others; time grows with
    /// its cube. At least 2.
    pub choice_rows: usize,
    /// Parts that labelled tracks are dealt into, each of them predicted from the others to measure quality; at least 2.
    pub folds: usize,
    /// Seed of what is drawn: samples and folds.
    pub seed: u64,
}

impl Default for LabelConfig {
    fn default() -> Self {
        Self {
            genre: true,
            numbers: Vec::new(),
            min_tracks: 20,
            max_classes: 30,
            rows: 5_000,
            landmarks: 1_000,
            whitening: 0.75,
            shrinkage: 0.05,
            genre_gamma: 2.0,
            genre_directions: 0.5,
            number_gammas: vec![0.25, 0.5],
            ridges: vec![0.1, 0.3, 1.0, 3.0, 10.0],
            choice_rows: 600,
            folds: 10,
            seed: 1,
        }
    }
}

impl LabelConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let counts = [
            ("min_tracks", self.min_tracks, 2),
            ("max_classes", self.max_classes, 2),
            ("rows", self.rows, 2),
            ("landmarks", self.landmarks, 1),
            ("choice_rows", self.choice_rows, 2),
            ("folds", self.folds, 2),
        ];
        for (name, found, least) in counts {
            if found < least {
                return Err(Error::TooSmall { name, found, least });
            }
        }
        let shares = [
            ("whitening", self.whitening, true),
            ("shrinkage", self.shrinkage, false),
            ("genre_directions", self.genre_directions, true),
        ];
        for (name, value, zero) in shares {
            if !((0.0..=1.0).contains(&value) && (zero || value > 0.0)) {
                return Err(Error::Share {
                    name,
                    value: value.to_string(),
                });
            }
        }
        let positive = |value: &f64| value.is_finite() && *value > 0.0;
        if !positive(&self.genre_gamma) {
            return Err(Error::NotPositive {
                name: "genre_gamma".to_owned(),
            });
        }
        for (name, values) in [
            ("number_gammas", &self.number_gammas),
            ("ridges", &self.ridges),
        ] {
            if values.is_empty() || !values.iter().all(positive) {
                return Err(Error::NoneToChoose { name });
            }
        }
        let twice = |(at, name): (usize, &String)| self.numbers[..at].contains(name);
        match self.numbers.iter().enumerate().find(|pair| twice(*pair)) {
            Some((_, column)) => Err(Error::DuplicateColumn {
                column: column.clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        LabelConfig::default().validate().unwrap();
        type Change = fn(&mut LabelConfig);
        let wrong: [(&str, Change); 10] = [
            ("`folds` must be at least 2, is 1", |c| c.folds = 1),
            ("`landmarks` must be at least 1, is 0", |c| c.landmarks = 0),
            ("`whitening` must lie between 0 and 1, is 1.5", |c| {
                c.whitening = 1.5;
            }),
            ("`whitening` must lie between 0 and 1, is NaN", |c| {
                c.whitening = f64::NAN;
            }),
            ("`shrinkage` must lie between 0 and 1, is 0", |c| {
                c.shrinkage = 0.0;
            }),
            ("`genre_directions` must lie between 0 and 1, is -1", |c| {
                c.genre_directions = -1.0;
            }),
            ("`genre_gamma` must be a finite number above 0", |c| {
                c.genre_gamma = 0.0;
            }),
            ("`number_gammas` needs at least one number", |c| {
                c.number_gammas.clear();
            }),
            ("`ridges` needs at least one number", |c| c.ridges.push(0.0)),
            ("column `mood` appears twice", |c| {
                c.numbers = vec!["mood".into(), "mood".into()];
            }),
        ];
        for (expected, change) in wrong {
            let mut config = LabelConfig::default();
            change(&mut config);
            let complaint = config.validate().unwrap_err().to_string();
            assert!(complaint.starts_with(expected), "{complaint}");
        }
    }
}
