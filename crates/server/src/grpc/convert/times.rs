use std::time::{SystemTime, UNIX_EPOCH};

/// How far a play may lie ahead of this clock.
const AHEAD_MS: i64 = 86_400_000;

/// The time of a play in milliseconds since 1970, or what is wrong with it.
pub(super) fn played_at_ms(time: &prost_types::Timestamp) -> Result<i64, &'static str> {
    let time = milliseconds(time).ok_or("is no time from 1970 on")?;
    match time <= now_ms().saturating_add(AHEAD_MS) {
        true => Ok(time),
        false => Err("must not be more than a day ahead"),
    }
}

/// A time that has been, in milliseconds since 1970, or what is wrong with it.
pub(super) fn past_ms(time: &prost_types::Timestamp) -> Result<i64, &'static str> {
    let time = milliseconds(time).ok_or("is no time from 1970 on")?;
    match time <= now_ms() {
        true => Ok(time),
        false => Err("must not be in the future"),
    }
}

/// A time in milliseconds since 1970 as it goes over the wire.
pub(super) fn timestamp(ms: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: ms.div_euclid(1_000),
        nanos: (ms.rem_euclid(1_000) * 1_000_000) as i32,
    }
}

fn milliseconds(time: &prost_types::Timestamp) -> Option<i64> {
    let valid = time.seconds >= 0 && (0..1_000_000_000).contains(&time.nanos);
    let seconds = time.seconds.checked_mul(1_000).filter(|_| valid)?;
    seconds.checked_add(i64::from(time.nanos) / 1_000_000)
}

/// This clock in milliseconds since 1970.
pub(in crate::grpc) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
