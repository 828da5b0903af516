//! What can be typed. The comments are the help texts.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::ArgPredicate, value_parser};
use crossfade_eval::Metric;

/// A hybrid music recommender: what listeners with your taste play, what sounds like what you play, and everything in
/// between.
#[derive(Debug, Parser)]
#[command(name = "crossfade", version, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// Settings file (TOML).
    #[arg(
        long,
        global = true,
        env = "CROSSFADE_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub(super) config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Show no progress.
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Train on the sample data, compare the rankings and serve.
    Quickstart(Quickstart),
    /// Write a synthetic listening world as Parquet.
    Generate(Generate),
    /// Train on plays and tracks, and publish a bundle.
    Train(Train),
    /// Hide some plays, train on the rest, and measure how well each ranking finds them.
    Evaluate(Evaluate),
    /// Describe a catalogue in an HTML page: its features, clusters and what goes with popularity.
    Analyze(Analyze),
    /// Search for the settings of the factorisation that find hidden plays best.
    Tune(Tune),
    /// Serve the active bundle over gRPC.
    Serve(Serve),
    /// Ask a server for recommendations.
    Recommend(Recommend),
    /// Ask a server for tracks similar to one.
    Similar(Similar),
    /// Ask a server for several rankings side by side.
    Compare(Compare),
    /// Tell a server what was played.
    Record(Record),
    /// Score many users at once into a Parquet file.
    Score(Score),
    /// List, show, verify, activate and roll back bundles.
    Bundle(Bundle),
    /// Look after recorded plays.
    Events(Events),
}

#[derive(Debug, Args)]
pub(super) struct Quickstart {
    /// Directory with plays.parquet and tracks.parquet.
    #[arg(long, default_value = "data")]
    pub(super) data: PathBuf,
    /// Directory for the bundles.
    #[arg(long, default_value = "bundles/quickstart")]
    pub(super) bundles: PathBuf,
    /// Address to listen on.
    #[arg(long)]
    pub(super) listen: Option<SocketAddr>,
    /// Stop after the comparison.
    #[arg(long)]
    pub(super) no_serve: bool,
}

#[derive(Debug, Args)]
pub(super) struct Generate {
    /// Directory to write plays.parquet and tracks.parquet to.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// How many users.
    #[arg(long, default_value_t = 2_000)]
    pub(super) users: u32,
    /// How many tracks.
    #[arg(long, default_value_t = 5_000)]
    pub(super) tracks: u32,
    /// How many plays, up to 100 million and more; they are streamed.
    #[arg(long, default_value_t = 150_000)]
    pub(super) plays: u64,
    /// Share of tracks that nobody plays yet.
    #[arg(long, default_value_t = 0.05)]
    pub(super) cold_share: f64,
    /// Chooses the world. The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// Where plays and tracks come from.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// Play log: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(super) plays: PathBuf,
    /// Track table: a Parquet file or a directory.
    #[arg(long, value_name = "PATH")]
    pub(super) tracks: PathBuf,
}

/// Flags that override settings of the training.
#[derive(Debug, Args)]
pub(super) struct TrainingArgs {
    /// Length of the factors [setting: factorisation.dim].
    #[arg(long)]
    pub(super) dim: Option<usize>,
    /// How often both sides are solved [setting: factorisation.epochs].
    #[arg(long)]
    pub(super) epochs: Option<usize>,
    /// Weight of the pairs nobody played [setting: factorisation.alpha0].
    #[arg(long)]
    pub(super) alpha0: Option<f64>,
    /// Pull of the factors towards zero [setting: factorisation.regularization].
    #[arg(long)]
    pub(super) regularization: Option<f64>,
    /// Seed of the factors [setting: factorisation.seed].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    pub(super) sources: SourceArgs,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    /// Directory for the bundles; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    #[command(flatten)]
    pub(super) training: TrainingArgs,
    /// Skip the check on hidden plays, and with it the second training; the blend keeps its default.
    #[arg(long)]
    pub(super) no_validation: bool,
    /// Go on from the checkpoint that an earlier training left in the directory; without one, start anew.
    #[arg(long)]
    pub(super) resume: bool,
}

