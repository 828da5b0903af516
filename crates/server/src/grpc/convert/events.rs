use std::time::{SystemTime, UNIX_EPOCH};

use crossfade_events::Event;

use super::{checks::Checks, limits};
use crate::{grpc::status::Refusal, pb};

/// How far a play may lie ahead of this clock.
const AHEAD_MS: i64 = 86_400_000;

/// The events of a RecordPlaysRequest.
pub(in crate::grpc) fn events(request: pb::RecordPlaysRequest) -> Result<Vec<Event>, Refusal> {
    let mut checks = Checks::default();
    if request.events.is_empty() {
        checks.refuse("events", "must have at least 1 entry");
    }
    checks.count("events", request.events.len(), limits::EVENTS);
    let latest_ms = now_ms().saturating_add(AHEAD_MS);
    let events = request
        .events
        .into_iter()
        .take(limits::EVENTS)
        .enumerate()
        .map(|(place, event)| {
            let field = |name| format!("events[{place}].{name}");
            checks.id(|| field("event_id"), &event.event_id);
            checks.id(|| field("user_id"), &event.user_id);
            checks.id(|| field("track_id"), &event.track_id);
            let play_count = event.play_count.unwrap_or(1);
            if !(1..=limits::PLAY_COUNT).contains(&play_count) {
                let most = limits::PLAY_COUNT;
                let description = format!("must be from 1 to {most}, is {play_count}");
                checks.refuse(field("play_count"), description);
            }
            let played_at_ms = match event.played_at {
                None => Err("must be set"),
                Some(time) => milliseconds(&time).ok_or("is no time from 1970 on"),
            }
            .and_then(|time| match time <= latest_ms {
                true => Ok(time),
                false => Err("must not be more than a day ahead"),
            })
            .unwrap_or_else(|wrong| {
                checks.refuse(field("played_at"), wrong);
                0
            });
            Event {
                event_id: event.event_id,
                user_id: event.user_id,
                track_id: event.track_id,
                played_at_ms,
                play_count,
                ms_played: event.ms_played,
                skipped: event.skipped,
            }
        })
        .collect();
    checks.finish(events)
}

fn milliseconds(time: &prost_types::Timestamp) -> Option<i64> {
    let valid = time.seconds >= 0 && (0..1_000_000_000).contains(&time.nanos);
    let seconds = time.seconds.checked_mul(1_000).filter(|_| valid)?;
    seconds.checked_add(i64::from(time.nanos) / 1_000_000)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
