use std::collections::HashSet;

use super::{checks::Checks, limits, times};
use crate::{grpc::status::Refusal, pb};

/// The experiment that a list is to be part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::grpc) struct Enrolment {
    pub(in crate::grpc) experiment: String,
    /// What tells the list from the user's others, if the caller said so.
    pub(in crate::grpc) request_id: Option<String>,
}

impl Checks {
    /// The experiment of a request, if it names one.
    pub(super) fn enrolment(
        &mut self,
        (experiment, request_id): (String, String),
        user_id: &str,
    ) -> Option<Enrolment> {
        if experiment.is_empty() {
            if !request_id.is_empty() {
                self.refuse("request_id", "must be empty unless there is an experiment");
            }
            return None;
        }
        self.id_length(|| "experiment".into(), &experiment);
        self.id_length(|| "request_id".into(), &request_id);
        if user_id.is_empty() {
            self.refuse("user_id", "must not be empty with an experiment");
        }
        Some(Enrolment {
            experiment,
            request_id: Some(request_id).filter(|id| !id.is_empty()),
        })
    }

    /// A ranking that the caller brings.
    fn brought(&mut self, field: &str, ids: &[String]) {
        let most = limits::LIMIT as usize;
        if ids.is_empty() {
            self.refuse(field, "must have at least 1 entry");
        }
        self.ids(field, ids, most);
        let mut seen = HashSet::new();
        let twice = ids.iter().take(most).position(|id| !seen.insert(id));
        if let Some(place) = twice {
            self.refuse(
                format!("{field}[{place}]"),
                "must be another than those before",
            );
        }
    }
}

/// An AssignArmRequest: the experiment and the user.
pub(in crate::grpc) fn assign(request: pb::AssignArmRequest) -> Result<(String, String), Refusal> {
    let mut checks = Checks::default();
    checks.id(|| "experiment".into(), &request.experiment);
    checks.id(|| "user_id".into(), &request.user_id);
    checks.finish((request.experiment, request.user_id))
}

/// A checked InterleaveRequest.
#[derive(Debug)]
pub(in crate::grpc) struct Interleave {
    pub(in crate::grpc) experiment: String,
    pub(in crate::grpc) user_id: String,
    pub(in crate::grpc) request_id: String,
    pub(in crate::grpc) rankings: [Vec<String>; 2],
    pub(in crate::grpc) limit: usize,
}

impl Interleave {
    pub(in crate::grpc) fn check(request: pb::InterleaveRequest) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        checks.id(|| "experiment".into(), &request.experiment);
        checks.id(|| "user_id".into(), &request.user_id);
        checks.id(|| "request_id".into(), &request.request_id);
        checks.brought("first_track_ids", &request.first_track_ids);
        checks.brought("second_track_ids", &request.second_track_ids);
        let limit = checks.limit(request.limit);
        checks.finish(Self {
            experiment: request.experiment,
            user_id: request.user_id,
            request_id: request.request_id,
            rankings: [request.first_track_ids, request.second_track_ids],
            limit,
        })
    }
}

/// A GetReportRequest: the experiment, and until when things count, in milliseconds since 1970.
pub(in crate::grpc) fn report(request: pb::GetReportRequest) -> Result<(String, i64), Refusal> {
    let mut checks = Checks::default();
    checks.id(|| "experiment".into(), &request.experiment);
    let as_of = request.as_of.as_ref().map(times::past_ms);
    let as_of_ms = as_of
        .unwrap_or(Ok(times::now_ms()))
        .unwrap_or_else(|wrong| {
            checks.refuse("as_of", wrong);
            0
        });
    checks.finish((request.experiment, as_of_ms))
}
