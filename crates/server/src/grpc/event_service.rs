use std::sync::Arc;

use crossfade_events::{Attribution, Event, Outcome};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::{
    convert::{self, Reported},
    status::Refusal,
};
use crate::{
    pb::{self, event_service_server::EventService},
    serving::Serving,
};

/// Records plays.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) serving: Arc<Serving>,
}

#[tonic::async_trait]
impl EventService for Events {
    async fn record_plays(
        &self,
        request: Request<pb::RecordPlaysRequest>,
    ) -> Result<Response<pb::RecordPlaysResponse>, Status> {
        let events = convert::events(request.into_inner())?;
        let response = self.record(events).await?;
        Ok(Response::new(response))
    }
}

impl Events {
    async fn record(&self, reported: Vec<Reported>) -> Result<pb::RecordPlaysResponse, Refusal> {
        let recorder = self.serving.recorder().ok_or(Refusal::EventsOff)?;
        let (events, unattributed_event_ids) = self.attribute(reported);
        let ids: Vec<(String, String)> = events
            .iter()
            .map(|event| (event.event_id.clone(), event.track_id.clone()))
            .collect();
        let (reply, answer) = oneshot::channel();
        recorder.log().submit(events, |result| {
            // A caller that went away is not told; what it sent is recorded all the same.
            let _ = reply.send(result);
        });
        let outcomes = answer.await.map_err(|_| Refusal::Lost)??;
        let mut response = pb::RecordPlaysResponse {
            unattributed_event_ids,
            ..Default::default()
        };
        let bundle = self.serving.bundle();
        let knows = |track: &str| match &bundle {
            Some(bundle) => bundle.engine.model().tracks.ids.index_of(track).is_some(),
            None => true,
        };
        for ((event_id, track_id), outcome) in ids.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Accepted => response.accepted += 1,
                Outcome::Duplicate => response.duplicate_event_ids.push(event_id),
            }
            if !knows(&track_id) {
                response.unknown_track_ids.push(track_id);
            }
        }
        response.unknown_track_ids.sort_unstable();
        response.unknown_track_ids.dedup();
        Ok(response)
    }

    /// Events with the lists they came from, and the ids of those whose tokens prove nothing. A play happened either way.
    fn attribute(&self, reported: Vec<Reported>) -> (Vec<Event>, Vec<String>) {
        let sealer = self.serving.experiments().sealer();
        let mut refused = Vec::new();
        let events = reported.into_iter().map(|Reported { mut event, token }| {
            if let Some(token) = token {
                let opened = sealer.and_then(|sealer| sealer.open(&token, &event.user_id).ok());
                event.attribution = opened.map(|list| Attribution {
                    experiment: list.experiment,
                    request_id: list.request_id,
                });
                if event.attribution.is_none() {
                    refused.push(event.event_id.clone());
                }
            }
            event
        });
        (events.collect(), refused)
    }
}
