use crossfade_eval::Metric;
use serde::{Deserialize, Serialize};

/// How settings of the factorisation are searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TuneSettings {
    /// How many settings are tried with the first of `dims`; with each further one, a third of those before.
    pub trials: usize,
    /// Lengths of the factors to try, one after the other. What is learned with short ones, which train fast, serves the
    /// longer ones.
    pub dims: Vec<usize>,
    /// What is to be as large as possible on the validation plays.
    pub metric: Metric,
    /// Epochs of a trial at most. Every one is measured, and the best one becomes `factorisation.epochs`.
    pub epochs: usize,
    /// After how many epochs without a gain of a thousandth a trial ends.
    pub patience: usize,
    /// Users whose hidden plays trials are measured on. What share of their tracks, and which, is as for training:
    /// `validation.fraction`, `.order`, `.min_tracks` and `.seed`.
    pub users: usize,
    /// Seed of the search.
    pub seed: u64,
    /// Where to look.
    pub space: SpaceSettings,
}

impl Default for TuneSettings {
    fn default() -> Self {
        Self {
            trials: 24,
            dims: vec![32, 64, 128],
            metric: Metric::Ndcg(20),
            epochs: 16,
            patience: 3,
            users: 5_000,
            seed: 1,
            space: SpaceSettings::default(),
        }
    }
}

/// The ranges that settings are looked for in, as `[lowest, highest]`. Equal ends fix a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpaceSettings {
    /// `factorisation.alpha0`, by equal factors; positive.
    pub alpha0: Range,
    /// `factorisation.regularization`, by equal factors; positive. These are values at an exponent of 1: at another
    /// exponent the setting is scaled so that the mean pull on the factors stays the same.
    pub regularization: Range,
    /// `factorisation.regularization_exponent`, by equal steps; 0 or more.
    pub regularization_exponent: Range,
    /// `factorisation.confidence.popularity_exponent`, by equal steps; 0 or more.
    pub popularity_exponent: Range,
    /// `factorisation.confidence.alpha`, by equal factors of 1 + alpha; 0 or more. Not searched where all strengths of
    /// plays are equal.
    pub confidence_alpha: Range,
    /// `factorisation.confidence.epsilon`, by equal factors; positive. Not searched where `confidence_alpha` is not.
    pub confidence_epsilon: Range,
}

/// From the lowest value to the highest.
pub type Range = [f64; 2];

impl Default for SpaceSettings {
    fn default() -> Self {
        Self {
            alpha0: [0.001, 1.0],
            regularization: [0.0003, 0.03],
            regularization_exponent: [0.5, 1.25],
            popularity_exponent: [0.0, 0.5],
            confidence_alpha: [0.0, 10.0],
            confidence_epsilon: [0.5, 10.0],
        }
    }
}

impl TuneSettings {
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.trials > 0, "tune.trials must be at least 1");
        anyhow::ensure!(self.epochs > 0, "tune.epochs must be at least 1");
        anyhow::ensure!(self.patience > 0, "tune.patience must be at least 1");
        anyhow::ensure!(
            !self.dims.is_empty() && self.dims.iter().all(|&dim| dim > 0),
            "tune.dims must name at least one length, and each must be at least 1"
        );
        let space = &self.space;
        for (name, range, lowest) in [
            ("alpha0", space.alpha0, f64::MIN_POSITIVE),
            ("regularization", space.regularization, f64::MIN_POSITIVE),
            (
                "regularization_exponent",
                space.regularization_exponent,
                0.0,
            ),
            ("popularity_exponent", space.popularity_exponent, 0.0),
            ("confidence_alpha", space.confidence_alpha, 0.0),
            (
                "confidence_epsilon",
                space.confidence_epsilon,
                f64::MIN_POSITIVE,
            ),
        ] {
            let [low, high] = range;
            anyhow::ensure!(
                low >= lowest && low <= high && high.is_finite(),
                "tune.space.{name} is [{low}, {high}]; it must be [lowest, highest], both {}",
                if lowest > 0.0 {
                    "positive"
                } else {
                    "0 or more"
                }
            );
        }
        Ok(())
    }
}
