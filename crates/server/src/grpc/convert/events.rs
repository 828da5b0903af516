use crossfade_events::Event;

use super::{checks::Checks, limits, times};
use crate::{grpc::status::Refusal, pb};

/// A play that is reported, and the token of the list it came from, if it came from one.
#[derive(Debug)]
pub(in crate::grpc) struct Reported {
    pub(in crate::grpc) event: Event,
    pub(in crate::grpc) token: Option<String>,
}

/// The events of a RecordPlaysRequest.
pub(in crate::grpc) fn events(request: pb::RecordPlaysRequest) -> Result<Vec<Reported>, Refusal> {
    let mut checks = Checks::default();
    if request.events.is_empty() {
        checks.refuse("events", "must have at least 1 entry");
    }
    checks.count("events", request.events.len(), limits::EVENTS);
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
            let played_at = event.played_at.as_ref().ok_or("must be set");
            let played_at_ms = played_at
                .and_then(times::played_at_ms)
                .unwrap_or_else(|wrong| {
                    checks.refuse(field("played_at"), wrong);
                    0
                });
            let token = event.attribution_token;
            if token.len() > limits::TOKEN_BYTES {
                let (most, found) = (limits::TOKEN_BYTES, token.len());
                let description = format!("must have at most {most} bytes, has {found}");
                checks.refuse(field("attribution_token"), description);
            }
            let event = Event {
                event_id: event.event_id,
                user_id: event.user_id,
                track_id: event.track_id,
                played_at_ms,
                play_count,
                ms_played: event.ms_played,
                skipped: event.skipped,
                attribution: None,
            };
            Reported {
                event,
                token: Some(token).filter(|token| !token.is_empty()),
            }
        })
        .collect();
    checks.finish(events)
}