/// What the columns of a play log are called.
#[derive(Debug, Args)]
pub(super) struct ColumnArgs {
    /// Column of the plays' users [setting: plays.columns.user_id].
    #[arg(long, value_name = "NAME")]
    pub(super) user_column: Option<String>,
    /// Column of the plays' tracks [setting: plays.columns.track_id].
    #[arg(long, value_name = "NAME")]
    pub(super) track_column: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// Play log, a part of which is hidden: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH", required_unless_present = "train")]
    pub(super) plays: Option<PathBuf>,
    /// Track table: a Parquet file or a directory; not needed with --train.
    #[arg(long, value_name = "PATH", required_unless_present = "train")]
    pub(super) tracks: Option<PathBuf>,
    /// Plays to train on, all of them, where the split is given.
    #[arg(long, value_name = "PATH", requires = "test", conflicts_with_all = ["plays", "users", "fraction", "order"])]
    pub(super) train: Option<PathBuf>,
    /// Plays to find, where the split is given.
    #[arg(long, value_name = "PATH", requires = "train")]
    pub(super) test: Option<PathBuf>,
    /// Measure the collaborative ranking after every epoch too, in a training of its own.
    #[arg(long, requires = "train")]
    pub(super) each_epoch: bool,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    #[command(flatten)]
    pub(super) training: TrainingArgs,
    #[command(flatten)]
    pub(super) holdout: HoldoutArgs,
}

/// Which plays are hidden.
#[derive(Debug, Args)]
pub(super) struct HoldoutArgs {
    /// Users to measure on [setting: validation.users].
    #[arg(long)]
    pub(super) users: Option<usize>,
    /// Share of each user's tracks to hide [setting: validation.fraction].
    #[arg(long)]
    pub(super) fraction: Option<f64>,
    /// Which tracks to hide [setting: validation.order].
    #[arg(long)]
    pub(super) order: Option<OrderArg>,
}

