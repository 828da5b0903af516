use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a call gave no answer, or none could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No address was given to call.
    #[error("there is no server to call")]
    NoServer,
    /// Not an address to call.
    #[error("{address:?} is no address such as http://host:50051")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        #[source]
        source: tonic::transport::Error,
    },
    /// A certificate, a key or a token that cannot be used.
    #[error("{what} cannot be used")]
    Credentials {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The call was not made, since servers refuse most of this client's calls for want of room
    /// ([`ThrottlePolicy`](crate::ThrottlePolicy)).
    #[error("not asked: servers refuse most calls for want of room")]
    Throttled,
    /// The server refused, did not answer in time, or could not be reached.
    #[error("{:?}: {}", .0.code(), .0.message())]
    Refused(Box<Status>),
}

impl Error {
    /// The status of a call, if one was made.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused(status) => Some(status),
            Self::NoServer | Self::Address { .. } | Self::Credentials { .. } | Self::Throttled => {
                None
            }
        }
    }

    /// The code of a call, or the one that a call would most likely have got.
    pub fn code(&self) -> Option<Code> {
        match matches!(self, Self::Throttled) {
            true => Some(Code::ResourceExhausted),
            false => self.status().map(Status::code),
        }
    }

    /// The server's reason, such as `OVERLOADED`.
    pub fn reason(&self) -> Option<String> {
        let details = self.status()?.get_error_details();
        Some(details.error_info()?.reason.clone())
    }

    /// After what time the server asks to be tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.status()?.get_error_details().retry_info()?.retry_delay
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// Whether a call failed because its server was not reached, or the connection broke.
pub(crate) fn unreachable(status: &Status) -> bool {
    let source = std::error::Error::source(status);
    source.is_some_and(|source| source.is::<tonic::transport::Error>())
}
