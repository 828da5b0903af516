use serde::{Deserialize, Serialize};

use crate::Error;

/// What to learn, and how hard.
///
/// The objective, for a set S of user-item pairs with listening, is
///
/// ```text
/// L = sum over (u,i) in S of  c_ui (1 - x_u.y_i)^2
///   + alpha0 * sum over all (u,i) of (x_u.y_i)^2
///   + sum over u of lambda_u |x_u|^2 + sum over i of lambda_i |y_i|^2
///
/// lambda_u = regularization * (items of u  + alpha0 * number of items)^regularization_exponent
/// lambda_i = regularization * (users of i  + alpha0 * number of users)^regularization_exponent
/// ```
///
/// as in Rendle, Krichene, Zhang and Koren, "Revisiting the Performance of iALS on Item Recommendation Benchmarks"
/// (2021), with the confidences of Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets"
/// (2008).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Length of every factor, at least 1. Quality rises with it, and so do memory (linearly), time (about
    /// quadratically) and the size of what is served.
    pub dim: usize,
    /// How many times both sides are solved, at least 1.
    pub epochs: usize,
    /// Weight of the wish that a pair scores 0, applied to every pair; positive. The larger it is, the more popular
    /// items are held down. The best value falls as the catalogue grows.
    pub alpha0: f64,
    /// Strength of the pull towards zero, positive. The larger it is, the less a factor follows a few entries.
    pub regularization: f64,
    /// How strongly a row's pull grows with its number of entries, 0 or more: 0 is the same for all rows, 1 grows in
    /// proportion.
    pub regularization_exponent: f64,
    /// How the strength of an entry turns into its weight.
    pub confidence: Confidence,
    /// Standard deviation of the random first item factors, positive; `None` is 0.1 / sqrt(dim).
    pub init_stddev: Option<f64>,
    /// Chooses the random first item factors. The same seed gives the same bits on any number of threads.
    pub seed: u64,
    /// How rows are solved.
    pub solver: Solver,
    /// For [`Solver::ConjugateGradients`]: the most steps in a row, at least 1.
    pub cg_steps: usize,
    /// For [`Solver::Subspace`]: coordinates solved together, at least 1.
    pub subspace_block: usize,
}

/// The weight of an entry: `c = (1 + alpha * ln(1 + strength / epsilon)) * s * n^-popularity_exponent`, for an item with n
/// entries, where s makes the mean of `s * n^-popularity_exponent` over all entries 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Confidence {
    /// How much strength counts, 0 or more; 0 makes every entry weigh 1.
    pub alpha: f64,
    /// The strength beyond which more of it counts only logarithmically, positive, in the unit of the strengths.
    pub epsilon: f64,
    /// How far the entries of popular items are held back, 0 or more: 0 is not at all, and about 0.1 finds more of the less
    /// known. The items that everybody has tell less of anybody. (Steck, "Item Popularity and Recommendation Accuracy",
    /// 2011.)
    pub popularity_exponent: f64,
}

/// How the rows of one side are solved while the other is fixed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Solver {
    /// Each row to the minimum of the objective, by Cholesky factorisation: [`Exact`](crate::Exact).
    Exact,
    /// Each row towards the minimum of the objective, from where it was: [`ConjugateGradients`](crate::ConjugateGradients).
    #[default]
    ConjugateGradients,
    /// Each row by blocks of its coordinates: [`Subspace`](crate::Subspace).
    Subspace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dim: 128,
            epochs: 8,
            alpha0: 0.01,
            regularization: 0.0025,
            regularization_exponent: 1.0,
            confidence: Confidence::default(),
            init_stddev: None,
            seed: 0,
            solver: Solver::default(),
            cg_steps: 2,
            subspace_block: 64,
        }
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Self {
            alpha: 0.0,
            epsilon: 1.0,
            popularity_exponent: 0.1,
        }
    }
}

impl Config {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the first field outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        at_least_one("dim", self.dim)?;
        at_least_one("epochs", self.epochs)?;
        positive("alpha0", self.alpha0)?;
        positive("regularization", self.regularization)?;
        not_negative("regularization_exponent", self.regularization_exponent)?;
        not_negative("confidence.alpha", self.confidence.alpha)?;
        positive("confidence.epsilon", self.confidence.epsilon)?;
        not_negative(
            "confidence.popularity_exponent",
            self.confidence.popularity_exponent,
        )?;
        positive("init_stddev", self.first_stddev())?;
        at_least_one("cg_steps", self.cg_steps)?;
        at_least_one("subspace_block", self.subspace_block)
    }

    /// The pull towards zero (or towards its prior) of a row with `entries` entries, when the other side has
    /// `opposite` rows: lambda_u or lambda_i.
    pub fn pull(&self, entries: usize, opposite: usize) -> f64 {
        let weight = entries as f64 + self.alpha0 * opposite as f64;
        self.regularization * weight.powf(self.regularization_exponent)
    }

    /// The standard deviation that the first item factors are drawn with.
    pub(crate) fn first_stddev(&self) -> f64 {
        self.init_stddev
            .unwrap_or_else(|| 0.1 / (self.dim as f64).sqrt())
    }
}

impl Confidence {
    /// The weight of an entry of `strength`, before the popularity of its item.
    pub fn of(&self, strength: f32) -> f32 {
        (1.0 + self.alpha * (f64::from(strength) / self.epsilon).ln_1p()) as f32
    }
}

fn at_least_one(field: &'static str, value: usize) -> Result<(), Error> {
    check(value >= 1, field, value as f64, "at least 1")
}

fn positive(field: &'static str, value: f64) -> Result<(), Error> {
    let holds = value > 0.0 && value.is_finite();
    check(holds, field, value, "positive and finite")
}

fn not_negative(field: &'static str, value: f64) -> Result<(), Error> {
    let holds = value >= 0.0 && value.is_finite();
    check(holds, field, value, "finite and not negative")
}

fn check(holds: bool, field: &'static str, value: f64, range: &'static str) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Config {
            field,
            value,
            range,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn a_setting_outside_its_range_is_named() {
        for (bad, name) in [
            ("dim = 0", "dim"),
            ("epochs = 0", "epochs"),
            ("alpha0 = 0.0", "alpha0"),
            ("regularization = -1.0", "regularization"),
            ("regularization_exponent = nan", "regularization_exponent"),
            ("confidence.alpha = -0.5", "confidence.alpha"),
            ("confidence.epsilon = 0.0", "confidence.epsilon"),
            (
                "confidence.popularity_exponent = -0.1",
                "confidence.popularity_exponent",
            ),
            ("cg_steps = 0", "cg_steps"),
            ("subspace_block = 0", "subspace_block"),
            ("init_stddev = inf", "init_stddev"),
        ] {
            let config: Config = toml::from_str(bad).unwrap();
            let error = config.validate().unwrap_err();
            assert!(matches!(error, Error::Config { field, .. } if field == name));
        }
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(toml::from_str::<Config>("factors = 64").is_err());
        assert!(toml::from_str::<Config>("solver = \"exact\"").is_ok());
    }

    #[test]
    fn confidence_grows_with_the_logarithm_of_strength() {
        let constant = Confidence::default();
        assert_eq!(constant.of(7.0), 1.0);
        let growing = Confidence {
            alpha: 2.0,
            epsilon: 0.5,
            ..Confidence::default()
        };
        // 1 + 2 ln(1 + 1.5 / 0.5) = 1 + 2 ln 4
        assert_eq!(growing.of(1.5), (1.0 + 2.0 * 4.0_f64.ln()) as f32);
    }
}
