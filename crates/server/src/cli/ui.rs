//! What people see while something runs: bars on a terminal, one line per stage elsewhere.

use std::{
    io::{ErrorKind, IsTerminal, Write, stderr, stdout},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::pipeline::Event;

/// Where progress, results and errors go.
#[derive(Debug)]
pub(super) struct Ui {
    json: bool,
    quiet: bool,
    stage: Mutex<Option<Stage>>,
}

/// The stage that is running.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    start: Instant,
    bar: ProgressBar,
}

impl Ui {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            stage: Mutex::new(None),
        }
    }

    /// Whether results are to be JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether people watch while something runs.
    pub(super) fn is_watched(&self) -> bool {
        !self.quiet && stderr().is_terminal()
    }

    /// Prints a result: JSON if asked for, otherwise what `text` makes of it.
    pub(super) fn result<T: Serialize>(
        &self,
        result: &T,
        text: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        self.finish();
        match self.json {
            true => print(&serde_json::to_string_pretty(result)?),
            false => print(&text(result)),
        }
    }

    /// Shows what a pipeline is doing.
    pub(super) fn observe(&self, event: Event<'_>) {
        match event {
            Event::Warning(warning) => self.tell(&format!("warning: {warning}")),
            Event::Note(note) => self.note(note),
            Event::Stage(_) | Event::Progress { .. } if self.quiet => {}
            Event::Stage(name) => self.begin(name),
            Event::Progress { done, total } => {
                if let Some(stage) = self.current().as_ref() {
                    // A stage with a known end gets a bar, and so a time left.
                    if stage.bar.length() != Some(total) {
                        stage.bar.set_style(bar_style());
                        stage.bar.set_length(total);
                    }
                    stage.bar.set_position(done);
                }
            }
        }
    }

    /// Ends the stage that is running, if any.
    pub(super) fn finish(&self) {
        let Some(stage) = self.current().take() else {
            return;
        };
        stage.bar.finish_and_clear();
        let seconds = stage.start.elapsed().as_secs_f64();
        self.line(&format!("  {:<28}{seconds:>8.1} s", stage.name));
    }

    /// Tells something beside the progress.
    pub(super) fn note(&self, note: &str) {
        if !self.quiet {
            self.tell(note);
        }
    }

    fn tell(&self, text: &str) {
        match self.current().as_ref() {
            Some(stage) if !stage.bar.is_hidden() => stage.bar.println(format!("  {text}")),
            _ => self.line(&format!("  {text}")),
        }
    }

    /// Tells why the program ends early.
    pub(super) fn ended(&self, why: &str) {
        if let Some(stage) = self.current().take() {
            stage.bar.abandon();
        }
        self.line(why);
    }

    fn begin(&self, name: &'static str) {
        self.finish();
        let bar = match stderr().is_terminal() {
            true => ProgressBar::new_spinner().with_style(spinner_style()),
            false => ProgressBar::hidden(),
        };
        bar.set_message(name);
        bar.enable_steady_tick(Duration::from_millis(120));
        *self.current() = Some(Stage {
            name,
            start: Instant::now(),
            bar,
        });
    }

    fn line(&self, text: &str) {
        // Nobody can be told when standard error is closed.
        let _ = writeln!(stderr(), "{text}");
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Stage>> {
        // Progress is shown as well as possible even after a panic elsewhere.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a result to standard output. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("the result cannot be printed")
        }
        _ => Ok(()),
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template("  {msg:<28}{bar:32} {percent:>3} %  {elapsed} (left: {eta})")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn spinner_style() -> ProgressStyle {
    ProgressStyle::with_template("  {msg:<28}{spinner} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