#[derive(Debug, Args)]
pub(super) struct Analyze {
    /// Track table: a Parquet file or a directory.
    #[arg(long, value_name = "PATH")]
    pub(super) tracks: PathBuf,
    /// Play log, for what goes with popularity: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(super) plays: Option<PathBuf>,
    /// Directory for analysis.html and analysis.json; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// How many clusters, from 2 to 100; without it, as many as the silhouette tells [setting: content.clusters.count].
    #[arg(long, value_name = "K")]
    pub(super) clusters: Option<usize>,
    /// Seed of clusters and samples [setting: content.clusters.seed].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct Tune {
    /// Play log to train on: a Parquet file, a directory or a partitioned directory.
    #[arg(long, value_name = "PATH")]
    pub(super) plays: PathBuf,
    /// Plays to measure on; without it, a part of the play log is hidden for that.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["users", "fraction", "order"])]
    pub(super) validation: Option<PathBuf>,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    /// Users to measure on [setting: tune.users].
    #[arg(long)]
    pub(super) users: Option<usize>,
    /// Share of each user's tracks to hide [setting: validation.fraction].
    #[arg(long)]
    pub(super) fraction: Option<f64>,
    /// Which tracks to hide [setting: validation.order].
    #[arg(long)]
    pub(super) order: Option<OrderArg>,
    /// Settings to try with the first length of factors; with each further one a third of those before [setting:
    /// tune.trials].
    #[arg(long)]
    pub(super) trials: Option<usize>,
    /// Lengths of the factors, separated by commas [setting: tune.dims].
    #[arg(long, value_delimiter = ',')]
    pub(super) dims: Vec<usize>,
    /// Epochs of a trial at most [setting: tune.epochs].
    #[arg(long)]
    pub(super) epochs: Option<usize>,
    /// What is to be as large as possible, as NDCG@20 or Recall@20 [setting: tune.metric].
    #[arg(long)]
    pub(super) metric: Option<Metric>,
    /// Seed of the search [setting: tune.seed].
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Stop after so many seconds; a trial that is running then is given up.
    #[arg(long)]
    pub(super) seconds: Option<u64>,
    /// Keep finished trials in this file, and go on after those that it has.
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    /// Write the best settings to this file, for --config.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(super) threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OrderArg {
    /// Those played last, where plays have times.
    Latest,
    /// Any.
    Random,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Directory with the bundles.
    #[arg(long, value_name = "DIR")]
    pub(super) bundles: PathBuf,
    /// Address to listen on [setting: serve.listen].
    #[arg(long)]
    pub(super) listen: Option<SocketAddr>,
    /// Requests worked on or waiting at once [setting: serve.max_in_flight].
    #[arg(long)]
    pub(super) max_in_flight: Option<usize>,
    /// Record reported plays in this directory, and use them in answers [setting: serve.events].
    #[arg(long, value_name = "DIR")]
    pub(super) events: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(subcommand)]
    pub(super) verb: EventsVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum EventsVerb {
    /// Write all recorded plays as Parquet now, where no server records; a running server does so by itself.
    Compact {
        /// Directory that plays are recorded in.
        #[arg(long, value_name = "DIR")]
        events: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct Record {
    /// Who listened.
    pub(super) user: String,
    /// Tracks that were played just now, as ID or ID:COUNT.
    #[arg(required = true, value_name = "TRACK[:COUNT]")]
    pub(super) tracks: Vec<HistoryArg>,
    /// For how many milliseconds each was played.
    #[arg(long, value_name = "MS")]
    pub(super) ms_played: Option<u32>,
    /// They were skipped.
    #[arg(long)]
    pub(super) skipped: bool,
    /// Id of the event, for a single track; a new one otherwise.
    #[arg(long, value_name = "ID")]
    pub(super) event_id: Option<String>,
    #[command(flatten)]
    pub(super) server: ServerArg,
}

/// Which server to ask.
#[derive(Debug, Args)]
pub(super) struct ServerArg {
    /// Address of the server.
    #[arg(
        long,
        env = "CROSSFADE_SERVER",
        default_value = "http://127.0.0.1:50051"
    )]
    pub(super) server: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RankingArg {
    /// What listeners with similar plays play.
    Collaborative,
    /// What sounds like what the listener plays.
    Content,
    /// Both, faded by the content weight.
    Blend,
    /// What most listeners play.
    Popular,
}

/// For whom to rank, and what to leave out.
#[derive(Debug, Args)]
pub(super) struct AudienceArgs {
    /// User to recommend to; without one, pass --history.
    #[arg(default_value = "", hide_default_value = true)]
    pub(super) user: String,
    /// Tracks that were played, as ID or ID:COUNT, separated by commas; added to what is known of the user.
    #[arg(long, value_delimiter = ',', value_name = "ID[:COUNT]")]
    pub(super) history: Vec<HistoryArg>,
    /// Tracks to leave out, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(super) exclude: Vec<String>,
    /// Only these tracks, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(super) only: Vec<String>,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Return tracks the listener already played, too.
    #[arg(long)]
    pub(super) include_played: bool,
    /// How many tracks.
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(super) limit: i32,
}

/// Which tracks may be returned; all conditions must hold.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only tracks of this artist; may be repeated for more of them.
    #[arg(long, value_name = "NAME")]
    pub(super) artist: Vec<String>,
    /// No tracks of this artist; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) block_artist: Vec<String>,
    /// Only tracks of this genre; may be repeated for more of them.
    #[arg(long, value_name = "NAME")]
    pub(super) genre: Vec<String>,
    /// No tracks of this genre; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) block_genre: Vec<String>,
    /// Only tracks of this year or these years, as in 1990, 1990-1999, 1990- or -1999.
    #[arg(long, value_name = "YEARS", allow_hyphen_values = true)]
    pub(super) year: Option<YearsArg>,
    /// Only tracks that are marked explicit, or only those that are not.
    #[arg(long, value_name = "true|false")]
    pub(super) explicit: Option<bool>,
    /// Only tracks that may be played in this market.
    #[arg(long, value_name = "NAME")]
    pub(super) market: Option<String>,
}

