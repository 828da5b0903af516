//! The API of Crossfade, and a client for it.
//!
//! [`pb`] is generated from `proto/`: messages, bare clients and, with the feature `server`, what a server implements.
//! [`Client`] is what other services should use: it keeps a deadline over all attempts of a call, tries again where that is
//! safe and of use ([`RetryPolicy`]), spares servers that have no room for more ([`ThrottlePolicy`]), takes servers in turn, and shares its connections with all its clones.
//!
//! ```no_run
//! use crossfade_client::{Client, Options, pb::RecommendRequest};
//!
//! # async fn example() -> Result<(), crossfade_client::Error> {
//! let client = Client::new(["http://127.0.0.1:50051"], &Options::default())?;
//! let answer = client
//!     .recommend(RecommendRequest {
//!         user_id: "usr_00042".into(),
//!         ..RecommendRequest::default()
//!     })
//!     .await?;
//! println!("{} tracks of {}", answer.tracks.len(), answer.bundle_version);
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod options;
pub mod pb;
mod retry;
mod servers;
mod throttle;

pub use client::Client;
pub use error::Error;
pub use options::{Identity, Options, Token};
pub use retry::RetryPolicy;
pub use throttle::ThrottlePolicy;
