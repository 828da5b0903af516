use arrow_schema::DataType;
use parquet::file::statistics::Statistics;

use super::{
    files::Part,
    source::{Source, Want},
    times::{self, Clock},
    values,
};
use crate::Error;

/// The newest usable time in a column of some files, `None` if no file has any.
///
/// Row groups whose footer gives the range of their times are not read; of the others only this column is.
pub(super) fn newest(parts: &[Part], want: &Want, batch_rows: usize) -> Result<Option<u32>, Error> {
    let mut newest = None;
    for part in parts {
        let wants = std::slice::from_ref(want);
        let source = Source::open(part, wants, batch_rows)?;
        if !source.has(0) {
            continue;
        }
        for group in 0..source.row_groups() {
            let known = source
                .statistics(0, group)
                .and_then(|(kind, statistics)| largest(kind, statistics));
            newest = newest.max(match known {
                Some(seconds) => Some(seconds),
                None => scan(&source, group)?,
            });
        }
    }
    Ok(newest)
}

/// The newest time that statistics prove to be in a row group.
///
/// A largest value that is out of range says nothing of the values in range, and among plain numbers of mixed units the
/// largest number need not be the newest time.
fn largest(column: &DataType, statistics: &Statistics) -> Option<u32> {
    if !statistics.max_is_exact() {
        return None;
    }
    let (min, max) = match (column, statistics) {
        (DataType::Date32 | DataType::Int32, Statistics::Int32(range)) => {
            (i64::from(*range.min_opt()?), i64::from(*range.max_opt()?))
        }
        (DataType::Timestamp(_, _) | DataType::Int64, Statistics::Int64(range)) => {
            (*range.min_opt()?, *range.max_opt()?)
        }
        _ => return None,
    };
    let clock = Clock::of(column);
    if clock == Clock::BySize && Clock::by_size(min) != Clock::by_size(max) {
        return None;
    }
    times::in_range(clock.seconds(max))
}

fn scan(source: &Source<'_>, group: usize) -> Result<Option<u32>, Error> {
    let mut newest = None;
    source.read_group(group, 0, |batch| {
        if let Some(column) = &batch.columns[0] {
            let seconds = values::seconds(column);
            let valid = seconds.iter().flatten().filter_map(times::in_range);
            newest = newest.max(valid.max());
        }
        Ok::<(), Error>(())
    })?;
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    fn range(min: i64, max: i64) -> Statistics {
        Statistics::int64(Some(min), Some(max), None, Some(0), false)
    }

    #[test]
    fn statistics_count_only_when_they_prove_the_newest_time() {
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        assert_eq!(largest(&millis, &range(0, 5_999)), Some(5));
        assert_eq!(largest(&millis, &range(0, i64::MAX)), None);
        assert_eq!(largest(&DataType::Int64, &range(7, 9)), Some(9));
        assert_eq!(
            largest(&DataType::Int64, &range(7, 1_700_000_000_000)),
            None
        );
        assert_eq!(largest(&DataType::UInt64, &range(7, 9)), None);
    }
}
