use crossfade_matrix::Dense;
use serde::{Deserialize, Serialize};

use crate::embedder::unit_rows;
use crate::features::{Values, Vectors};
use crate::{Embedder, Error, Features};

/// Uses vectors that came with the tracks, centred and at length 1.
///
/// Centring matters: the vectors of most neural models share a large common part, which would make all tracks alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvidedEmbedder {
    column: String,
    mean: Vec<f64>,
}

impl ProvidedEmbedder {
    /// Learns the mean of the known vectors in `column`.
    ///
    /// # Errors
    ///
    /// If there is no such column of vectors, or none in it is known.
    pub fn fit(column: &str, features: &Features<'_>) -> Result<Self, Error> {
        let vectors = vectors(column, features).ok_or_else(|| Error::NoVectors {
            column: column.to_owned(),
        })?;
        let mut mean = vec![0.0; vectors.dim];
        let mut count = 0_u32;
        for vector in known(vectors).flatten() {
            mean.iter_mut()
                .zip(vector)
                .for_each(|(sum, &x)| *sum += f64::from(x));
            count += 1;
        }
        if count == 0 {
            return Err(Error::NothingKnown);
        }
        mean.iter_mut().for_each(|sum| *sum /= f64::from(count));
        Ok(Self {
            column: column.to_owned(),
            mean,
        })
    }
}

impl Embedder for ProvidedEmbedder {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    /// # Panics
    ///
    /// If the vectors have another length than those of the fit.
    fn embed(&self, features: &Features<'_>) -> Dense {
        let rows: Vec<Option<&[f32]>> = match vectors(&self.column, features) {
            Some(vectors) => {
                assert_eq!(vectors.dim, self.dim(), "vectors of another length");
                known(vectors).collect()
            }
            None => Vec::new(),
        };
        unit_rows(
            features.rows(),
            self.dim(),
            || (),
            |row, (), out| {
                if let Some(vector) = rows.get(row).copied().flatten() {
                    for ((out, &x), mean) in out.iter_mut().zip(vector).zip(&self.mean) {
                        *out = f64::from(x) - mean;
                    }
                }
            },
        )
    }
}

fn vectors<'f, 'a>(column: &str, features: &'f Features<'a>) -> Option<&'f Vectors<'a>> {
    match features.get(column)? {
        Values::Vectors(vectors) => Some(vectors),
        Values::Numeric(_) | Values::Category(_) | Values::Tags(_) => None,
    }
}

/// Each vector, `None` where one is missing.
fn known<'f>(vectors: &'f Vectors<'_>) -> impl Iterator<Item = Option<&'f [f32]>> {
    let rows = vectors.values.chunks_exact(vectors.dim);
    rows.map(|row| row.iter().all(|x| x.is_finite()).then_some(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_centred_and_normalised_and_missing_ones_are_zero() {
        let features =
            Features::new(4).vectors("clap", 2, vec![10.0, 2.0, 14.0, 5.0, f32::NAN, 1.0]);
        let embedder = ProvidedEmbedder::fit("clap", &features).unwrap();
        let rows = embedder.embed(&features);
        // Mean (12, 3.5), differences (-2, -1.5) and (2, 1.5), of length 2.5.
        assert_eq!(rows.as_slice(), [-0.8, -0.6, 0.8, 0.6, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_missing_column_is_an_error_when_fitting_and_zero_when_embedding() {
        let features = Features::new(1).vectors("clap", 1, vec![3.0]);
        let fitted = ProvidedEmbedder::fit("clap", &features).unwrap();
        assert_eq!(fitted.embed(&Features::new(2)).as_slice(), [0.0, 0.0]);
        let error = ProvidedEmbedder::fit("mert", &features).unwrap_err();
        assert_eq!(
            error,
            Error::NoVectors {
                column: "mert".into()
            }
        );
    }
}
