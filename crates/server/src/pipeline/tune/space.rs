use crossfade_matrix::Csr;
use crossfade_mf::Config;
use crossfade_tune::{Axis, Scale, Space};

use crate::settings::SpaceSettings;

/// The settings that are searched, and how a place in the space becomes a configuration.
#[derive(Debug)]
pub(super) struct SearchSpace {
    start: Config,
    fields: Vec<Field>,
    axes: Space,
    weights: Weights,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Field {
    Alpha0,
    Regularization,
    Exponent,
    PopularityExponent,
    ConfidenceAlpha,
    ConfidenceEpsilon,
}

impl SearchSpace {
    /// The ranges that are more than a point. Fields that are fixed have the value they are fixed to; confidence is not
    /// searched where all strengths are equal and it says the same as `alpha0` and `regularization`.
    pub(super) fn new(ranges: &SpaceSettings, start: &Config, train: &Csr) -> Self {
        let mut start = start.clone();
        let weights = Weights::of(train);
        let first = train.values().iter().find(|&&strength| strength > 0.0);
        let vary = train
            .values()
            .iter()
            .any(|strength| *strength > 0.0 && Some(strength) != first);
        let mut fields = Vec::new();
        let mut axes = Vec::new();
        for (field, [low, high], scale) in [
            (Field::Alpha0, ranges.alpha0, Scale::Log),
            (
                Field::Exponent,
                ranges.regularization_exponent,
                Scale::Linear,
            ),
            // After the two that its meaning depends on.
            (Field::Regularization, ranges.regularization, Scale::Log),
            (
                Field::PopularityExponent,
                ranges.popularity_exponent,
                Scale::Linear,
            ),
            (
                Field::ConfidenceAlpha,
                ranges.confidence_alpha,
                Scale::LogOnePlus,
            ),
            (
                Field::ConfidenceEpsilon,
                ranges.confidence_epsilon,
                Scale::Log,
            ),
        ] {
            let of_confidence = matches!(field, Field::ConfidenceAlpha | Field::ConfidenceEpsilon);
            if of_confidence && !vary {
                continue;
            }
            if low == high {
                field.set(&mut start, low, &weights);
            } else {
                fields.push(field);
                axes.push(Axis::new(low, high, scale));
            }
        }
        Self {
            start,
            fields,
            axes: Space::new(axes),
            weights,
        }
    }

    pub(super) fn axes(&self) -> &Space {
        &self.axes
    }

    /// The place of the settings as they were given. It may lie outside the ranges.
    pub(super) fn start(&self) -> Vec<f64> {
        let values: Vec<f64> = self
            .fields
            .iter()
            .map(|field| field.get(&self.start, &self.weights))
            .collect();
        self.axes.place(&values)
    }

    /// The configuration at a place.
    pub(super) fn config(&self, place: &[f64], dim: usize) -> Config {
        let mut config = Config {
            dim,
            ..self.start.clone()
        };
        for (field, value) in self.fields.iter().zip(self.axes.values(place)) {
            field.set(&mut config, value, &self.weights);
        }
        config
    }

    /// What the search varies around.
    pub(super) fn base(&self) -> &Config {
        &self.start
    }
}

impl Field {
    fn get(self, config: &Config, weights: &Weights) -> f64 {
        match self {
            Self::Alpha0 => config.alpha0,
            Self::Regularization => config.regularization * weights.scale(config),
            Self::Exponent => config.regularization_exponent,
            Self::PopularityExponent => config.confidence.popularity_exponent,
            Self::ConfidenceAlpha => config.confidence.alpha,
            Self::ConfidenceEpsilon => config.confidence.epsilon,
        }
    }

