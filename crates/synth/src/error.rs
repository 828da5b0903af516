/// Why a world cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number of users, tracks, plays or days is out of range.
    #[error("`{name}` must be from {least} to {most}, not {value}")]
    OutOfRange {
        /// The setting's name.
        name: &'static str,
        /// The least value allowed.
        least: u64,
        /// The greatest value allowed.
        most: u64,
        /// The value given.
        value: u64,
    },
    /// A share is not between 0 and its greatest value.
    #[error("`{name}` must be a share from 0 to {most}")]
    Share {
        /// The setting's name.
        name: &'static str,
        /// The greatest value allowed, in words.
        most: &'static str,
    },
    /// Not a date such as `2024-01-31`.
    #[error("`{text}` is not a date of the form 2024-01-31")]
    Date {
        /// What was given.
        text: String,
    },
}
