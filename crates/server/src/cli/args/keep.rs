//! Verbs that work on a directory of bundles or of recorded plays.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use clap::{Args, Subcommand, builder::ArgPredicate, value_parser};

use super::{FilterArgs, RankingArg};
use crate::arm::Arm;

#[derive(Debug, Args)]
pub(in crate::cli) struct Serve {
    /// Directory with the bundles.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) bundles: PathBuf,
    /// Address to listen on [setting: serve.listen].
    #[arg(long)]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Requests worked on or waiting at once [setting: serve.max_in_flight].
    #[arg(long)]
    pub(in crate::cli) max_in_flight: Option<usize>,
    /// Let only callers in that this file knows, as "crossfade token" makes its lines [setting: serve.tokens].
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) tokens: Option<PathBuf>,
    /// Address for Prometheus to ask /metrics at [setting: serve.metrics_listen].
    #[arg(long)]
    pub(in crate::cli) metrics_listen: Option<SocketAddr>,
    /// Address for administration, which is then served only there [setting: serve.admin_listen].
    #[arg(long)]
    pub(in crate::cli) admin_listen: Option<SocketAddr>,
    /// Record reported plays in this directory, and use them in answers [setting: serve.events].
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) events: Option<PathBuf>,
    /// Write lists of experiments down in this directory [setting: serve.exposures].
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) exposures: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Score {
    /// Directory with the bundles; the active one is used.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) bundles: PathBuf,
    /// Directory for the files, part-00000.parquet and so on, or a URL such as s3://bucket/scores; files that the same request
    /// has completed are kept.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: String,
    /// Parquet file with a column user_id: whom to score; without it, everybody.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) users: Option<PathBuf>,
    /// Parquet file with a column track_id: what may be recommended; without it, everything.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) candidates: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
    /// Which evidence orders the tracks.
    #[arg(
        long,
        value_enum,
        default_value = "blend",
        default_value_if("content_weight", ArgPredicate::IsPresent, "blend")
    )]
    pub(in crate::cli) ranking: RankingArg,
    /// From 0 (collaborative) to 1 (content); without it, the learned weight.
    #[arg(long, short = 'w')]
    pub(in crate::cli) content_weight: Option<f64>,
    /// Several rankings side by side, separated by commas: popular, collaborative, content, blend, blend:0.5.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["ranking", "content_weight"])]
    pub(in crate::cli) arms: Vec<Arm>,
    /// From -1 (what everybody plays) to 1 (what hardly anybody plays).
    #[arg(long, value_name = "DIAL", allow_hyphen_values = true)]
    pub(in crate::cli) discovery: Option<f64>,
    /// How far the tracks of a list are to differ from each other, from 0 to 1.
    #[arg(long, value_name = "DIAL")]
    pub(in crate::cli) diversity: Option<f64>,
    /// How many tracks of one artist a list may have.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_per_artist: Option<NonZeroUsize>,
    /// How many tracks in each list.
    #[arg(long, short = 'n', default_value_t = 100)]
    pub(in crate::cli) limit: usize,
    /// Return tracks the users already played, too.
    #[arg(long)]
    pub(in crate::cli) include_played: bool,
    /// Users in each file.
    #[arg(long, default_value_t = 8_192, value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) part_users: u32,
    /// Write only the i-th of n shares of the files, as in 0/4; all shares may go to one directory.
    #[arg(long, value_name = "I/N")]
    pub(in crate::cli) shard: Option<ShardArg>,
    /// Threads; 0 means one per core [setting: threads].
    #[arg(long)]
    pub(in crate::cli) threads: Option<usize>,
}

/// A share of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct ShardArg {
    /// Which, from 0.
    pub(in crate::cli) index: usize,
    /// Of how many.
    pub(in crate::cli) count: usize,
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
pub(in crate::cli) struct Events {
    #[command(subcommand)]
    pub(in crate::cli) verb: EventsVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum EventsVerb {
    /// Write all recorded plays as Parquet now, where no server records; a running server does so by itself.
    Compact {
        /// Directory that plays are recorded in.
        #[arg(long, value_name = "DIR")]
        events: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Bundle {
    #[command(subcommand)]
    pub(in crate::cli) verb: BundleVerb,
}

/// Where bundles lie.
#[derive(Debug, Args)]
pub(in crate::cli) struct BundlesArg {
    /// Directory with the bundles.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) bundles: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum BundleVerb {
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
pub(in crate::cli) struct Measure {
    #[command(flatten)]
    pub(in crate::cli) store: BundlesArg,
    /// Version; without it, the active one.
    pub(in crate::cli) version: Option<String>,
    /// How many users' queries are asked at each content weight.
    #[arg(long, default_value_t = 2000, value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) queries: u32,
    /// How many tracks each query asks for.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub(in crate::cli) limit: u32,
    /// Content weights, 0 to 1.
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 0.25, 0.5, 0.75, 1.0])]
    pub(in crate::cli) content_weight: Vec<f64>,
    /// Also measure under filters that leave these shares of the tracks, in per cent: tracks at random, whole artists, and
    /// neighbouring years.
    #[arg(long, value_delimiter = ',', value_name = "PERCENT")]
    pub(in crate::cli) selectivity: Vec<f64>,
    /// Threads that ask at the same time.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=1024))]
    pub(in crate::cli) threads: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_checked() {
        assert_eq!("1/4".parse(), Ok(ShardArg { index: 1, count: 4 }));
        for wrong in ["4/4", "1", "a/b", "-1/2", "0/0"] {
            assert!(wrong.parse::<ShardArg>().is_err(), "{wrong}");
        }
    }
}
