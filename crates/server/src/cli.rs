//! The command line: what was typed becomes [`Settings`](crate::settings::Settings) and calls into the library; results
//! go to standard output, everything else to standard error.

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use clap::Parser;
use tracing_subscriber::{
    Layer, filter::LevelFilter, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt,
};

mod add;
mod analyze;
mod args;
mod bundle;
mod client;
mod comparison;
mod config;
mod describe;
mod evaluate;
mod events;
mod experiment;
mod explanation;
mod generate;
mod labels;
mod load;
mod measure;
mod playlist;
mod quickstart;
mod score;
mod serve;
mod signals;
mod tables;
mod token;
mod train;
mod tune;
mod ui;

use args::{Arguments, Verb};
use ui::Ui;

use crate::{
    grpc::ServeOptions,
    pipeline::Interrupted,
    traces::{self, Traces},
};

/// Exit status of a training that was interrupted, as of programs that end by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs the program. Exit status 0 is success, 1 failure, 2 wrong usage, 130 a training that was interrupted.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ui = Ui::new(arguments.json, arguments.quiet);
    match run(arguments, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            ui.ended(&error.to_string());
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            ui.ended(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, ui: &Ui) -> anyhow::Result<()> {
    let settings = crate::settings::Settings::load(arguments.config.as_deref())?;
    // Held to the end, when what is left is sent.
    let traces = match matches!(arguments.verb, Verb::Serve(_)) {
        true => start_traces(&settings.serve)?,
        false => None,
    };
    init_logging(traces.as_ref());
    match arguments.verb {
        Verb::Quickstart(verb) => quickstart::run(verb, settings, ui),
        Verb::Generate(verb) => generate::run(&verb, ui),
        Verb::Train(verb) => train::run(verb, settings, ui),
        Verb::AddTracks(verb) => add::run(&verb, settings, ui),
        Verb::Evaluate(verb) => evaluate::run(verb, settings, ui),
        Verb::Analyze(verb) => analyze::run(&verb, settings, ui),
        Verb::Tune(verb) => tune::run(&verb, settings, ui),
        Verb::Serve(verb) => serve::run(verb, settings, ui),
        Verb::Recommend(verb) => client::recommend(&verb, ui),
        Verb::Rank(verb) => client::rank(&verb, ui),
        Verb::Playlist(verb) => playlist::run(&verb, ui),
        Verb::Describe(verb) => describe::run(&verb, ui),
        Verb::Similar(verb) => client::similar(&verb, ui),
        Verb::Compare(verb) => client::compare(&verb, ui),
        Verb::Load(verb) => load::run(&verb, settings, ui),
        Verb::Token(verb) => token::run(&verb, ui),
        Verb::Score(verb) => score::run(&verb, settings, ui),
        Verb::Record(verb) => events::record(&verb, ui),
        Verb::Bundle(verb) => bundle::run(verb, ui),
        Verb::Events(verb) => events::run(&verb, ui),
        Verb::Experiment(verb) => experiment::run(&verb, &settings, ui),
        Verb::Config(verb) => config::run(&verb, &settings, ui),
    }
}

/// What sends traces, if they are to be sent.
fn start_traces(options: &ServeOptions) -> anyhow::Result<Option<Traces>> {
    let collector = options.traces_collector.as_deref();
    let start = |collector| Traces::start(collector, options.traces_share);
    collector.map(start).transpose()
}

/// Logs go to standard error, as lines for people on a terminal and as JSON elsewhere. `CROSSFADE_LOG` chooses what is
/// logged: a level, or levels by module as in `warn,crossfade=debug`.
fn init_logging(traces: Option<&Traces>) {
    const VARIABLE: &str = "CROSSFADE_LOG";
    let chosen = std::env::var(VARIABLE).ok();
    let parsed = chosen.as_deref().map(str::parse::<Targets>);
    let filter = match &parsed {
        Some(Ok(targets)) => targets.clone(),
        Some(Err(_)) | None => Targets::new().with_default(LevelFilter::INFO),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match stderr().is_terminal() {
        true => lines.with_target(false).boxed(),
        false => lines.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces::layer(traces))
        .init();
    if let Some(Err(error)) = parsed {
        tracing::warn!(%error, "{VARIABLE} is not understood; logging what is important");
    }
}
