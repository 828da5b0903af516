//! When people listen.

use crate::WorldConfig;
use crate::alias::Alias;
use crate::stream::Stream;

/// Listening by hour of the day, midnight first.
const HOURS: [f64; 24] = [
    2.0, 1.2, 0.7, 0.5, 0.5, 0.9, 2.0, 4.0, 5.0, 4.6, 4.4, 4.6, 5.0, 5.0, 4.8, 5.0, 5.6, 6.4, 6.6,
    6.2, 5.8, 5.4, 4.6, 3.2,
];
/// Listening by day of the week, Monday first.
const WEEKDAYS: [f64; 7] = [0.95, 0.95, 1.0, 1.0, 1.15, 1.1, 0.9];

const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;

/// Draws the beginnings of sessions.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    days: Alias,
    hours: Alias,
    span_ms: i64,
}

impl Calendar {
    pub(crate) fn new(config: &WorldConfig) -> Self {
        let weight = |day| WEEKDAYS[config.start.plus(day as i32).weekday() as usize];
        let days: Vec<f64> = (0..config.days).map(weight).collect();
        Self {
            days: Alias::new(&days),
            hours: Alias::new(&HOURS),
            span_ms: config.span_ms(),
        }
    }

    /// Milliseconds from the first day's beginning, for someone whose day is late by so many hours.
    pub(crate) fn session_start(&self, lateness: f64, stream: &mut Stream) -> i64 {
        let day = self.days.draw(stream) as f64;
        let hour = self.hours.draw(stream) as f64 + stream.unit() + lateness;
        let ms = (day * DAY_MS + hour * HOUR_MS) as i64;
        // Early on the first day or late on the last: the same hour on the other side of midnight.
        ms.rem_euclid(self.span_ms)
    }
}
