//! The command line: what was typed becomes [`Settings`](crate::settings::Settings) and calls into the library; results
//! go to standard output, everything else to standard error.

#![expect(
    clippy::print_stdout,
    reason = "printing results is what a command line is for"
)]

use std::process::ExitCode;

use clap::Parser;

mod args;
mod bundle;
mod client;
mod evaluate;
mod generate;
mod quickstart;
mod score;
mod serve;
mod tables;
mod train;
mod ui;

use args::{Arguments, Verb};
use ui::Ui;

/// Runs the program. Exit status 0 is success, 1 failure, 2 wrong usage.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logging();
    let ui = Ui::new(arguments.json, arguments.quiet);
    match run(arguments, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.failed(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, ui: &Ui) -> anyhow::Result<()> {
    let settings = crate::settings::Settings::load(arguments.config.as_deref())?;
    match arguments.verb {
        Verb::Quickstart(verb) => quickstart::run(verb, settings, ui),
        Verb::Generate(verb) => generate::run(&verb, ui),
        Verb::Train(verb) => train::run(verb, settings, ui),
        Verb::Evaluate(verb) => evaluate::run(verb, settings, ui),
        Verb::Serve(verb) => serve::run(verb, settings, ui),
        Verb::Recommend(verb) => client::recommend(&verb, ui),
        Verb::Similar(verb) => client::similar(&verb, ui),
        Verb::Compare(verb) => client::compare(&verb, ui),
        Verb::Score(verb) => score::run(&verb, settings, ui),
        Verb::Bundle(verb) => bundle::run(verb, ui),
    }
}

/// Logs go to standard error, as lines for people on a terminal and as JSON elsewhere. `CROSSFADE_LOG` chooses what is
/// logged.
fn init_logging() {
    use std::io::{IsTerminal, stderr};
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing::level_filters::LevelFilter::INFO.into())
        .with_env_var("CROSSFADE_LOG")
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    match stderr().is_terminal() {
        true => builder.with_target(false).init(),
        false => builder.json().init(),
    }
}
