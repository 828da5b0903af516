use std::path::PathBuf;

/// Why rows, a query, a configuration or an index file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The blocks of the joint rows do not describe the same rows.
    #[error("block {block} has {found} rows where block 0 has {expected}")]
    RowCount {
        /// The block that differs.
        block: usize,
        /// Its number of rows.
        found: usize,
        /// The number of rows of the first block.
        expected: usize,
    },
    /// There are no blocks, a block without columns, or more rows than `u32` can number.
    #[error("cannot index {blocks} blocks of {rows} rows and {columns} columns in all")]
    Shape {
        /// Number of blocks.
        blocks: usize,
        /// Number of rows.
        rows: usize,
        /// Columns of all blocks together.
        columns: usize,
    },
    /// A stored value, or the length of a stored vector, is not a finite `f32`.
    #[error("row {row} of block {block} is not finite")]
    NotFinite {
        /// The block.
        block: usize,
        /// The row within it.
        row: usize,
    },
    /// A query holds NaN or infinity.
    #[error("the query's value {at} is not finite")]
    QueryNotFinite {
        /// Position in the query.
        at: usize,
    },
    /// A query is so long that scores could leave the range of `f32`.
    #[error("the query is too large: scores could reach {bound:e}")]
    QueryTooLarge {
        /// The largest score the query could have.
        bound: f64,
    },
    /// Stored vectors are so long that inner products among them could leave the range of `f32`, which no graph can be
    /// built on.
    #[error("the rows are too large for a graph: products could reach {bound:e}")]
    RowsTooLarge {
        /// The largest product two rows could have.
        bound: f64,
    },
    /// A configuration field is outside its range.
    #[error("{field}: {problem}")]
    Config {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The search was [cancelled](crate::Cancel) before it was done.
    #[error("the search was cancelled")]
    Cancelled,
    /// The approximate index could not be built or searched.
    #[error("the approximate index failed")]
    Graph(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An index file could not be written or read.
    #[error("{path}: the index file cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What the library found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An index file was built for other rows or another configuration.
    #[error("{path}: the file has {field} {found}, expected {expected}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        field: &'static str,
        /// Its value in the file.
        found: u64,
        /// The value the rows and the configuration ask for.
        expected: u64,
    },
}
