//! The verb that puts load on a server.

use std::path::PathBuf;

use clap::Args;

use super::CallArgs;

#[derive(Debug, Args)]
pub(in crate::cli) struct Load {
    /// Address of the server. Without one, the bundle of --bundles is served in this process and compared with what a plain
    /// loop and the transport alone reach.
    #[arg(
        long,
        env = "CROSSFADE_SERVER",
        required_unless_present = "bundles",
        value_delimiter = ','
    )]
    pub(in crate::cli) server: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) call: CallArgs,
    /// Directory with the bundles that users are taken from.
    #[arg(long, value_name = "DIR", required_unless_present = "users")]
    pub(in crate::cli) bundles: Option<PathBuf>,
    /// Parquet file with a column user_id: whom to ask for.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) users: Option<PathBuf>,
    /// Requests a second, at random moments; without, as many as the server bears, and then half of that.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) rate: Option<f64>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10.0)]
    pub(in crate::cli) seconds: f64,
    /// Seconds of load before the first one.
    #[arg(long, default_value_t = 2.0)]
    pub(in crate::cli) warm_up: f64,
    /// Requests under way at once while looking for the most that the server bears.
    #[arg(long, default_value_t = 64)]
    pub(in crate::cli) callers: usize,
    /// Connections to the server.
    #[arg(long, default_value_t = 4)]
    pub(in crate::cli) connections: usize,
    /// Leave calls unmade that the server would most likely refuse, as clients do.
    #[arg(long)]
    pub(in crate::cli) throttle: bool,
    /// How many tracks to ask for.
    #[arg(long, short = 'n', default_value_t = 20)]
    pub(in crate::cli) limit: i32,
    /// From 0 (collaborative) to 1 (content); without it, the learned weight.
    #[arg(long, short = 'w')]
    pub(in crate::cli) content_weight: Option<f64>,
    /// Ask for strangers with so many plays, as users of the bundle have them, instead of for users.
    #[arg(long, value_name = "PLAYS", default_value_t = 0, requires = "bundles")]
    pub(in crate::cli) history: usize,
    /// Experiment of the server that the lists are to be part of.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "history"
    )]
    pub(in crate::cli) experiment: String,
    /// Let interactive requests of others come first.
    #[arg(long)]
    pub(in crate::cli) bulk: bool,
}
