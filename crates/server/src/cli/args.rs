//! What can be typed. The comments are the help texts.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod ask;
mod config;
mod experiment;
mod keep;
mod learn;
mod load;

pub(super) use ask::*;
pub(super) use config::*;
pub(super) use experiment::*;
pub(super) use keep::*;
pub(super) use learn::*;
pub(super) use load::*;

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
    /// Add new tracks to the active bundle, without training anew, and publish it.
    AddTracks(AddTracks),
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
    /// Ask a server to rank given tracks.
    Rank(Rank),
    /// Ask a server for a playlist with smooth transitions.
    Playlist(Playlist),
    /// Ask a server what it knows of a track.
    Describe(Describe),
    /// Ask a server for tracks similar to one.
    Similar(Similar),
    /// Ask a server for several rankings side by side.
    Compare(Compare),
    /// Tell a server what was played.
    Record(Record),
    /// Put load on a server, and tell how it bears it.
    Load(Load),
    /// Make a token for a caller, and the line by which a server knows it.
    Token(Token),
    /// Score many users at once into Parquet files.
    Score(Score),
    /// List, show, verify, activate and roll back bundles.
    Bundle(Bundle),
    /// Look after recorded plays.
    Events(Events),
    /// List experiments, assign users, report what came of them, and estimate what other rankings would have earned.
    Experiment(Experiment),
    /// Print or check settings.
    Config(Config),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
