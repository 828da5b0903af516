//! Verbs that make, learn from and describe data.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use crossfade_baselines::EaseConfig;
use crossfade_eval::Metric;

use crate::evaluation::Contender;

/// Where plays and tracks come from.
#[derive(Debug, Args)]
pub(in crate::cli) struct SourceArgs {
    /// Play log: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) plays: PathBuf,
    /// Track table: a Parquet file or a directory.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) tracks: PathBuf,
}

/// What the columns of a play log are called.
#[derive(Debug, Args)]
pub(in crate::cli) struct ColumnArgs {
    /// Column of the plays' users [setting: plays.columns.user_id].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user_column: Option<String>,
    /// Column of the plays' tracks [setting: plays.columns.track_id].
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) track_column: Option<String>,
}

/// Flags that override settings of the training.
#[derive(Debug, Args)]
pub(in crate::cli) struct TrainingArgs {
    /// Length of the factors [setting: factorisation.dim].
    #[arg(long)]
    pub(in crate::cli) dim: Option<usize>,
    /// How often both sides are solved [setting: factorisation.epochs].
    #[arg(long)]
    pub(in crate::cli) epochs: Option<usize>,
    /// Weight of the pairs nobody played [setting: factorisation.alpha0].
    #[arg(long)]
    pub(in crate::cli) alpha0: Option<f64>,
    /// Pull of the factors towards zero [setting: factorisation.regularization].
    #[arg(long)]
    pub(in crate::cli) regularization: Option<f64>,
    /// Seed of the factors [setting: factorisation.seed].
    #[arg(long)]
    pub(in crate::cli) seed: Option<u64>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(in crate::cli) threads: Option<usize>,
}

/// Whose plays are hidden, and which.
#[derive(Debug, Args)]
pub(in crate::cli) struct HoldoutArgs {
    /// Users to measure on [setting: validation.users].
    #[arg(long)]
    pub(in crate::cli) users: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) hidden: HiddenArgs,
}

/// How much of each user is hidden.
#[derive(Debug, Args)]
pub(in crate::cli) struct HiddenArgs {
    /// Share of each user's tracks to hide [setting: validation.fraction].
    #[arg(long)]
    pub(in crate::cli) fraction: Option<f64>,
    /// Which tracks to hide [setting: validation.order].
    #[arg(long)]
    pub(in crate::cli) order: Option<OrderArg>,
}

