use std::{io, path::PathBuf};

use parquet::errors::ParquetError;

use crate::Report;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is out of range; nothing was read.
    #[error("{option} is {value}: {expected}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// The value it has.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The operating system refused: no such file, no permission, disk full.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// A directory holds no file to read.
    #[error(
        "no Parquet files in {}: files must end in .parquet, and names that start with '_' or '.' are ignored",
        path.display()
    )]
    NoFiles {
        /// The directory.
        path: PathBuf,
    },
    /// A file is not Parquet, is truncated or has corrupt pages.
    #[error("cannot read {}{}: it is not Parquet, or truncated, or damaged; write it again", path.display(), place(*row_group, column.as_deref()))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The row group, counting from 0; `None` when the file's metadata cannot be read.
        row_group: Option<usize>,
        /// The column, when a single one is to blame.
        column: Option<String>,
        /// What the decoder said.
        #[source]
        source: ParquetError,
    },
    /// A column that is required, or that the configuration names, is not in a file.
    #[error(
        "{} has no column \"{column}\"; it has: {}. Rename the column or set its name under columns.{option}",
        path.display(),
        available.join(", ")
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The name looked for.
        column: String,
        /// The option that configures the name.
        option: &'static str,
        /// The columns the file has.
        available: Vec<String>,
    },
    /// A column has a type that does not carry the values expected of it.
    #[error("column \"{column}\" of {} is {found}, expected {expected}; {remedy}", path.display())]
    WrongType {
        /// The file. Parquet files have one type per column, so all row groups are affected.
        path: PathBuf,
        /// The column.
        column: String,
        /// The type it has.
        found: String,
        /// The types it may have.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A `column=value` part of a path does not hold a value of the column's type.
    #[error(
        "the path of {} sets {column} to \"{value}\", expected {expected}; rename the directory",
        path.display()
    )]
    PartitionValue {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The value in the path.
        value: String,
        /// The types it may have.
        expected: &'static str,
    },
    /// A half-life is set, but no file says when plays happened.
    #[error(
        "half_life_days is set, but no file in {} has a column \"{column}\"; leave half_life_days out or set columns.played_at",
        path.display()
    )]
    NoTimes {
        /// Where plays were read from.
        path: PathBuf,
        /// The column looked for.
        column: String,
    },
    /// There was not a single usable row.
    #[error("{} has no usable {what}: {report}", path.display())]
    Empty {
        /// Where rows were read from.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why rows were rejected.
        report: Report,
    },
    /// There are more distinct ids than dense indices.
    #[error("more than 2^32 - 1 distinct {what} in {}", path.display())]
    TooManyIds {
        /// Where rows were read from.
        path: PathBuf,
        /// Users or tracks.
        what: &'static str,
    },
    /// Rows could not be encoded or written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file being written.
        path: PathBuf,
        /// What the encoder said.
        #[source]
        source: ParquetError,
    },
}

fn place(row_group: Option<usize>, column: Option<&str>) -> String {
    let group = row_group.map_or(String::new(), |group| format!(", row group {group}"));
    let column = column.map_or(String::new(), |name| format!(", column \"{name}\""));
    group + &column
}
