use serde::{Deserialize, Serialize};

use crate::Error;

/// The audio features of the Spotify Web API, the default of [`TrackColumns::features`].
pub const SPOTIFY_FEATURES: [&str; 13] = [
    "danceability",
    "energy",
    "key",
    "loudness",
    "mode",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
    "time_signature",
];

/// Names of the columns of a play log.
///
/// Only the two ids are required. An optional column that is not in the files is simply unknown, unless it was given a
/// name other than its default: then it was asked for, and a file without it is an error. A column that is in the
/// file wins over a `name=value` directory of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlayColumns {
    /// Who listened: text, or integers, which become their decimal text. Required. Default `user_id`.
    pub user_id: String,
    /// What was listened to: text or integers. Required. Default `track_id`.
    pub track_id: String,
    /// When: a timestamp of any unit and time zone, a date, or a number since 1970 whose unit is told by its size:
    /// below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds, otherwise nanoseconds. Default
    /// `played_at`.
    pub played_at: String,
    /// How many plays the row stands for: any numeric type; null is 1. Default `play_count`.
    pub play_count: String,
    /// How long was listened, in milliseconds: any numeric type. Default `ms_played`.
    pub ms_played: String,
    /// Whether the listener skipped the track: boolean, or a number that is not 0. Default `skipped`.
    pub skipped: String,
}

impl Default for PlayColumns {
    fn default() -> Self {
        Self {
            user_id: "user_id".into(),
            track_id: "track_id".into(),
            played_at: "played_at".into(),
            play_count: "play_count".into(),
            ms_played: "ms_played".into(),
            skipped: "skipped".into(),
        }
    }
}

/// How a play log becomes strengths; the formula is in the [crate's description](crate).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlayOptions {
    /// Names of the columns.
    pub columns: PlayColumns,
    /// After how many days a play counts half, counted back from the newest play in the files. Finite and above 0;
    /// absent (the default) means that age does not matter. Rows without a time are then rejected.
    pub half_life_days: Option<f64>,
    /// How many full plays one skip takes away, 0 or more. The default 0.5 lets two skips cancel one full play.
    pub skip_penalty: f32,
}

impl Default for PlayOptions {
    fn default() -> Self {
        Self {
            columns: PlayColumns::default(),
            half_life_days: None,
            skip_penalty: 0.5,
        }
    }
}

impl PlayOptions {
    /// Checks that every option is in range.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] naming the first that is not.
    pub fn validate(&self) -> Result<(), Error> {
        let columns = &self.columns;
        check_names(&[
            ("user_id", &columns.user_id),
            ("track_id", &columns.track_id),
            ("played_at", &columns.played_at),
            ("play_count", &columns.play_count),
            ("ms_played", &columns.ms_played),
            ("skipped", &columns.skipped),
        ])?;
        if let Some(days) = self.half_life_days.filter(|&d| !(d.is_finite() && d > 0.0)) {
            return Err(Error::InvalidOption {
                option: "half_life_days",
                value: days.to_string(),
                expected: "give a number of days above 0, or leave it out",
            });
        }
        if !(self.skip_penalty.is_finite() && self.skip_penalty >= 0.0) {
            return Err(Error::InvalidOption {
                option: "skip_penalty",
                value: self.skip_penalty.to_string(),
                expected: "give a number of plays, 0 or more",
            });
        }
        Ok(())
    }
}

