//! Content vectors: where a track lies by what is known of it, and where a listener does by what they play.
//!
//! A [`Schema`] says which columns of a [`Features`] table count and how; an [`Embedder`] turns the table into vectors
//! of length 1, zero where nothing is known; [`Tastes`] are where a listener's history lies among them.
//! [`PcaEmbedder`] has principal components beside random codes of names, [`AutoencoderEmbedder`] the codes of an
//! autoencoder in their place, and [`ProvidedEmbedder`] takes vectors that came with the tracks.
//!
//! This crate knows columns and rows, not files and not rankings.
//!
//! ```
//! use crossfade_content::{Embedder, Features, PcaConfig, PcaEmbedder, Play, Schema, TasteConfig, Tastes};
//!
//! let features = Features::new(4)
//!     .numeric("energy", vec![0.9, 0.8, 0.1])
//!     .numeric("tempo", vec![170.0, f32::NAN, 90.0])
//!     .category("artist", vec![0, 0, 1], ["Motörhead", "Nick Drake"]);
//! let embedder = PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features)?;
//! let tracks = embedder.embed(&features);
//!
//! let cosine = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
//! assert!(cosine(tracks.row(0), tracks.row(1)) > cosine(tracks.row(0), tracks.row(2)));
//! // Nothing is known of the last track.
//! assert!(tracks.row(3).iter().all(|&x| x == 0.0));
//!
//! let history = [(0, 5.0), (3, 1.0)].map(|(track, strength)| Play::new(track, strength));
//! let tastes = Tastes::of(&tracks, history, &TasteConfig::default());
//! assert_eq!(tastes.expect("one track is known").whole.vector, tracks.row(0));
//! # Ok::<(), crossfade_content::Error>(())
//! ```

mod autoencoder;
mod autoencoder_embedder;
mod clustering;
mod codes;
mod describe;
mod design;
mod embedder;
mod error;
mod exponential;
mod factor_map;
mod features;
mod kernel;
mod kernel_ridge;
mod kmeans;
mod labels;
mod linkage;
mod names;
mod network;
mod pca;
mod pca_embedder;
mod points;
mod profile;
mod provided;
mod regression;
mod sample;
mod scale;
mod schema;
mod seeding;
mod silhouette;
mod standardised;
mod taste;

pub use autoencoder::{Autoencoder, AutoencoderConfig};
pub use autoencoder_embedder::AutoencoderEmbedder;
pub use clustering::{Choice, ClusterConfig, ClusterCount, Clustering};
pub use describe::{ColumnSummary, Histogram, correlations};

pub use embedder::{Embedder, EmbeddingModel};
pub use error::Error;
pub use factor_map::{
    FactorMapConfig, Known, Prediction, mostly_measured, predict_factors, prior_factors,
};
pub use features::Features;
pub use kmeans::{KMeans, KMeansConfig};
pub use labels::{
    Estimate, GenreQuality, GenreReport, LabelConfig, LabelReports, Labels, NumberQuality,
    NumberReport, PredictedGenre, PredictedNumber, Step, predict_labels,
};
pub use linkage::{Linkage, Merge, linkage};
pub use pca::Pca;
pub use pca_embedder::{PcaConfig, PcaEmbedder, Summary};
pub use points::Points;
pub use profile::{Clusters, Described, Deviation, Profile, Surplus, profiles};
pub use provided::ProvidedEmbedder;
pub use regression::{Coefficient, Regression};
pub use sample::sample;
pub use scale::Scaler;
pub use schema::{CategoryFeature, NumericFeature, Schema, Transform};
pub use silhouette::silhouettes;
pub use standardised::Standardised;
pub use taste::{
    MOST_MODES, Play, Taste, TasteConfig, Tastes, Weighting, history_of, taste_vectors,
};
