/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows read so far.
    pub rows: u64,
    /// Bytes of the files read so far, estimated within a file by its share of rows; never falls.
    pub bytes: u64,
    /// Bytes of all files to be read.
    pub total_bytes: u64,
}

/// Called after every batch of rows (some tens of thousands) and once at the end of every file.
///
/// Pass `&|_| {}` to ignore progress.
pub type Observer<'a> = &'a dyn Fn(Progress);
