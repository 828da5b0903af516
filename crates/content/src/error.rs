/// Why a schema, a configuration or the data does not make an embedding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A column is named twice; name it once.
    #[error("column `{column}` appears twice")]
    DuplicateColumn {
        /// The column's name.
        column: String,
    },
    /// A weight is negative, NaN or infinite.
    #[error("the weight of `{name}` must be a finite number of at least 0")]
    Weight {
        /// The column or setting that has the weight.
        name: String,
    },
    /// A cyclic column's period is not a positive finite number.
    #[error("the period of cyclic column `{column}` must be a positive finite number")]
    Period {
        /// The column's name.
        column: String,
    },
    /// A setting that must be above 0 is not.
    #[error("`{name}` must be a finite number above 0")]
    NotPositive {
        /// The setting.
        name: String,
    },
    /// A number of dimensions is zero.
    #[error("the number of dimensions of `{name}` must be at least 1")]
    ZeroDimension {
        /// The column or setting.
        name: String,
    },
    /// A setting that counts something is too small.
    #[error("`{name}` must be at least {least}, is {found}")]
    TooSmall {
        /// The setting.
        name: &'static str,
        /// What it is.
        found: usize,
        /// What it must be at least.
        least: usize,
    },
    /// A setting that is a share is none; 0 and 1 themselves are not of use everywhere.
    #[error("`{name}` must lie between 0 and 1, is {value}")]
    Share {
        /// The setting.
        name: &'static str,
        /// What it is.
        value: String,
    },
    /// A number of tastes is not one that a listener can have.
    #[error("`modes` must be from 1 to {}, is {found}", crate::MOST_MODES)]
    Modes {
        /// What it is.
        found: usize,
    },
    /// A list of values to choose from is empty or has one that cannot be.
    #[error("`{name}` needs at least one number, each finite and above 0")]
    NoneToChoose {
        /// The setting.
        name: &'static str,
    },
    /// No column of the schema has a usable value in the data: there is nothing to embed.
    #[error("no column of the feature schema has usable values in the data")]
    NothingKnown,
    /// The column to take ready-made vectors from is not in the data.
    #[error("there is no vector column `{column}`")]
    NoVectors {
        /// The column's name.
        column: String,
    },
    /// The eigenvalues of the numeric columns' covariance could not be computed.
    #[error("the principal components of the numeric columns could not be computed")]
    NoConvergence,
    /// A regression has too few rows for its columns.
    #[error("{rows} rows are too few: a regression needs at least {needed} here")]
    TooFewRows {
        /// How many rows there are.
        rows: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A number of clusters is not one that can be asked for.
    #[error(
        "the number of clusters must be \"auto\", 0 for none, or from 2 to {most}; it is {found}"
    )]
    Clusters {
        /// What was asked for.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}
