//! The hybrid ranking: who the listener is, how both kinds of evidence are put on one scale, and which tracks win.
//!
//! A [`Model`] is everything that was learned. An [`Engine`] answers from it:
//!
//! ```text
//! score = (1 - w) a_u (x_u . y_i)  +  w b_u (t_u . g_i)  +  w beta p_i
//!           collaborative              content              popularity
//! ```
//!
//! where `w` is the content weight, `x_u`, `y_i` are factors, `t_u` is the listener's taste vector, `g_i` the track's
//! embedding and `p_i` its popularity prior. The calibrations `a_u`, `b_u` ([`Parameters`]) bring both products of any
//! listener to a scale on which the 100th best track scores about 1, so that one `w` means the same for everybody. The
//! whole score is one inner product of joint vectors, so one index serves every `w`.
//!
//! This crate neither trains, reads files, nor serves.

mod agreement;
mod calibration;
mod engine;
mod error;
mod facets;
mod filter;
mod learn;
mod listener;
mod model;
mod popularity;
mod query;
mod similar;
mod weigh;

pub use agreement::{overlap, rank_biased_overlap};
pub use engine::Engine;
pub use error::Error;
pub use filter::{Names, TrackFilter, UnknownNames};
pub use learn::{Case, Learned, learn_weights};
pub use listener::{Listener, Play};
pub use model::{Model, Parameters};
pub use popularity::BANDS;
pub use query::{
    Answer, Basis, Components, ContentWeight, Query, RankedTrack, Ranking, Retrieval, SimilarQuery,
};
