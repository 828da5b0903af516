use arrow_schema::{DataType, TimeUnit};

const DAY: i64 = 86_400;

/// How a column's raw numbers become seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Days,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// Plain numbers: the unit is told by the size of each.
    BySize,
}

impl Clock {
    /// The clock of a column that [`Kind::Time`](super::kind::Kind::Time) accepts.
    pub(super) fn of(column: &DataType) -> Self {
        match column {
            DataType::Date32 => Self::Days,
            DataType::Date64 => Self::Milliseconds,
            DataType::Timestamp(TimeUnit::Second, _) => Self::Seconds,
            DataType::Timestamp(TimeUnit::Millisecond, _) => Self::Milliseconds,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Microseconds,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Self::Nanoseconds,
            _ => Self::BySize,
        }
    }

    /// Seconds since 1970, rounded down.
    pub(super) fn seconds(self, raw: i64) -> i64 {
        match self {
            Self::Days => raw.saturating_mul(DAY),
            Self::Seconds => raw,
            Self::Milliseconds => raw.div_euclid(1_000),
            Self::Microseconds => raw.div_euclid(1_000_000),
            Self::Nanoseconds => raw.div_euclid(1_000_000_000),
            Self::BySize => Self::by_size(raw).seconds(raw),
        }
    }

    /// Milliseconds since 1970, rounded down.
    pub(super) fn milliseconds(self, raw: i64) -> i64 {
        match self {
            Self::Milliseconds => raw,
            Self::Microseconds => raw.div_euclid(1_000),
            Self::Nanoseconds => raw.div_euclid(1_000_000),
            Self::Days | Self::Seconds => self.seconds(raw).saturating_mul(1_000),
            Self::BySize => Self::by_size(raw).milliseconds(raw),
        }
    }

    /// The unit of a plain number. 1e11 seconds is the year 5138, 1e11 milliseconds March 1973: so every time from then
    /// on is told right in every unit.
    pub(super) fn by_size(raw: i64) -> Self {
        match raw.unsigned_abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Milliseconds,
            100_000_000_000_000..100_000_000_000_000_000 => Self::Microseconds,
            _ => Self::Nanoseconds,
        }
    }
}

/// A time as the index keeps it: seconds since 1970 that fit in 32 bits (until 2106).
pub(super) fn in_range(seconds: i64) -> Option<u32> {
    u32::try_from(seconds).ok()
}

/// Seconds since 1970 of `2024-05-01`, `2024-05-01 10:30:00` (or with `T`), or a plain number.
pub(super) fn parse(text: &str) -> Option<i64> {
    if let Ok(raw) = text.parse() {
        return Some(Clock::BySize.seconds(raw));
    }
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time.trim_end_matches('Z')),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let valid = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days_of_date(year, month, day) * DAY + hour * 3_600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text
        .split(separator)
        .map(|part| part.parse::<u16>().ok().map(i64::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// The year of a time.
pub(super) fn year(seconds: i64) -> i64 {
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days: years start in March, so that the
    // leap day is the last of a year, and eras are 400 years (146,097 days) long.
    let days = seconds.div_euclid(DAY) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From day 306 on it is January or February of the next calendar year.
    era * 400 + year_of_era + i64::from(day_of_year >= 306)
}

/// Days since 1970 of a date of the Gregorian calendar; the inverse of [`year`], from the same source.
fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_of_every_unit_are_the_same_time() {
        for raw in [
            1_700_000_000,
            1_700_000_000_000,
            1_700_000_000_000_000,
            1_700_000_000_000_000_000,
        ] {
            assert_eq!(Clock::BySize.seconds(raw), 1_700_000_000);
            assert_eq!(Clock::BySize.milliseconds(raw), 1_700_000_000_000);
        }
        assert_eq!(Clock::Microseconds.milliseconds(-1), -1);
        assert_eq!(Clock::Days.milliseconds(2), 172_800_000);
        assert_eq!(Clock::BySize.seconds(-1), -1);
        assert_eq!(in_range(-1), None);
        assert_eq!(in_range(i64::from(u32::MAX) + 1), None);
    }

    #[test]
    fn dates_and_years_agree_with_the_calendar() {
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2024-02-29 00:00:01"), Some(1_709_164_801));
        assert_eq!(parse("2024-02-29T00:00:01Z"), Some(1_709_164_801));
        assert_eq!(parse("1700000000000"), Some(1_700_000_000));
        assert_eq!(parse("2024-13-01"), None);
        assert_eq!(parse("2024-01"), None);
        assert_eq!(parse("yesterday"), None);
        for expected in [1600, 1899, 1900, 1969, 1970, 1999, 2000, 2024, 2100] {
            let first = parse(&format!("{expected}-01-01")).unwrap();
            assert_eq!((year(first - 1), year(first)), (expected - 1, expected));
        }
    }
}
