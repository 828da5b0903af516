use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Features, NumericFeature, Scaler, Schema};

/// A column of the schema that the data has values for, with its scaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScaledColumn {
    column: String,
    weight: f64,
    scaler: Scaler,
    /// Share of missing values, where "missing" has a dimension of its own.
    missing_rate: Option<f64>,
}

impl ScaledColumn {
    /// `None` if the column has nothing to tell or no weight.
    pub(crate) fn fit(feature: &NumericFeature, features: &Features<'_>) -> Option<Self> {
        let values = features.numbers(&feature.column)?;
        let scaler = Scaler::fit(feature.transform, values).filter(|_| feature.weight > 0.0)?;
        let known = values.iter().filter(|value| value.is_finite()).count();
        let missing_rate = 1.0 - known as f64 / features.rows() as f64;
        Some(Self {
            column: feature.column.clone(),
            weight: f64::from(feature.weight),
            scaler,
            missing_rate: feature.missing_indicator.then_some(missing_rate),
        })
    }

    fn dim(&self) -> usize {
        self.scaler.dim() + usize::from(self.missing_rate.is_some())
    }
}

/// The scaled numeric columns side by side: what the principal components are taken of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Design {
    columns: Vec<ScaledColumn>,
}

impl Design {
    /// Fits every numeric column of the schema; those without anything to tell are left out.
    pub(crate) fn fit(schema: &Schema, features: &Features<'_>) -> Self {
        let fit = |feature| ScaledColumn::fit(feature, features);
        Self {
            columns: schema.numeric.iter().filter_map(fit).collect(),
        }
    }

    /// The length of a row.
    pub(crate) fn dim(&self) -> usize {
        self.columns.iter().map(ScaledColumn::dim).sum()
    }

    /// Whether more than half of the columns are known, of each track.
    pub(crate) fn mostly_known(&self, features: &Features<'_>) -> Vec<bool> {
        let columns = self.names().map(|name| features.numbers(name));
        let columns: Vec<&[f32]> = columns.map(Option::unwrap_or_default).collect();
        let is_known = |row: usize| {
            let values = columns.iter().map(|values| values.get(row));
            let known = values.filter(|value| value.is_some_and(|value| value.is_finite()));
            2 * known.count() > columns.len()
        };
        (0..features.rows()).into_par_iter().map(is_known).collect()
    }

    /// Names of the columns it reads.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.column.as_str())
    }

    /// What each number of a row is: a column's name, and which of its dimensions where it has several.
    pub(crate) fn labels(&self) -> Vec<String> {
        let labels = |column: &ScaledColumn| {
            let name = &column.column;
            let mut labels = match column.scaler.dim() {
                1 => vec![name.clone()],
                _ => vec![format!("{name} (sin)"), format!("{name} (cos)")],
            };
            labels.extend(column.missing_rate.map(|_| format!("{name} (missing)")));
            labels
        };
        self.columns.iter().flat_map(labels).collect()
    }

    /// The columns it reads, found once for many rows.
    pub(crate) fn read<'f>(&'f self, features: &'f Features<'_>) -> DesignRows<'f> {
        let find = |column: &'f ScaledColumn| {
            let values = features.numbers(&column.column).unwrap_or_default();
            (column, values)
        };
        DesignRows {
            columns: self.columns.iter().map(find).collect(),
        }
    }
}

/// The rows of a design matrix, computed when asked for.
#[derive(Debug)]
pub(crate) struct DesignRows<'f> {
    columns: Vec<(&'f ScaledColumn, &'f [f32])>,
}

impl DesignRows<'_> {
    /// Which of a row's numbers are known; whether a value is missing always is.
    pub(crate) fn known(&self, row: usize) -> impl Iterator<Item = bool> {
        self.columns.iter().flat_map(move |(column, values)| {
            let is_known = values.get(row).is_some_and(|value| value.is_finite());
            let own = std::iter::repeat_n(is_known, column.scaler.dim());
            own.chain(column.missing_rate.map(|_| true))
        })
    }

    /// Writes a row to `out` and says whether any of its values is known.
    pub(crate) fn write(&self, row: usize, out: &mut [f64]) -> bool {
        let mut known = false;
        let mut rest = out;
        for (column, values) in &self.columns {
            let value = values.get(row).copied().unwrap_or(f32::NAN);
            known |= value.is_finite();
            let (own, others) = rest.split_at_mut(column.dim());
            column.scaler.apply(value, own);
            if let Some(rate) = column.missing_rate {
                own[column.scaler.dim()] = f64::from(u8::from(!value.is_finite())) - rate;
            }
            own.iter_mut().for_each(|x| *x *= column.weight);
            rest = others;
        }
        known
    }
}
