//! Names and descriptions of users and tracks.
//!
//! Outside, users and tracks have string ids; inside, they are dense `u32` indices. [`Vocab`] translates. A
//! [`TrackTable`] says what is known of each track: titles and artists for people, numeric features for the content
//! model. Nothing here learns or ranks.
//!
//! ```
//! use crossfade_catalog::Vocab;
//!
//! let mut users = Vocab::new();
//! let ada = users.intern("ada");
//! assert_eq!(users.intern("ada"), ada);
//! assert_eq!(users.id(ada), "ada");
//! assert_eq!(users.index_of("nobody"), None);
//! ```

mod append;
mod columns;
mod strings;
mod tracks;
mod vocab;

pub use columns::{CategoryColumn, NumericColumn, TagColumn, TextColumn};
pub use strings::Strings;
pub use tracks::{ProvidedEmbedding, TrackTable};
pub use vocab::Vocab;
