use std::time::Instant;

use http::HeaderMap;
use tonic::Request;

/// The metadata that says how urgent a request is.
const PRIORITY: &str = "x-priority";

/// What is known of a request besides its message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// When nobody will wait for the answer any more.
    pub(super) deadline: Option<Instant>,
    pub(super) priority: Priority,
}

/// Whose turn it is first. Bulk work is done while nothing interactive waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for the answer.
    Interactive,
    /// Only the whole counts.
    Bulk,
}

impl Priority {
    pub(super) const ALL: [Self; 2] = [Self::Interactive, Self::Bulk];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Bulk => "bulk",
        }
    }
}

/// The [deadline layer](super::deadline) leaves it with the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub(super) Instant);

impl Call {
    /// Of a request: interactive unless its metadata have `x-priority: bulk`.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        let deadline = request.extensions().get::<Deadline>();
        Self {
            deadline: deadline.map(|deadline| deadline.0),
            priority: Priority::of(request.metadata().as_ref()),
        }
    }
}

impl Priority {
    /// Of a request with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let is_bulk = headers.get(PRIORITY).is_some_and(|value| value == "bulk");
        match is_bulk {
            true => Self::Bulk,
            false => Self::Interactive,
        }
    }
}
