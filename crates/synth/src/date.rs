use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// A day of the Gregorian calendar, written `2024-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    /// Days since 1970-01-01.
    days: i32,
}

impl Date {
    /// The day so many days after 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self { days }
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.days
    }

    /// The day so many days later.
    pub const fn plus(self, days: i32) -> Self {
        Self::from_days(self.days + days)
    }

    /// Monday is 0.
    pub const fn weekday(self) -> u32 {
        // 1970-01-01 was a Thursday.
        (self.days + 3).rem_euclid(7) as u32
    }

    /// Its beginning (UTC) in milliseconds since 1970-01-01T00:00Z.
    pub const fn start_ms(self) -> i64 {
        self.days as i64 * 86_400_000
    }

    fn from_civil(year: i32, month: i32, day: i32) -> Self {
        // Howard Hinnant, "chrono-compatible low-level date algorithms": years begin in March, so that the leap day is
        // the last.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        Self::from_days(era * 146_097 + day - 719_468)
    }

    fn civil(self) -> (i32, i32, i32) {
        let shifted = self.days + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = of_era + era * 400 + i32::from(month <= 2);
        (year, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = || Error::Date {
            text: text.to_owned(),
        };
        let mut parts = text.splitn(3, '-').map(str::parse);
        let mut next = || parts.next().and_then(Result::ok).ok_or_else(error);
        let (year, month, day): (i32, i32, i32) = (next()?, next()?, next()?);
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(error());
        }
        let date = Self::from_civil(year, month, day);
        // 30 February would become a day of March; a missing zero would be read all the same.
        match date.to_string() == text {
            true => Ok(date),
            false => Err(error()),
        }
    }
}

impl TryFrom<String> for Date {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days_are_written_and_read() {
        for (days, text, weekday) in [
            (0, "1970-01-01", 3),
            (-1, "1969-12-31", 2),
            (11_016, "2000-02-29", 1),
            (19_723, "2024-01-01", 0),
            (20_088, "2024-12-31", 1),
        ] {
            let date = Date::from_days(days);
            assert_eq!(date.to_string(), text);
            assert_eq!(text.parse(), Ok(date));
            assert_eq!(date.weekday(), weekday, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_its_predecessor() {
        for days in -80_000..80_000 {
            let (year, month, day) = Date::from_days(days).civil();
            assert_eq!(Date::from_civil(year, month, day).days(), days);
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2024",
            "2024-02-30",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "01.02.2024",
        ] {
            assert_eq!(text.parse::<Date>(), Err(Error::Date { text: text.into() }));
        }
    }
}
