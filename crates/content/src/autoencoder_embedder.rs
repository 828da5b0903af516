use crossfade_matrix::Dense;
use serde::{Deserialize, Serialize};

use crate::design::Design;
use crate::embedder::unit_rows;
use crate::names::{self, NameBlock, NameRows, fit_names};
use crate::{Autoencoder, AutoencoderConfig, Embedder, Error, Features, Points, Schema};

/// As [`PcaEmbedder`](crate::PcaEmbedder), with the codes of an [`Autoencoder`] in place of principal components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct AutoencoderEmbedder {
    design: Design,
    autoencoder: Autoencoder,
    /// The mean code, which is taken off.
    centre: Vec<f64>,
    /// Factor on the codes.
    numeric_scale: f64,
    names: Vec<NameBlock>,
}

impl AutoencoderEmbedder {
    /// Learns scaling and codes from the tracks.
    ///
    /// # Errors
    ///
    /// If the schema or the configuration is invalid, or the schema has no numeric column that tells tracks apart: names
    /// alone need no codes.
    pub fn fit(
        schema: &Schema,
        config: &AutoencoderConfig,
        features: &Features<'_>,
    ) -> Result<Self, Error> {
        schema.validate()?;
        config.validate()?;
        let design = Design::fit(schema, features);
        if design.dim() == 0 {
            return Err(Error::NothingKnown);
        }
        let rows = design.read(features);
        let mut row = vec![0.0; design.dim()];
        let (mut values, mut known) = (Vec::new(), Vec::new());
        for track in 0..features.rows() {
            if rows.write(track, &mut row) {
                values.extend_from_slice(&row);
                known.extend(rows.known(track));
            }
        }
        let points = Points::new(design.dim(), values);
        let is_known = |row: usize, column: usize| known[row * design.dim() + column];
        let autoencoder = Autoencoder::fit(&points, is_known, config)?;
        let mut codes = vec![0.0; points.len() * config.dim];
        for (row, code) in points.rows().zip(codes.chunks_exact_mut(config.dim)) {
            autoencoder.encode(row, code);
        }
        let codes = Points::new(config.dim, codes);
        let centre = codes.means(&vec![0; codes.len()], 1).as_slice().to_vec();
        let squares: f64 = codes
            .rows()
            .map(|code| crate::points::squared_distance(code, &centre))
            .sum();
        let length = (squares / codes.len() as f64).sqrt();
        Ok(Self {
            autoencoder,
            centre,
            numeric_scale: match length > 0.0 {
                true => f64::from(config.numeric_weight) / length,
                false => 0.0,
            },
            names: fit_names(schema, features),
            design,
        })
    }
}

impl Embedder for AutoencoderEmbedder {
    fn dim(&self) -> usize {
        self.autoencoder.dim() + names::dim(&self.names)
    }

    fn embed(&self, features: &Features<'_>) -> Dense {
        let numbers = self.design.read(features);
        let names = NameRows::new(&self.names, features);
        let scratch = || vec![0.0; self.design.dim()];
        unit_rows(features.rows(), self.dim(), scratch, |row, scratch, out| {
            let (numeric, rest) = out.split_at_mut(self.autoencoder.dim());
            if numbers.write(row, scratch) {
                self.autoencoder.encode(scratch, numeric);
                for (x, centre) in numeric.iter_mut().zip(&self.centre) {
                    *x = (*x - centre) * self.numeric_scale;
                }
            }
            names.write(row, rest);
        })
    }
}

/// What a stored [`AutoencoderEmbedder`] holds before its parts are known to fit together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    design: Design,
    autoencoder: Autoencoder,
    centre: Vec<f64>,
    numeric_scale: f64,
    names: Vec<NameBlock>,
}

impl TryFrom<Stored> for AutoencoderEmbedder {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored {
            design,
            autoencoder,
            centre,
            numeric_scale,
            names,
        } = stored;
        if !autoencoder.reads(design.dim()) || centre.len() != autoencoder.dim() {
            return Err("the autoencoder does not match the numeric columns");
        }
        Ok(Self {
            design,
            autoencoder,
            centre,
            numeric_scale,
            names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedder() -> (AutoencoderEmbedder, Dense) {
        let rows = 60;
        let at = |row: usize, by: f32| (row as f32 * by).sin();
        let mut energy: Vec<f32> = (0..rows).map(|row| at(row, 0.7)).collect();
        energy[3] = f32::NAN;
        let features = Features::new(rows + 1)
            .numeric("energy", energy)
            .numeric(
                "tempo",
                (0..rows).map(|row| at(row, 1.3)).collect::<Vec<f32>>(),
            )
            .category("artist", vec![0, 1, 0], ["a", "b"]);
        let config = AutoencoderConfig {
            dim: 2,
            hidden: 8,
            epochs: 20,
            ..AutoencoderConfig::default()
        };
        let fitted = AutoencoderEmbedder::fit(&Schema::default(), &config, &features).unwrap();
        let embedded = fitted.embed(&features);
        (fitted, embedded)
    }

    #[test]
    fn tracks_are_unit_vectors_with_names_beside_codes_and_zero_where_nothing_is_known() {
        let (fitted, tracks) = embedder();
        assert_eq!(fitted.dim(), 2 + 96);
        for row in 0..60 {
            let square: f32 = tracks.row(row).iter().map(|x| x * x).sum();
            assert!((square - 1.0).abs() < 1e-5, "{row}");
        }
        assert!(tracks.row(60).iter().all(|&x| x == 0.0));
        assert!(tracks.row(0)[2..].iter().any(|&x| x != 0.0));
        assert!(tracks.row(5)[2..].iter().all(|&x| x == 0.0));
    }

    #[test]
    fn it_survives_json_unless_its_parts_do_not_fit() {
        let (fitted, _) = embedder();
        let json = serde_json::to_string(&fitted).unwrap();
        assert_eq!(
            serde_json::from_str::<AutoencoderEmbedder>(&json).unwrap(),
            fitted
        );
        let mut broken: serde_json::Value = serde_json::from_str(&json).unwrap();
        broken["centre"].as_array_mut().unwrap().pop();
        let error = serde_json::from_value::<AutoencoderEmbedder>(broken).unwrap_err();
        assert!(error.to_string().contains("does not match"), "{error}");
    }
}
