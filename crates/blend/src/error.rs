/// Why a model cannot be used or a ranking cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two parts of a model do not belong together.
    #[error("the model has {found} {what} where {expected} are needed")]
    Inconsistent {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A parameter is outside its range.
    #[error("blend parameter {name} is {value}, which is not {range}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A mood is wanted of tracks of which it is not known.
    #[error("the tracks have no features \"valence\" and \"energy\", which a mood is made of")]
    NoMood,
    /// Retrieval failed.
    #[error("retrieval failed")]
    Retrieval(#[from] crossfade_index::Error),
    /// The factors cannot be folded into.
    #[error("fold-in is impossible")]
    FoldIn(#[from] crossfade_mf::Error),
}
