/// Why an experiment cannot be run, or numbers not be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A definition says something that cannot be.
    #[error("{field} is {found}; {expected}")]
    Definition {
        /// Which field.
        field: String,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A token was not made by this key for this user, or was changed.
    #[error("the attribution token was not issued to this user, or was changed")]
    Forged,
    /// A logged choice has a probability that none can have, or a reward that is no number.
    #[error("entry {place} has {field} {value}; {expected}")]
    Logged {
        /// Which, from 0.
        place: usize,
        /// What of it.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// The policy in question does what the logging one never did, so the log cannot tell what comes of it.
    #[error(
        "the log supports {:.1} % of what the ranking would show (mean weight {weight:.3}, at most {most:.3}, and not 1); log with a \
         wider choice, or estimate a ranking nearer to the one that was served",
        100.0 * covered
    )]
    Unsupported {
        /// Mean share of the policy's choices that could have been logged.
        covered: f64,
        /// Mean importance weight; 1 where everything is supported.
        weight: f64,
        /// The most that it can be, four standard errors above.
        most: f64,
    },
    /// There is too little to estimate anything from.
    #[error("{found} users are too few to estimate from; at least {least} are needed")]
    TooFew {
        /// How many there are.
        found: u64,
        /// How many there must be.
        least: u64,
    },
}
