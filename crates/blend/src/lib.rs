//! The hybrid ranking: who the listener is, how both kinds of evidence are put on one scale, and which tracks win.
//!
//! A [`Model`] is everything that was learned. An [`Engine`] answers from it:
//!
//! ```text
//! score = (1 - w) a_u (x_u . y_i)  +  w b_u (t_u . g_i)  +  w beta p_i  -  d p_i
//!           collaborative              content              popularity    discovery
//! ```
//!
//! where `w` is the content weight, `d` the [`Discovery`], `x_u`, `y_i` are factors, `t_u` is the listener's taste vector, `g_i` the track's
//! embedding and `p_i` its popularity prior. The calibrations `a_u`, `b_u` ([`Parameters`]) bring both products of any
//! listener to a scale on which the 100th best track scores about 1, so that one `w` means the same for everybody. The
//! whole score is one inner product of joint vectors, so one index serves every `w`. Of a listener with several tastes the one
//! that a track suits best counts, and each is a query of its own. [Seeds](Engine::with_seeds) are a second listener whose
//! vectors are mixed in.
//!
//! What is found may be [arranged](Arrangement): no more tracks of an artist than wanted, and different from each other.
//! [`Engine::explain`] says which plays a score comes from.
//!
//! This crate neither trains, reads files, nor serves.

mod agreement;
mod arrange;
mod calibration;
mod describe;
mod engine;
mod error;
mod explain;
mod facets;
mod filter;
mod kinship;
mod learn;
mod listener;
mod model;
mod numbers;
mod playlist;
mod popularity;
mod query;
mod rank;
mod recommend;
mod similar;
mod weigh;

pub use agreement::{kendall_tau, overlap, rank_biased_overlap};
pub use crossfade_content::Play;
pub use crossfade_index::Cancel;
pub use describe::{Description, Feature, GenreGuess, NumberGuess};
pub use engine::Engine;
pub use error::Error;
pub use explain::{Contribution, Explanation, Source};
pub use filter::{Names, TrackFilter, UnknownNames};
pub use learn::{Case, Learned, learn_weights};
pub use listener::Listener;
pub use model::{HistoryWeight, Model, Parameters};
pub use numbers::{ContentWeight, Discovery, Diversity, SeedWeight, Smoothness};
pub use playlist::{Camelot, Mood, Playlist, PlaylistQuery, PlaylistTrack, Transition};
pub use popularity::BANDS;
pub use query::{
    Answer, Arrangement, Basis, Components, Moved, Query, RankedTrack, Ranking, Retrieval,
    SimilarQuery,
};
pub use rank::Ranked;
