use serde::{Deserialize, Serialize};

use crate::Error;

/// How many tastes a listener may have at most.
pub const MOST_MODES: usize = 8;

/// How listening becomes a taste vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TasteConfig {
    /// What a track's strength weighs.
    pub weighting: Weighting,
    /// How much of a taste is that of the listener's recent plays, from 0 to 1; the rest is that of all of them. Plays need
    /// times.
    pub recent_share: f64,
    /// Days by which a play is older than the listener's last one until it is half as recent; above 0.
    pub recent_half_life_days: f64,
    /// How many tastes a listener may have, from 1 to [`MOST_MODES`]: groups of tracks that are like each other. A track scores
    /// by the taste that it suits best, and every one is a search of its own.
    pub modes: usize,
    /// What each of several tastes weighs beside the whole, which weighs 1; above 0.
    pub mode_weight: f64,
}

impl Default for TasteConfig {
    fn default() -> Self {
        Self {
            weighting: Weighting::default(),
            recent_share: 0.0,
            recent_half_life_days: 14.0,
            modes: 1,
            mode_weight: 1.0,
        }
    }
}

impl TasteConfig {
    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// The first one that is out of range.
    pub fn validate(&self) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.recent_share) {
            return Err(Error::Share {
                name: "recent_share",
                value: self.recent_share.to_string(),
            });
        }
        let positive = [
            ("recent_half_life_days", self.recent_half_life_days),
            ("mode_weight", self.mode_weight),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::NotPositive {
                    name: name.to_owned(),
                });
            }
        }
        match (1..=MOST_MODES).contains(&self.modes) {
            true => Ok(()),
            false => Err(Error::Modes { found: self.modes }),
        }
    }
}

/// What a track of a given strength (number of plays, say) weighs in the mean. Tracks without positive strength, such
/// as skipped ones, weigh nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weighting {
    /// `ln(1 + strength)`: the hundredth play says less than the second.
    #[default]
    Log,
    /// `strength`.
    Linear,
    /// 1.
    Constant,
}

impl Weighting {
    /// The weight of `strength`.
    pub fn weight(self, strength: f32) -> f64 {
        if strength <= 0.0 {
            return 0.0;
        }
        match self {
            Self::Log => f64::from(strength).ln_1p(),
            Self::Linear => f64::from(strength),
            Self::Constant => 1.0,
        }
    }
}
