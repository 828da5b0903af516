//! The one place that turns errors into gRPC statuses, with machine-readable details (AIP-193).

use std::{sync::Arc, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::methods::Scope;

/// Domain of the reasons in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "crossfade";
/// When to try again after too many events at once: long enough for a few writes.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Why a request is refused or failed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request itself is wrong.
    Invalid(Vec<FieldViolation>),
    /// The request names a track that must exist and does not.
    UnknownTrack(String),
    /// The request names a cluster that must exist and does not.
    UnknownCluster {
        /// Its number.
        cluster: u32,
        /// How many clusters there are.
        clusters: usize,
    },
    /// There is no bundle to answer from yet.
    NoBundle,
    /// Too many requests at once; so long would this one have had to wait.
    Overloaded(Duration),
    /// The caller's time is up.
    Expired,
    /// The caller has gone.
    Abandoned,
    /// There is no such method.
    UnknownMethod,
    /// The caller did not say who it is, or is nobody who is known.
    Unauthenticated,
    /// The caller is known, and may not do this.
    Forbidden(Scope),
    /// The method is served on the listener for administration only.
    Elsewhere,
    /// This server records no plays.
    EventsOff,
    /// There is no experiment of that name.
    UnknownExperiment(String),
    /// Arms of the experiment are interleaved, and nobody is assigned.
    Interleaves(String),
    /// Users of the experiment are assigned, and nothing is interleaved.
    Assigns(String),
    /// This server does not keep what is shown.
    ExposuresOff,
    /// This server does not keep what a report needs.
    ReportsOff,
    /// A report could not be made.
    Report(anyhow::Error),
    /// Plays could not be recorded.
    Events(Arc<crossfade_events::Error>),
    /// A bundle cannot be served.
    Bundle(crossfade_bundle::Error),
    /// A ranking could not be computed.
    Ranking(crossfade_blend::Error),
    /// The work ended without an answer: a defect.
    Lost,
}

impl From<crossfade_bundle::Error> for Refusal {
    fn from(error: crossfade_bundle::Error) -> Self {
        Self::Bundle(error)
    }
}

impl From<Arc<crossfade_events::Error>> for Refusal {
    fn from(error: Arc<crossfade_events::Error>) -> Self {
        Self::Events(error)
    }
}

impl From<crossfade_blend::Error> for Refusal {
    fn from(error: crossfade_blend::Error) -> Self {
        Self::Ranking(error)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(violations) => invalid(violations),
            Refusal::UnknownTrack(id) => {
                let mut details = info("UNKNOWN_TRACK");
                details.set_resource_info("track", id.clone(), "", "the bundle does not know it");
                let message = format!("track {} is unknown", shortened(&id));
                Self::with_error_details(Code::NotFound, message, details)
            }
            Refusal::UnknownCluster { cluster, clusters } => Self::with_error_details(
                Code::NotFound,
                format!(
                    "there is no cluster {cluster}; the bundle has {clusters}, numbered from 0"
                ),
                info("UNKNOWN_CLUSTER"),
            ),
            Refusal::NoBundle => Self::with_error_details(
                Code::Unavailable,
                "no bundle is active yet; train or activate one",
                info("NO_BUNDLE"),
            ),
            Refusal::Overloaded(wait) => overloaded("too many requests are under way", wait),
            Refusal::Expired => Self::with_error_details(
                Code::DeadlineExceeded,
                "the time allowed for the request is over",
                info("DEADLINE_EXCEEDED"),
            ),
            Refusal::UnknownMethod => Self::unimplemented("there is no such method"),
            Refusal::Unauthenticated => Self::with_error_details(
                Code::Unauthenticated,
                "a known token is needed, as \"authorization: Bearer TOKEN\" or \"x-api-key: TOKEN\"",
                info("UNAUTHENTICATED"),
            ),
            Refusal::Forbidden(scope) => Self::with_error_details(
                Code::PermissionDenied,
                format!("the token has not the scope {scope:?}").to_lowercase(),
                info("MISSING_SCOPE"),
            ),
            Refusal::Elsewhere => Self::with_error_details(
                Code::PermissionDenied,
                "this method is served on the address for administration only",
                info("ADMIN_ELSEWHERE"),
            ),
            Refusal::EventsOff => Self::with_error_details(
                Code::FailedPrecondition,
                "this server records no plays; set serve.events to a directory, or start it with --events DIR",
                info("EVENTS_OFF"),
            ),
            Refusal::UnknownExperiment(name) => {
                let mut details = info("UNKNOWN_EXPERIMENT");
                let owner = "[experiments] in the settings";
                details.set_resource_info("experiment", name.clone(), owner, "it is not defined");
                let message = format!("there is no experiment {}", shortened(&name));
                Self::with_error_details(Code::NotFound, message, details)
            }
            Refusal::Interleaves(name) => Self::with_error_details(
                Code::FailedPrecondition,
                format!("experiment {name} interleaves its arms, so nobody is assigned to one"),
                info("EXPERIMENT_INTERLEAVES"),
            ),
            Refusal::Assigns(name) => Self::with_error_details(
                Code::FailedPrecondition,
                format!(
                    "experiment {name} assigns users to arms; define it with method = \"interleave\""
                ),
                info("EXPERIMENT_ASSIGNS"),
            ),
            Refusal::ExposuresOff => Self::with_error_details(
                Code::FailedPrecondition,
                "this server does not keep what is shown; set serve.exposures to a directory, or start it with --exposures DIR",
                info("EXPOSURES_OFF"),
            ),
            Refusal::ReportsOff => Self::with_error_details(
                Code::FailedPrecondition,
                "a report needs what is shown and what is played; start the server with --exposures DIR and --events DIR",
                info("REPORTS_OFF"),
            ),
            Refusal::Report(error) => {
                tracing::error!(error = format!("{error:#}"), "a report failed");
                Self::with_error_details(
                    Code::Internal,
                    format!("no report can be made: {error:#}"),
                    info("REPORT_FAILED"),
                )
            }
            Refusal::Events(error) => events(&error),
            Refusal::Bundle(error) => bundle(&error),
            Refusal::Ranking(error @ crossfade_blend::Error::NoMood) => Self::with_error_details(
                Code::FailedPrecondition,
                error.to_string(),
                info("NO_MOOD"),
            ),
            Refusal::Ranking(crossfade_blend::Error::Retrieval(
                crossfade_index::Error::Cancelled,
            ))
            | Refusal::Abandoned => Self::cancelled("nobody waited for the answer any more"),
            Refusal::Ranking(error) => internal(&error),
            Refusal::Lost => internal(&"the request was lost"),
        }
    }
}

