/// Why factors could not be learned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting lies outside its range; nothing was computed.
    #[error("{field} = {value}, but it must be {range}")]
    Config {
        /// The field of [`Config`](crate::Config), dotted where nested.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        range: &'static str,
    },
    /// An entry is stored although it stands for no listening; filter such entries out first.
    #[error("the strength of user {user} and item {item} is {strength}, not positive")]
    NotPositive {
        /// The entry's user.
        user: usize,
        /// The entry's item.
        item: usize,
        /// The entry's strength.
        strength: f32,
    },
    /// The normal equations of a row are not positive definite in single precision: raise `regularization`, or lower
    /// the confidences.
    #[error("the normal equations of row {row} are not positive definite in single precision")]
    NotDefinite {
        /// The row of the side being solved.
        row: usize,
    },
    /// The Gramian has no eigen-decomposition, because it is not finite: factors have overflowed.
    #[error("the Gramian of the factors has no eigen-decomposition; are all factors finite?")]
    Gramian,
}