/// Years from the first to the last, of which either may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct YearsArg {
    pub(super) first: Option<u16>,
    pub(super) last: Option<u16>,
}

impl std::str::FromStr for YearsArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let year = |text: &str| -> Result<Option<u16>, String> {
            let parsed = text.parse().map(Some);
            match text {
                "" => Ok(None),
                _ => parsed.map_err(|_| format!("{text:?} is no year")),
            }
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let years = Self {
            first: year(first)?,
            last: year(last)?,
        };
        match (years.first, years.last) {
            (None, None) => Err("no year is named".to_owned()),
            (Some(first), Some(last)) if first > last => {
                Err(format!("{first} is later than {last}"))
            }
            _ => Ok(years),
        }
    }
}

/// A track and how often it was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HistoryArg {
    pub(super) track_id: String,
    pub(super) play_count: Option<u32>,
}

impl std::str::FromStr for HistoryArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An id may itself have a colon; only a number behind the last one is a count.
        let counted = text.rsplit_once(':').and_then(|(id, count)| {
            let play_count = count.parse().ok()?;
            Some((id, play_count))
        });
        Ok(match counted {
            Some((id, play_count)) => Self {
                track_id: id.to_owned(),
                play_count: Some(play_count),
            },
            None => Self {
                track_id: text.to_owned(),
                play_count: None,
            },
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct Recommend {
    #[command(flatten)]
    pub(super) audience: AudienceArgs,
    /// Which evidence orders the tracks.
    #[arg(long, value_enum, default_value = "blend")]
    pub(super) ranking: RankingArg,
    /// From 0 (collaborative) to 1 (content); without it, the learned weight.
    #[arg(long, short = 'w')]
    pub(super) content_weight: Option<f64>,
    #[command(flatten)]
    pub(super) server: ServerArg,
}

#[derive(Debug, Args)]
pub(super) struct Similar {
    /// Track to start from.
    pub(super) track: String,
    /// From 0 (same listeners) to 1 (same sound).
    #[arg(long, short = 'w')]
    pub(super) content_weight: Option<f64>,
    /// Tracks to leave out, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(super) exclude: Vec<String>,
    /// Only these tracks, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(super) only: Vec<String>,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// How many tracks.
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(super) limit: i32,
    #[command(flatten)]
    pub(super) server: ServerArg,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    #[command(flatten)]
    pub(super) audience: AudienceArgs,
    /// Content weights to compare, separated by commas; without them, collaborative, learned blend and content.
    #[arg(long, short = 'w', value_delimiter = ',')]
    pub(super) content_weight: Vec<f64>,
    #[command(flatten)]
    pub(super) server: ServerArg,
}

#[derive(Debug, Args)]
pub(super) struct Score {
    /// Directory with the bundles; the active one is used.
    #[arg(long, value_name = "DIR")]
    pub(super) bundles: PathBuf,
    /// Parquet file to write.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Parquet file with a column user_id: whom to score; without it, everybody.
    #[arg(long, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,
    /// Parquet file with a column track_id: what may be recommended; without it, everything.
    #[arg(long, value_name = "FILE")]
    pub(super) candidates: Option<PathBuf>,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Which evidence orders the tracks.
    #[arg(
        long,
        value_enum,
        default_value = "blend",
        default_value_if("content_weight", ArgPredicate::IsPresent, "blend")
    )]
    pub(super) ranking: RankingArg,
    /// From 0 (collaborative) to 1 (content); without it, the learned weight.
    #[arg(long, short = 'w')]
    pub(super) content_weight: Option<f64>,
    /// How many tracks for each user.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(super) limit: usize,
    /// Return tracks the users already played, too.
    #[arg(long)]
    pub(super) include_played: bool,
    /// Score only the i-th of n parts of the users, as in 0/4.
    #[arg(long, value_name = "I/N")]
    pub(super) shard: Option<ShardArg>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(super) threads: Option<usize>,
}

