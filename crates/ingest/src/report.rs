use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// Why a row was rejected, or what was wrong with a row that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The user id is null or empty. Rejected.
    MissingUserId,
    /// The user id is longer than 256 bytes. Rejected.
    UserIdTooLong,
    /// The user id is binary and not UTF-8. Rejected.
    UserIdNotUtf8,
    /// The track id is null or empty. Rejected.
    MissingTrackId,
    /// The track id is longer than 256 bytes. Rejected.
    TrackIdTooLong,
    /// The track id is binary and not UTF-8. Rejected.
    TrackIdNotUtf8,
    /// An earlier row has the same track id. Rejected: the first row wins.
    DuplicateTrackId,
    /// An earlier row of a list of ids has the same id. Rejected: once is enough.
    DuplicateId,
    /// The play count is negative or not finite. Rejected.
    BadPlayCount,
    /// The play count is zero: not a play. Rejected.
    ZeroPlayCount,
    /// The milliseconds played are negative or not finite. Rejected.
    BadMsPlayed,
    /// The time of the play is before 1970 or after 2106. Rejected.
    PlayedAtOutOfRange,
    /// The time of the play is null, but a half-life needs it. Rejected.
    MissingPlayedAt,
    /// The play count is above 1,000,000 and was taken as that. Kept.
    PlayCountClipped,
    /// A feature is NaN or infinite and was taken as missing. Kept; every such value is counted.
    FeatureNotFinite,
    /// The year of release is outside 1000 to 2999 (0 included) or unreadable and was taken as missing. Kept.
    BadYear,
    /// The duration is not positive, not finite or longer than 49 days and was taken as missing. Kept.
    BadDuration,
    /// A tag or other text is binary and not UTF-8 and was taken as missing. Kept.
    TextNotUtf8,
    /// The embedding's length differs from that of the first embedding and it was taken as missing. Kept.
    EmbeddingLength,
    /// The embedding has a number that is null or not finite and was taken as missing. Kept.
    EmbeddingNotFinite,
}

impl Reason {
    /// Whether rows with this problem were rejected; otherwise they were kept, with something about them changed.
    pub fn rejects(self) -> bool {
        !matches!(
            self,
            Self::PlayCountClipped
                | Self::FeatureNotFinite
                | Self::BadYear
                | Self::BadDuration
                | Self::TextNotUtf8
                | Self::EmbeddingLength
                | Self::EmbeddingNotFinite
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingUserId => "user id null or empty",
            Self::UserIdTooLong => "user id longer than 256 bytes",
            Self::UserIdNotUtf8 => "user id not UTF-8",
            Self::MissingTrackId => "track id null or empty",
            Self::TrackIdTooLong => "track id longer than 256 bytes",
            Self::TrackIdNotUtf8 => "track id not UTF-8",
            Self::DuplicateTrackId => "track id seen before",
            Self::DuplicateId => "id seen before",
            Self::BadPlayCount => "play count negative or not finite",
            Self::ZeroPlayCount => "play count zero",
            Self::BadMsPlayed => "milliseconds played negative or not finite",
            Self::PlayedAtOutOfRange => "time of play outside 1970 to 2106",
            Self::MissingPlayedAt => "time of play null, but half_life_days needs it",
            Self::PlayCountClipped => "play count above 1,000,000 clipped",
            Self::FeatureNotFinite => "feature not finite, taken as missing",
            Self::BadYear => "year outside 1000 to 2999, taken as missing",
            Self::BadDuration => "duration unusable, taken as missing",
            Self::TextNotUtf8 => "text not UTF-8, taken as missing",
            Self::EmbeddingLength => "embedding of another length, taken as missing",
            Self::EmbeddingNotFinite => "embedding not finite, taken as missing",
        })
    }
}

/// Where a row is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The row in the file, counting from 0.
    pub row: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, row {}", self.path.display(), self.row)
    }
}

/// How often something was wrong, and the first place where it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// The first place.
    pub first: Place,
}

/// Something about the files themselves that the reader coped with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// No file has this configured feature.
    FeatureMissing {
        /// The feature's column name.
        name: String,
    },
    /// A feature of the default set is not numeric in this data and was left out.
    FeatureNotNumeric {
        /// The feature's column name.
        name: String,
        /// The type the column has.
        found: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FeatureMissing { name } => write!(f, "no column for the feature {name}"),
            Self::FeatureNotNumeric { name, found } => {
                write!(
                    f,
                    "the feature {name} is {found}, not numeric, and left out"
                )
            }
        }
    }
}

/// What was wrong with the rows and files read, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many rows were read, good and bad.
    pub rows: u64,
    /// Problems of rows.
    pub tallies: BTreeMap<Reason, Tally>,
    /// Problems of files.
    pub notices: Vec<Notice>,
}

impl Report {
    /// How many rows or values had that problem.
    pub fn count(&self, reason: Reason) -> u64 {
        self.tallies.get(&reason).map_or(0, |tally| tally.count)
    }

    /// How many rows were rejected.
    pub fn rejected(&self) -> u64 {
        let rejecting = self.tallies.iter().filter(|(reason, _)| reason.rejects());
        rejecting.map(|(_, tally)| tally.count).sum()
    }

    /// Whether nothing at all was wrong.
    pub fn is_clean(&self) -> bool {
        self.tallies.is_empty() && self.notices.is_empty()
    }

    pub(crate) fn note(&mut self, reason: Reason, path: &Path, row: u64) {
        self.tallies
            .entry(reason)
            .and_modify(|tally| tally.count += 1)
            .or_insert_with(|| Tally {
                count: 1,
                first: Place {
                    path: path.to_path_buf(),
                    row,
                },
            });
    }
}

impl fmt::Display for Report {
    /// One line: rows, then every problem with its count and first place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows read, {} rejected", self.rows, self.rejected())?;
        for (reason, Tally { count, first }) in &self.tallies {
            write!(f, "; {reason}: {count} (first: {first})")?;
        }
        for notice in &self.notices {
            write!(f, "; {notice}")?;
        }
        Ok(())
    }
}
