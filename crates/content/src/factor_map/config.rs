use serde::{Deserialize, Serialize};

use crate::Error;

/// Settings of [`predict_factors`](crate::predict_factors).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FactorMapConfig {
    /// Whether tracks without listeners get factors, by which they are found like others; without, they have no place where
    /// listeners alone count.
    pub enabled: bool,
    /// Tracks that the kernel compares with; time grows with its square, at least 1.
    pub landmarks: usize,
    /// Two tracks as far apart as two at random are alike by `exp(-2 gamma)`; above 0. The larger, the more the nearest tracks
    /// decide.
    pub gamma: f64,
    /// Share of the likeness that goes by directions from the mean track alone, from 0 to 1.
    pub directions: f64,
    /// How strongly the numbers' part is held at the mean; above 0.
    pub ridge: f64,
    /// So many tracks of an artist (a genre, a tag) weigh as much as the prediction without it; above 0.
    pub shrinkage: f64,
    /// Tracks with fewer listeners are not learned from, at least 1.
    pub min_listeners: u32,
    /// How far training pulls the factors of tracks with listeners towards what is predicted of them, rather than towards
    /// zero, from 0 to 1. It tells most of tracks with few listeners.
    pub prior: f64,
}

impl Default for FactorMapConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            landmarks: 2_000,
            gamma: 1.0,
            directions: 0.5,
            ridge: 2.0,
            shrinkage: 1.0,
            min_listeners: 1,
            prior: 0.0,
        }
    }
}

impl FactorMapConfig {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    ///
    /// Names the setting that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        let positive = [
            ("gamma", self.gamma),
            ("ridge", self.ridge),
            ("shrinkage", self.shrinkage),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::NotPositive {
                    name: name.to_owned(),
                });
            }
        }
        for (name, value) in [("prior", self.prior), ("directions", self.directions)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Share {
                    name,
                    value: value.to_string(),
                });
            }
        }
        match self.landmarks {
            0 => Err(Error::ZeroDimension {
                name: "landmarks".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        let named = |change: fn(&mut FactorMapConfig)| {
            let mut config = FactorMapConfig::default();
            change(&mut config);
            config.validate().expect_err("out of range").to_string()
        };
        let cases = [
            ("gamma", named(|c| c.gamma = f64::NAN)),
            ("ridge", named(|c| c.ridge = 0.0)),
            ("shrinkage", named(|c| c.shrinkage = f64::INFINITY)),
            ("prior", named(|c| c.prior = 1.5)),
            ("directions", named(|c| c.directions = -0.1)),
            ("directions", named(|c| c.directions = f64::NAN)),
            ("landmarks", named(|c| c.landmarks = 0)),
        ];
        for (name, complaint) in cases {
            assert!(complaint.contains(name), "{name}: {complaint}");
        }
        assert_eq!(FactorMapConfig::default().validate(), Ok(()));
    }
}