/// A part of the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardArg {
    /// Which, from 0.
    pub(super) index: usize,
    /// Of how many.
    pub(super) count: usize,
}

impl std::str::FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not I/N with I from 0 to N - 1");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self {
            index: index.parse().map_err(|_| wrong())?,
            count: count.parse().map_err(|_| wrong())?,
        };
        match shard.index < shard.count {
            true => Ok(shard),
            false => Err(wrong()),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Bundle {
    #[command(subcommand)]
    pub(super) verb: BundleVerb,
}

/// Where bundles lie.
#[derive(Debug, Args)]
pub(super) struct BundlesArg {
    /// Directory with the bundles.
    #[arg(long, value_name = "DIR")]
    pub(super) bundles: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum BundleVerb {
    /// List the bundles, oldest first.
    List {
        #[command(flatten)]
        store: BundlesArg,
    },
    /// Describe a bundle.
    Show {
        #[command(flatten)]
        store: BundlesArg,
        /// Version; without it, the active one.
        version: Option<String>,
    },
    /// Check every file of a bundle against its checksum.
    Verify {
        #[command(flatten)]
        store: BundlesArg,
        /// Version; without it, every bundle.
        version: Option<String>,
    },
    /// Measure retrieval: recall, the share of answers known to be exact, queries per second, memory.
    Measure(Measure),
    /// Make a bundle the active one; running servers follow.
    Activate {
        #[command(flatten)]
        store: BundlesArg,
        /// Version.
        version: String,
    },
    /// Activate the newest bundle older than the active one.
    Rollback {
        #[command(flatten)]
        store: BundlesArg,
    },
}

/// What to measure of a bundle's retrieval.
#[derive(Debug, Args)]
pub(super) struct Measure {
    #[command(flatten)]
    pub(super) store: BundlesArg,
    /// Version; without it, the active one.
    pub(super) version: Option<String>,
    /// How many users' queries are asked at each content weight.
    #[arg(long, default_value_t = 2000, value_parser = value_parser!(u32).range(1..))]
    pub(super) queries: u32,
    /// How many tracks each query asks for.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Content weights, 0 to 1.
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 0.25, 0.5, 0.75, 1.0])]
    pub(super) content_weight: Vec<f64>,
    /// Also measure under filters that leave these shares of the tracks, in per cent: tracks at random, whole artists, and
    /// neighbouring years.
    #[arg(long, value_delimiter = ',', value_name = "PERCENT")]
    pub(super) selectivity: Vec<f64>,
    /// Threads that ask at the same time.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=1024))]
    pub(super) threads: u16,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn counts_stand_behind_the_last_colon() {
        let parse = |text: &str| text.parse::<HistoryArg>().unwrap();
        assert_eq!(parse("a").play_count, None);
        assert_eq!(parse("spotify:track:x").track_id, "spotify:track:x");
        let counted = parse("spotify:track:x:3");
        assert_eq!(
            (counted.track_id.as_str(), counted.play_count),
            ("spotify:track:x", Some(3))
        );
    }

    #[test]
    fn years_may_be_open_on_either_side() {
        let years = |first, last| Ok(YearsArg { first, last });
        assert_eq!("1990".parse(), years(Some(1990), Some(1990)));
        assert_eq!("1990-1999".parse(), years(Some(1990), Some(1999)));
        assert_eq!("1990-".parse(), years(Some(1990), None));
        assert_eq!("-1999".parse(), years(None, Some(1999)));
        for wrong in ["", "-", "1999-1990", "nineties", "1990-1999-2000"] {
            assert!(wrong.parse::<YearsArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_are_checked() {
        assert_eq!("1/4".parse(), Ok(ShardArg { index: 1, count: 4 }));
        for wrong in ["4/4", "1", "a/b", "-1/2", "0/0"] {
            assert!(wrong.parse::<ShardArg>().is_err(), "{wrong}");
        }
    }
}
