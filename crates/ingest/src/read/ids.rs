use std::path::Path;

use crossfade_catalog::Vocab;

use super::{
    BATCH_ROWS,
    files::parts,
    kind::Kind,
    labels::{BadId, IdCursor},
    scan::{Scan, Sink},
    source::{Batch, Want},
};
use crate::{Error, Reason, Report};

/// Reads a list of ids, such as the users to score, from one column of a Parquet file or directory.
///
/// Each id comes once, in order of first appearance. Unusable and repeated ids are counted in the report, under the reasons
/// for user ids.
///
/// # Errors
///
/// If a file cannot be read or lacks the column, or no id is usable.
pub fn read_ids(path: impl AsRef<Path>, column: &str) -> Result<(Vocab, Report), Error> {
    let path = path.as_ref();
    let parts = parts(path)?;
    let wants = [Want::required("user_id", column, Kind::Label)];
    let mut list = List::default();
    Scan {
        parts: &parts,
        wants: &wants,
        batch_rows: BATCH_ROWS,
        progress: &|_| {},
    }
    .run(&mut list)?;
    if list.ids.is_empty() {
        let (path, report) = (path.to_path_buf(), list.report);
        return Err(Error::Empty {
            path,
            what: "ids",
            report,
        });
    }
    Ok((list.ids, list.report))
}

#[derive(Default)]
struct List {
    ids: Vocab,
    cursor: IdCursor,
    report: Report,
}

impl List {
    fn row(&mut self, row: usize) -> Result<(), Reason> {
        self.cursor.check(row).map_err(|bad| match bad {
            BadId::Missing => Reason::MissingUserId,
            BadId::TooLong => Reason::UserIdTooLong,
            BadId::NotUtf8 => Reason::UserIdNotUtf8,
        })?;
        let known = self.ids.len();
        self.cursor.intern(row, &mut self.ids);
        if self.ids.len() == known {
            Err(Reason::DuplicateId)
        } else {
            Ok(())
        }
    }
}

impl Sink for List {
    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        if self.ids.len() + batch.rows >= u32::MAX as usize {
            return Err(Error::TooManyIds {
                path: batch.part.path.clone(),
                what: "ids",
            });
        }
        let column = batch.columns[0].as_ref();
        self.cursor
            .load(column.expect("the column is required"), &self.ids);
        for row in 0..batch.rows {
            if let Err(reason) = self.row(row) {
                self.report
                    .note(reason, &batch.part.path, batch.first_row + row as u64);
            }
        }
        self.report.rows += batch.rows as u64;
        Ok(())
    }
}
