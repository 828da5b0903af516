//! The verb that tells of settings.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(in crate::cli) struct Config {
    #[command(subcommand)]
    pub(in crate::cli) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigVerb {
    /// Print the settings as they are in effect: defaults, file and environment together.
    Show {
        /// Print the defaults instead, and what each setting means: a file to begin with.
        #[arg(long)]
        defaults: bool,
    },
    /// Check settings, and tell which are not the defaults.
    Check {
        /// The file; without, what --config and the environment say.
        file: Option<PathBuf>,
    },
}