/// Names of the columns of a track table.
///
/// Only the id is required. An optional column that is not in the files is simply unknown, unless it was given a name
/// other than its default: then it was asked for, and a file without it is an error. Features that no file has are
/// reported, not refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrackColumns {
    /// The track's id: text, or integers, which become their decimal text. Required. Default `track_id`.
    pub track_id: String,
    /// Title: text. Default `title`.
    pub title: String,
    /// Performing artist: text or integers. Default `artist`.
    pub artist: String,
    /// Album: text or integers. Default `album`.
    pub album: String,
    /// Genre: text or integers. Default `genre`.
    pub genre: String,
    /// Tags: a list of texts, or one text with commas between the tags. Default `tags`.
    pub tags: String,
    /// Markets, such as countries, that a track may be played in, a list of texts, or one text with commas between them; a
    /// track without any may be played everywhere. Default `markets`.
    pub markets: String,
    /// Release date: a date, a timestamp, a year, or text that starts with a four-digit year. Used where `year` is
    /// unknown. Default `release_date`.
    pub release_date: String,
    /// Year of release: a number, or anything that `release_date` may be. Default `year`.
    pub year: String,
    /// Whether the lyrics are explicit: boolean, or a number that is not 0. Default `explicit`.
    pub explicit: String,
    /// Length in milliseconds: any numeric type. Default `duration_ms`.
    pub duration_ms: String,
    /// A ready-made content vector: a list of numbers, the same length for all tracks. Default `embedding`.
    pub embedding: String,
    /// Audio features: numeric or boolean columns. Default [`SPOTIFY_FEATURES`].
    pub features: Vec<String>,
}

impl Default for TrackColumns {
    fn default() -> Self {
        Self {
            track_id: "track_id".into(),
            title: "title".into(),
            artist: "artist".into(),
            album: "album".into(),
            genre: "genre".into(),
            tags: "tags".into(),
            markets: "markets".into(),
            release_date: "release_date".into(),
            year: "year".into(),
            explicit: "explicit".into(),
            duration_ms: "duration_ms".into(),
            embedding: "embedding".into(),
            features: SPOTIFY_FEATURES.map(String::from).into(),
        }
    }
}

impl TrackColumns {
    /// Checks that every name is set and that no column is read as two things. A feature may share its column with
    /// `duration_ms`, `year` or `explicit`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidOption`] naming the first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        check_names(&[
            ("track_id", &self.track_id),
            ("title", &self.title),
            ("artist", &self.artist),
            ("album", &self.album),
            ("genre", &self.genre),
            ("tags", &self.tags),
            ("markets", &self.markets),
            ("release_date", &self.release_date),
            ("year", &self.year),
            ("explicit", &self.explicit),
            ("duration_ms", &self.duration_ms),
            ("embedding", &self.embedding),
        ])?;
        let features: Vec<_> = self
            .features
            .iter()
            .map(|name| ("features", name))
            .collect();
        check_names(&features)
    }
}

fn check_names(names: &[(&'static str, &String)]) -> Result<(), Error> {
    for (at, &(option, name)) in names.iter().enumerate() {
        let expected = if name.is_empty() {
            "give the name of a column"
        } else if names[..at].iter().any(|&(_, earlier)| earlier == name) {
            "another option names the same column; give each its own"
        } else {
            continue;
        };
        return Err(Error::InvalidOption {
            option,
            value: format!("\"{name}\""),
            expected,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        PlayOptions::default().validate().unwrap();
        TrackColumns::default().validate().unwrap();
    }

    #[test]
    fn options_out_of_range_are_named() {
        let half_life = |days| PlayOptions {
            half_life_days: Some(days),
            ..Default::default()
        };
        for days in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = half_life(days).validate().unwrap_err();
            assert!(
                error.to_string().starts_with("half_life_days is"),
                "{error}"
            );
        }
        let penalty = PlayOptions {
            skip_penalty: -0.1,
            ..Default::default()
        };
        assert!(
            penalty
                .validate()
                .unwrap_err()
                .to_string()
                .starts_with("skip_penalty")
        );
        let mut twice = PlayOptions::default();
        twice.columns.skipped = "user_id".into();
        assert!(
            twice
                .validate()
                .unwrap_err()
                .to_string()
                .starts_with("skipped is \"user_id\"")
        );
        let mut features = TrackColumns::default();
        features.features.push("energy".into());
        assert!(features.validate().is_err());
        features.features = vec![String::new()];
        assert!(features.validate().is_err());
    }
}
