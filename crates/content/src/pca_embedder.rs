use crossfade_matrix::Dense;
use serde::{Deserialize, Serialize};

use crate::design::Design;
use crate::embedder::unit_rows;
use crate::names::{self, NameBlock, NameRows, fit_names};
use crate::schema::check_weight;
use crate::{Embedder, Error, Features, Pca, Schema};

/// Settings of [`PcaEmbedder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PcaConfig {
    /// Principal components of the numeric columns to keep, at least 1; fewer where there are fewer columns.
    pub numeric_dim: usize,
    /// Length (root mean square over tracks) of the numeric part before the whole is normalised; the lengths of the
    /// other parts are the weights of the schema's categories. At least 0.
    pub numeric_weight: f32,
}

impl Default for PcaConfig {
    fn default() -> Self {
        Self {
            numeric_dim: 16,
            numeric_weight: 0.5,
        }
    }
}

impl PcaConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// If there are no dimensions, or the weight is negative or not finite.
    pub fn validate(&self) -> Result<(), Error> {
        if self.numeric_dim == 0 {
            return Err(Error::ZeroDimension {
                name: "numeric_dim".to_owned(),
            });
        }
        check_weight("numeric_weight", self.numeric_weight)
    }
}

/// The plain embedder: principal components of the scaled numeric columns beside random codes of the names in each
/// categorical column, everything at length 1.
///
/// Two tracks of one artist are close, so are tracks that measure alike. A name's code is a pseudo-random vector of
/// signs that depends on the column and the name alone (random projection of the one-hot encoding; Achlioptas 2003),
/// and the codes of several tags are added up, so names unseen in training work too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct PcaEmbedder {
    design: Design,
    pca: Pca,
    /// Factor on the principal components.
    numeric_scale: f64,
    names: Vec<NameBlock>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
}

/// What became of the schema's columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Numeric columns in use.
    pub numeric: Vec<String>,
    /// Categorical columns in use.
    pub categories: Vec<String>,
    /// Columns left out: absent, of another type, without two different values, or with weight 0.
    pub skipped: Vec<String>,
    /// The share of the numeric columns' variance along each principal component.
    pub explained_variance_ratio: Vec<f64>,
}

impl PcaEmbedder {
    /// Learns scaling and components from the tracks.
    ///
    /// # Errors
    ///
    /// If the schema or the configuration is invalid, or none of the schema's columns has anything to tell.
    pub fn fit(
        schema: &Schema,
        config: &PcaConfig,
        features: &Features<'_>,
    ) -> Result<Self, Error> {
        schema.validate()?;
        config.validate()?;
        let names = fit_names(schema, features);
        let design = match config.numeric_weight > 0.0 {
            true => Design::fit(schema, features),
            false => Design::default(),
        };
        let rows = design.read(features);
        let pca = Pca::fit(
            features.rows(),
            design.dim(),
            config.numeric_dim,
            |row, out| rows.write(row, out),
        )?;
        if pca.dim() == 0 && names.is_empty() {
            return Err(Error::NothingKnown);
        }
        // The mean squared length of the projected rows is the variance they keep.
        let length = pca.variance().iter().sum::<f64>().sqrt();
        let numeric_scale = match length > 0.0 {
            true => f64::from(config.numeric_weight) / length,
            false => 0.0,
        };
        let mut fitted = Self {
            design,
            pca,
            numeric_scale,
            names,
            skipped: Vec::new(),
        };
        fitted.skipped = schema
            .columns()
            .filter(|column| !fitted.uses(column))
            .map(str::to_owned)
            .collect();
        Ok(fitted)
    }

    /// What became of the schema's columns.
    pub fn summary(&self) -> Summary {
        Summary {
            numeric: self.design.names().map(str::to_owned).collect(),
            categories: self
                .names
                .iter()
                .map(|block| block.column.clone())
                .collect(),
            skipped: self.skipped.clone(),
            explained_variance_ratio: self.pca.explained_variance_ratio(),
        }
    }

    fn uses(&self, column: &str) -> bool {
        self.design.names().any(|name| name == column)
            || self.names.iter().any(|block| block.column == column)
    }
}

impl Embedder for PcaEmbedder {
    fn dim(&self) -> usize {
        self.pca.dim() + names::dim(&self.names)
    }

    fn embed(&self, features: &Features<'_>) -> Dense {
        let numbers = self.design.read(features);
        let names = NameRows::new(&self.names, features);
        let scratch = || vec![0.0; self.design.dim()];
        unit_rows(features.rows(), self.dim(), scratch, |row, scratch, out| {
            let (numeric, rest) = out.split_at_mut(self.pca.dim());
            if numbers.write(row, scratch) {
                self.pca.project(scratch, numeric);
                numeric.iter_mut().for_each(|x| *x *= self.numeric_scale);
            }
            names.write(row, rest);
        })
    }
}

/// What a stored [`PcaEmbedder`] holds before its parts are known to fit together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    design: Design,
    pca: Pca,
    numeric_scale: f64,
    names: Vec<NameBlock>,
    #[serde(default)]
    skipped: Vec<String>,
}

impl TryFrom<Stored> for PcaEmbedder {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        if !stored.pca.reads(stored.design.dim()) {
            return Err("the principal components do not match the numeric columns");
        }
        let Stored {
            design,
            pca,
            numeric_scale,
            names,
            skipped,
        } = stored;
        Ok(Self {
            design,
            pca,
            numeric_scale,
            names,
            skipped,
        })
    }
}
