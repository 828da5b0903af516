//! Verbs that look after experiments.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::RankingArg;

#[derive(Debug, Args)]
pub(in crate::cli) struct Experiment {
    #[command(subcommand)]
    pub(in crate::cli) verb: ExperimentVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ExperimentVerb {
    /// List the experiments that the settings define.
    List,
    /// Say which arm of an experiment a user sees.
    Assign {
        /// The experiment.
        name: String,
        /// The user.
        user: String,
    },
    /// Join plays to the lists that were shown, and say what came of an experiment.
    Report {
        /// The experiment.
        name: String,
        #[command(flatten)]
        sources: OutcomeArgs,
        /// Write a page about it, too.
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Estimate what a ranking that did not serve would have earned at the place where the experiment's lists explore.
    Estimate {
        /// The experiment.
        name: String,
        #[command(flatten)]
        sources: OutcomeArgs,
        /// The ranking in question.
        #[arg(long, value_enum, default_value = "blend")]
        ranking: RankingArg,
        /// Its content weight, from 0 to 1; a blend needs one.
        #[arg(long, short = 'w')]
        content_weight: Option<f64>,
    },
}

/// What came of experiments.
#[derive(Debug, Args)]
pub(in crate::cli) struct OutcomeArgs {
    /// Directories of plays that servers recorded, separated by commas; they may be recording [setting: serve.events].
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub(in crate::cli) events: Vec<PathBuf>,
    /// Directories that servers wrote lists of experiments in, separated by commas [setting: serve.exposures].
    #[arg(long, value_name = "DIR", value_delimiter = ',')]
    pub(in crate::cli) exposures: Vec<PathBuf>,
    /// Other logs of plays with times, Parquet files or directories, separated by commas; the settings of [plays.columns] count.
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub(in crate::cli) plays: Vec<PathBuf>,
    /// Until when lists and plays count, as in 2026-03-01T12:00:00Z; without it, now.
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) as_of: Option<DateTime<Utc>>,
}