/// What is hidden.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum SplitArg {
    /// A share of the tracks of some users.
    Plays,
    /// Everybody's plays after a moment.
    Time,
    /// All plays of some users; their lists are made from a part of them.
    Users,
    /// All plays of a share of the tracks, which are looked for among each other: what is said of tracks that are new.
    Tracks,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in crate::cli) enum OrderArg {
    /// Those played last, where plays have times.
    Latest,
    /// Any.
    Random,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Quickstart {
    /// Directory with plays.parquet and tracks.parquet.
    #[arg(long, default_value = "data")]
    pub(in crate::cli) data: PathBuf,
    /// Directory for the bundles.
    #[arg(long, default_value = "bundles/quickstart")]
    pub(in crate::cli) bundles: PathBuf,
    /// Address to listen on.
    #[arg(long)]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Stop after the comparison.
    #[arg(long)]
    pub(in crate::cli) no_serve: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Generate {
    /// Directory to write plays.parquet and tracks.parquet to.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// How many users.
    #[arg(long, default_value_t = 2_000)]
    pub(in crate::cli) users: u32,
    /// How many tracks.
    #[arg(long, default_value_t = 5_000)]
    pub(in crate::cli) tracks: u32,
    /// How many plays, up to 100 million and more; they are streamed.
    #[arg(long, default_value_t = 150_000)]
    pub(in crate::cli) plays: u64,
    /// Share of tracks that nobody plays yet.
    #[arg(long, default_value_t = 0.05)]
    pub(in crate::cli) cold_share: f64,
    /// Chooses the world. The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u64,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Train {
    #[command(flatten)]
    pub(in crate::cli) sources: SourceArgs,
    #[command(flatten)]
    pub(in crate::cli) columns: ColumnArgs,
    /// Directory for the bundles; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) training: TrainingArgs,
    /// Skip the check on hidden plays, and with it the second training; the blend keeps its default.
    #[arg(long)]
    pub(in crate::cli) no_validation: bool,
    /// Go on from the checkpoint that an earlier training left in the directory; without one, start anew.
    #[arg(long)]
    pub(in crate::cli) resume: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AddTracks {
    /// Directory with the bundles; the active one is the base.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) bundles: PathBuf,
    /// Track table: a Parquet file or a directory; tracks that the bundle has are passed over.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) tracks: PathBuf,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Evaluate {
    /// Play log, a part of which is hidden: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH", required_unless_present = "train")]
    pub(in crate::cli) plays: Option<PathBuf>,
    /// Track table: a Parquet file or a directory; not needed with --train.
    #[arg(long, value_name = "PATH", required_unless_present = "train")]
    pub(in crate::cli) tracks: Option<PathBuf>,
    /// Plays to train on, all of them, where the split is given.
    #[arg(long, value_name = "PATH", requires = "test", conflicts_with_all = ["plays", "users", "fraction", "order"])]
    pub(in crate::cli) train: Option<PathBuf>,
    /// Plays to find, where the split is given.
    #[arg(long, value_name = "PATH", requires = "train")]
    pub(in crate::cli) test: Option<PathBuf>,
    /// What is hidden.
    #[arg(long, default_value = "plays", conflicts_with = "train")]
    pub(in crate::cli) split: SplitArg,
    /// Measure the collaborative ranking after every epoch too, in a training of its own.
    #[arg(long)]
    pub(in crate::cli) each_epoch: bool,
    /// Rankings, separated by commas; not with --split tracks, which has its own: popular, item-knn, ease, collaborative, content, blend, blend:0.5; all of them if none
    /// are named.
    #[arg(long, value_delimiter = ',')]
    pub(in crate::cli) arms: Vec<Contender>,
    /// Content weights of further blends, separated by commas.
    #[arg(long, short = 'w', value_delimiter = ',', default_values_t = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])]
    pub(in crate::cli) content_weight: Vec<f64>,
    /// Lengths of the lists that are measured, separated by commas [setting: validation.cutoffs].
    #[arg(long, value_delimiter = ',', value_name = "K")]
    pub(in crate::cli) k: Vec<usize>,
    /// Most popular tracks that EASE is learned of; memory grows with their square, time with their cube.
    #[arg(long, default_value_t = EaseConfig::default().items)]
    pub(in crate::cli) ease_items: usize,
    /// Directory for report.html and metrics.json; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) columns: ColumnArgs,
    #[command(flatten)]
    pub(in crate::cli) training: TrainingArgs,
    #[command(flatten)]
    pub(in crate::cli) holdout: HoldoutArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Analyze {
    /// Track table: a Parquet file or a directory.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) tracks: PathBuf,
    /// Play log, for what goes with popularity: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) plays: Option<PathBuf>,
    /// Directory for analysis.html and analysis.json; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: PathBuf,
    /// How many clusters, from 2 to 100; without it, as many as the silhouette tells [setting: content.clusters.count].
    #[arg(long, value_name = "K")]
    pub(in crate::cli) clusters: Option<usize>,
    /// Seed of clusters and samples [setting: content.clusters.seed].
    #[arg(long)]
    pub(in crate::cli) seed: Option<u64>,
    #[command(flatten)]
    pub(in crate::cli) columns: ColumnArgs,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(in crate::cli) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Tune {
    /// Play log to train on: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) plays: PathBuf,
    /// Plays to measure on; without it, a part of the play log is hidden for that.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["users", "fraction", "order"])]
    pub(in crate::cli) validation: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) columns: ColumnArgs,
    /// Users to measure on [setting: tune.users].
    #[arg(long)]
    pub(in crate::cli) users: Option<usize>,
    #[command(flatten)]
    pub(in crate::cli) hidden: HiddenArgs,
    /// Settings to try with the first length of factors; with each further one a third of those before [setting:
    /// tune.trials].
    #[arg(long)]
    pub(in crate::cli) trials: Option<usize>,
    /// Lengths of the factors, separated by commas [setting: tune.dims].
    #[arg(long, value_delimiter = ',')]
    pub(in crate::cli) dims: Vec<usize>,
    /// Epochs of a trial at most [setting: tune.epochs].
    #[arg(long)]
    pub(in crate::cli) epochs: Option<usize>,
    /// What is to be as large as possible, as NDCG@20 or Recall@20 [setting: tune.metric].
    #[arg(long)]
    pub(in crate::cli) metric: Option<Metric>,
    /// Seed of the search [setting: tune.seed].
    #[arg(long)]
    pub(in crate::cli) seed: Option<u64>,
    /// Stop after so many seconds; a trial that is running then is given up.
    #[arg(long)]
    pub(in crate::cli) seconds: Option<u64>,
    /// Keep finished trials in this file, and go on after those that it has.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) journal: Option<PathBuf>,
    /// Write the best settings to this file, for --config.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(in crate::cli) threads: Option<usize>,
}