fn invalid(violations: Vec<FieldViolation>) -> Status {
    let message = violations
        .iter()
        .map(|violation| format!("{}: {}", violation.field, violation.description))
        .collect::<Vec<_>>()
        .join("; ");
    let mut details = info("INVALID_REQUEST");
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn bundle(error: &crossfade_bundle::Error) -> Status {
    use crossfade_bundle::Error;
    let (code, reason) = match error {
        Error::UnknownVersion { .. } => (Code::NotFound, "UNKNOWN_BUNDLE"),
        Error::Damaged { .. } => (Code::FailedPrecondition, "BUNDLE_DAMAGED"),
        Error::Format { .. } => (Code::FailedPrecondition, "BUNDLE_FORMAT"),
        Error::NothingOlder { .. } => (Code::FailedPrecondition, "NOTHING_OLDER"),
        Error::NoneActive { .. } => (Code::FailedPrecondition, "NONE_ACTIVE"),
        Error::Io { .. }
        | Error::Arrow { .. }
        | Error::Busy { .. }
        | Error::Engine { .. }
        | Error::Index { .. }
        | _ => {
            tracing::error!(error = error as &dyn std::error::Error, "the store failed");
            (Code::Internal, "STORE_FAILED")
        }
    };
    Status::with_error_details(code, error.to_string(), info(reason))
}

fn overloaded(message: &str, retry_after: Duration) -> Status {
    let mut details = info("OVERLOADED");
    details.set_retry_info(Some(retry_after));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

fn events(error: &crossfade_events::Error) -> Status {
    use crossfade_events::Error;
    match error {
        Error::Overloaded => overloaded(&error.to_string(), RETRY_AFTER),
        Error::Io { .. }
        | Error::Damaged { .. }
        | Error::InUse { .. }
        | Error::Broken { .. }
        | Error::Long { .. }
        | Error::Closed
        | Error::Compaction { .. }
        | _ => {
            let source = std::error::Error::source(error);
            let reason = source.map_or_else(String::new, |source| format!(": {source}"));
            let message = format!("nothing was recorded: {error}{reason}");
            tracing::error!(message, "plays were not recorded");
            Status::with_error_details(Code::Unavailable, message, info("EVENTS_NOT_WRITTEN"))
        }
    }
}

fn internal(error: &dyn std::fmt::Display) -> Status {
    tracing::error!(%error, "a request failed");
    Status::with_error_details(Code::Internal, error.to_string(), info("INTERNAL"))
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(
        reason,
        DOMAIN,
        std::collections::HashMap::<String, String>::new(),
    )
}

/// An id from outside, short enough for a message that ends up in a header.
fn shortened(id: &str) -> String {
    const LONGEST: usize = 64;
    match id.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &id[..end]),
        None => format!("{id:?}"),
    }
}
