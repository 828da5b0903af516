use serde::{Deserialize, Serialize};

use crate::names::GENRES;
use crate::{Date, Error};

/// How large a world is, and what of chance. The default is a sample of a year that a laptop handles in a second.
///
/// Memory grows with `tracks` (about 120 bytes each) and `users` (8 bytes each), not with `plays`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldConfig {
    /// Listeners, 1 to 100 million.
    pub users: u32,
    /// Tracks, 100 to 100 million.
    pub tracks: u32,
    /// Plays in all: exactly as many are made. Up to 25 a day and user on average.
    pub plays: u64,
    /// Share of tracks that came out in the last days and have no plays yet, 0 to 0.5.
    pub cold_share: f64,
    /// Styles of music, each a genre with a name of its own; 1 to 40.
    pub styles: u32,
    /// The first day.
    pub start: Date,
    /// How many days the plays span, 1 to 3650.
    pub days: u32,
    /// Worlds of different seeds have nothing in common.
    pub seed: u64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            users: 2_000,
            tracks: 5_000,
            plays: 150_000,
            cold_share: 0.05,
            styles: 24,
            // 2024-01-01.
            start: Date::from_days(19_723),
            days: 365,
            seed: 1,
        }
    }
}

impl WorldConfig {
    /// Plays per user and day, on average, that a day has time for even for the most eager listener.
    const PLAYS_A_DAY: u64 = 25;

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// If a setting is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        let most_plays = u64::from(self.users) * u64::from(self.days) * Self::PLAYS_A_DAY;
        for (name, value, least, most) in [
            ("users", u64::from(self.users), 1, 100_000_000),
            ("tracks", u64::from(self.tracks), 100, 100_000_000),
            ("days", u64::from(self.days), 1, 3_650),
            ("styles", u64::from(self.styles), 1, GENRES.len() as u64),
            ("plays", self.plays, 0, most_plays),
        ] {
            if !(least..=most).contains(&value) {
                return Err(Error::OutOfRange {
                    name,
                    least,
                    most,
                    value,
                });
            }
        }
        match (0.0..=0.5).contains(&self.cold_share) {
            true => Ok(()),
            false => Err(Error::Share {
                name: "cold_share",
                most: "0.5",
            }),
        }
    }

    /// Length of the world in milliseconds.
    pub(crate) fn span_ms(&self) -> i64 {
        i64::from(self.days) * 86_400_000
    }

    pub(crate) fn artists(&self) -> u32 {
        self.tracks.div_ceil(8)
    }

    pub(crate) fn scenes_per_style(&self) -> u32 {
        let tracks_per_style = f64::from(self.tracks) / f64::from(self.styles);
        ((tracks_per_style.sqrt() / 3.0) as u32).clamp(2, 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_sample_year() {
        let config = WorldConfig::default();
        config.validate().unwrap();
        assert_eq!(config.start.to_string(), "2024-01-01");
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains("\"2024-01-01\""));
        assert_eq!(serde_json::from_str::<WorldConfig>(&json).unwrap(), config);
    }

    #[test]
    fn every_setting_out_of_range_is_named() {
        let check = |config: WorldConfig, expected: &str| {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        let default = WorldConfig::default;
        check(
            WorldConfig {
                users: 0,
                ..default()
            },
            "`users`",
        );
        check(
            WorldConfig {
                tracks: 99,
                ..default()
            },
            "`tracks`",
        );
        check(
            WorldConfig {
                days: 0,
                ..default()
            },
            "`days`",
        );
        check(
            WorldConfig {
                styles: 41,
                ..default()
            },
            "`styles`",
        );
        check(
            WorldConfig {
                plays: u64::MAX,
                ..default()
            },
            "`plays`",
        );
        check(
            WorldConfig {
                cold_share: f64::NAN,
                ..default()
            },
            "`cold_share`",
        );
    }
}
