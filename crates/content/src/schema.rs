use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Which columns describe a track, and how each is read. The default is Spotify's thirteen audio features and the year,
/// with artist, genre and tags.
///
/// A column that the data does not have is skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schema {
    /// Columns of numbers.
    pub numeric: Vec<NumericFeature>,
    /// Columns of names: one per track (artist, genre) or several (tags).
    pub categories: Vec<CategoryFeature>,
}

/// A column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericFeature {
    /// Name of the column.
    pub column: String,
    /// How its values are scaled.
    #[serde(default)]
    pub transform: Transform,
    /// How much it counts beside the other numeric columns: a factor on the scaled values, at least 0. 0 leaves the
    /// column out.
    #[serde(default = "one")]
    pub weight: f32,
    /// Whether "missing" is itself a fact about the track, with a dimension of its own.
    #[serde(default)]
    pub missing_indicator: bool,
}

/// A column of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryFeature {
    /// Name of the column.
    pub column: String,
    /// Length of the column's part of the embedding before the whole is normalised, where the numeric part has length
    /// [`PcaConfig::numeric_weight`](crate::PcaConfig::numeric_weight); at least 0. 0 leaves the column out.
    #[serde(default = "one")]
    pub weight: f32,
    /// Length of the code that stands for a name, at least 1. Two names look alike by chance with a cosine of about
    /// `1 / sqrt(dim)`: the more names there are, the longer their codes should be.
    #[serde(default = "default_dim")]
    pub dim: usize,
}

/// How the values of a numeric column are scaled. Missing values become 0, the centre.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Mean 0, standard deviation 1.
    #[default]
    Standard,
    /// `ln(1 + (x - min) / median)`, then as `Standard`: for skewed values. The division makes it mean the same for
    /// shares, seconds and milliseconds.
    Log,
    /// `ln x`, then as `Standard`: for positive values of which ratios tell, such as variances. As `Log` where a value is not
    /// above 0.
    Ratio,
    /// Median 0, interquartile range 1: for values with outliers.
    Robust,
    /// Sine and cosine of the position in the cycle, centred: for values such as the key, where 11 is next to 0.
    Cyclic {
        /// Length of the cycle, above 0.
        period: f64,
    },
}

fn one() -> f32 {
    1.0
}

fn default_dim() -> usize {
    48
}

impl NumericFeature {
    /// A column with weight 1 and no missing indicator.
    pub fn new(column: &str, transform: Transform) -> Self {
        Self {
            column: column.to_owned(),
            transform,
            weight: 1.0,
            missing_indicator: false,
        }
    }
}

impl CategoryFeature {
    /// A column with the given weight and length of codes.
    pub fn new(column: &str, weight: f32, dim: usize) -> Self {
        Self {
            column: column.to_owned(),
            weight,
            dim,
        }
    }
}

impl Default for Schema {
    fn default() -> Self {
        use Transform::{Cyclic, Log, Standard};
        let numeric = [
            ("danceability", Standard),
            ("energy", Standard),
            ("key", Cyclic { period: 12.0 }),
            ("loudness", Standard),
            ("mode", Standard),
            ("speechiness", Log),
            ("acousticness", Standard),
            ("instrumentalness", Log),
            ("liveness", Log),
            ("valence", Standard),
            ("tempo", Standard),
            ("duration_ms", Log),
            ("time_signature", Standard),
            ("year", Standard),
        ];
        Self {
            numeric: numeric
                .map(|(column, transform)| NumericFeature::new(column, transform))
                .into(),
            categories: [("artist", 1.0, 96), ("genre", 0.5, 24), ("tags", 0.5, 48)]
                .map(|(column, weight, dim)| CategoryFeature::new(column, weight, dim))
                .into(),
        }
    }
}

impl Schema {
    /// Names of all columns.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let numeric = self.numeric.iter().map(|feature| feature.column.as_str());
        let categories = self
            .categories
            .iter()
            .map(|feature| feature.column.as_str());
        numeric.chain(categories)
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// If a column is named twice, a weight is negative or not finite, a period is not positive, or a
    /// code has no length.
    pub fn validate(&self) -> Result<(), Error> {
        let numeric = self.numeric.iter().map(|f| (&f.column, f.weight));
        let categories = self.categories.iter().map(|f| (&f.column, f.weight));
        let mut seen = BTreeSet::new();
        for (column, weight) in numeric.chain(categories) {
            if !seen.insert(column) {
                return Err(Error::DuplicateColumn {
                    column: column.clone(),
                });
            }
            check_weight(column, weight)?;
        }
        if let Some(feature) = self.categories.iter().find(|f| f.dim == 0) {
            return Err(Error::ZeroDimension {
                name: feature.column.clone(),
            });
        }
        for feature in &self.numeric {
            if let Transform::Cyclic { period } = feature.transform
                && !(period.is_finite() && period > 0.0)
            {
                return Err(Error::Period {
                    column: feature.column.clone(),
                });
            }
        }
        Ok(())
    }
}

pub(crate) fn check_weight(name: &str, weight: f32) -> Result<(), Error> {
    if weight.is_finite() && weight >= 0.0 {
        Ok(())
    } else {
        Err(Error::Weight {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_json() {
        let schema = Schema::default();
        schema.validate().unwrap();
        let json = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
    }

    #[test]
    fn a_column_needs_only_a_name() {
        let json = r#"{ "numeric": [{ "column": "bpm" }, { "column": "key", "transform": { "cyclic": { "period": 12.0 } } }] }"#;
        let schema: Schema = serde_json::from_str(json).unwrap();
        assert_eq!(
            schema.numeric[0],
            NumericFeature::new("bpm", Transform::Standard)
        );
        assert_eq!(schema.categories, Schema::default().categories);
        assert!(serde_json::from_str::<Schema>(r#"{ "numerics": [] }"#).is_err());
    }

    #[test]
    fn every_bad_setting_is_named() {
        let mut twice = Schema::default();
        twice.categories.push(CategoryFeature::new("tempo", 1.0, 8));
        assert_eq!(
            twice.validate(),
            Err(Error::DuplicateColumn {
                column: "tempo".into()
            })
        );
        for weight in [-1.0, f32::NAN, f32::INFINITY] {
            let mut schema = Schema::default();
            schema.categories[0].weight = weight;
            assert_eq!(
                schema.validate(),
                Err(Error::Weight {
                    name: "artist".into()
                })
            );
        }
        for period in [0.0, -12.0, f64::NAN] {
            let mut schema = Schema::default();
            schema.numeric[2].transform = Transform::Cyclic { period };
            assert_eq!(
                schema.validate(),
                Err(Error::Period {
                    column: "key".into()
                })
            );
        }
    }
}