    fn set(self, config: &mut Config, value: f64, weights: &Weights) {
        let place = match self {
            Self::Alpha0 => &mut config.alpha0,
            Self::Regularization => {
                config.regularization = rounded(value / weights.scale(config));
                return;
            }
            Self::Exponent => &mut config.regularization_exponent,
            Self::PopularityExponent => &mut config.confidence.popularity_exponent,
            Self::ConfidenceAlpha => &mut config.confidence.alpha,
            Self::ConfidenceEpsilon => &mut config.confidence.epsilon,
        };
        *place = rounded(value);
    }
}

/// Four digits: more make no difference and no good reading.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// How many rows of either side have how many entries.
#[derive(Debug)]
struct Weights {
    /// (entries, size of the other side, rows).
    counts: Vec<(u32, usize, usize)>,
}

impl Weights {
    fn of(train: &Csr) -> Self {
        let (users, tracks) = (train.rows(), train.columns());
        let mut sizes: Vec<(u32, usize)> = (0..users)
            .map(|user| (train.row(user).len() as u32, tracks))
            .chain(
                train
                    .column_counts()
                    .into_iter()
                    .map(|count| (count, users)),
            )
            .filter(|&(count, _)| count > 0)
            .collect();
        sizes.sort_unstable();
        let counts = sizes
            .chunk_by(|a, b| a == b)
            .map(|equal| (equal[0].0, equal[0].1, equal.len()));
        Self {
            counts: counts.collect(),
        }
    }

    /// The mean pull with the configuration's exponent, relative to that with an exponent of 1.
    fn scale(&self, config: &Config) -> f64 {
        let total = |config: &Config| -> f64 {
            let pulls = self
                .counts
                .iter()
                .map(|&(entries, other, rows)| config.pull(entries as usize, other) * rows as f64);
            pulls.sum()
        };
        let linear = Config {
            regularization_exponent: 1.0,
            ..config.clone()
        };
        let scale = total(config) / total(&linear);
        if scale.is_finite() && scale > 0.0 {
            scale
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(strengths: [f32; 3]) -> Csr {
        let [a, b, c] = strengths;
        Csr::from_triplets(2, 3, vec![(0, 0, a), (0, 1, b), (1, 2, c)]).unwrap()
    }

    #[test]
    fn the_start_is_a_place_of_the_space() {
        let start = Config {
            regularization_exponent: 0.5,
            regularization: 0.02,
            ..Config::default()
        };
        let space = SearchSpace::new(&SpaceSettings::default(), &start, &train([1.0, 2.0, 3.0]));
        assert_eq!(space.axes().axes(), 6);
        let back = space.config(&space.start(), start.dim);
        assert_eq!(back, start);
    }

    #[test]
    fn another_exponent_keeps_the_mean_pull() {
        let ranges = SpaceSettings::default();
        let space = SearchSpace::new(&ranges, &Config::default(), &train([1.0; 3]));
        let pull = |exponent: f64| -> f64 {
            let config = space.config(&[0.5, exponent, 0.5, 0.5], 4);
            // Users have 2 and 1 entries, tracks one each.
            [(2, 3), (1, 3), (1, 2), (1, 2), (1, 2)]
                .map(|(entries, other)| config.pull(entries, other))
                .iter()
                .sum()
        };
        assert!(
            (pull(0.0) / pull(1.0) - 1.0).abs() < 1e-3,
            "but for the rounding"
        );
    }

    #[test]
    fn confidence_is_searched_only_where_strengths_differ() {
        let ranges = SpaceSettings {
            alpha0: [0.25, 0.25],
            ..SpaceSettings::default()
        };
        let space = SearchSpace::new(&ranges, &Config::default(), &train([2.0; 3]));
        assert_eq!(
            space.fields,
            [
                Field::Exponent,
                Field::Regularization,
                Field::PopularityExponent
            ]
        );
        let config = space.config(&[0.0, 0.0, 0.0], 7);
        assert_eq!((config.alpha0, config.dim), (0.25, 7));
        let confidence = crossfade_mf::Confidence {
            popularity_exponent: ranges.popularity_exponent[0],
            ..Config::default().confidence
        };
        assert_eq!(config.confidence, confidence);
    }
}
