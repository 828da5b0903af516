use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crossfade_eval::Metric;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    args,
    tables::table,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    pipeline::{
        End, Event, SearchState, Trial, TuneReport, TuneRequest, best_of, tune, write_settings,
    },
    settings::Settings,
};

/// How many of the best trials are shown.
const SHOWN: usize = 5;

pub(super) fn run(args: &args::Tune, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    args.columns.apply(&mut settings);
    let base = settings.clone();
    apply(args, &mut settings);
    settings.validate()?;
    let deadline = |seconds| Instant::now().checked_add(Duration::from_secs(seconds));
    let request = TuneRequest {
        plays: args.plays.clone(),
        validation: args.validation.clone(),
        journal: args.journal.clone(),
        deadline: args.seconds.and_then(deadline),
    };
    let board = Board::new(ui, settings.tune.metric);
    let report = pool(settings.threads)?.install(|| {
        tune(
            &request,
            &settings,
            (&|event: Event<'_>| ui.observe(event), &|state| {
                board.show(state);
            }),
        )
    });
    board.clear();
    let report = report?;
    if let Some(out) = &args.out {
        write_settings(out, &base, &report)?;
    }
    ui.result(&report, found)
}

fn apply(args: &args::Tune, settings: &mut Settings) {
    let tune = &mut settings.tune;
    set(&mut tune.trials, args.trials);
    if !args.dims.is_empty() {
        tune.dims.clone_from(&args.dims);
    }
    set(&mut tune.epochs, args.epochs);
    set(&mut tune.metric, args.metric);
    set(&mut tune.users, args.users);
    set(&mut tune.seed, args.seed);
    args.hidden.apply(settings);
    set(&mut settings.threads, args.threads);
}

/// What people see of a running search: a table on a terminal, one line for each trial elsewhere.
struct Board<'a> {
    ui: &'a Ui,
    metric: Metric,
    screen: Option<ProgressBar>,
    /// How many trials were told of; none before the search begins.
    told: AtomicUsize,
}

impl<'a> Board<'a> {
    fn new(ui: &'a Ui, metric: Metric) -> Self {
        let screen = || {
            let style = ProgressStyle::with_template("{msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        };
        Self {
            ui,
            metric,
            screen: ui.is_watched().then(screen),
            told: AtomicUsize::new(usize::MAX),
        }
    }

    fn show(&self, state: SearchState<'_>) {
        if let Some(screen) = &self.screen {
            screen.set_message(board(state, self.metric));
            screen.tick();
            return;
        }
        let told = self.told.swap(state.trials.len(), Ordering::Relaxed);
        if let Some(last) = state.trials.last()
            && told < state.trials.len()
        {
            self.ui.note(&line(last, state, self.metric));
        }
    }

    fn clear(&self) {
        if let Some(screen) = &self.screen {
            screen.finish_and_clear();
        }
    }
}

fn board(state: SearchState<'_>, metric: Metric) -> String {
    let mut text = format!("{}\n", trials(state.trials, metric));
    if let Some(trial) = state.running {
        text += &format!(
            "\n  trial {} of {}: {}, epoch {}",
            trial.trial,
            state.planned,
            settings_of(trial),
            trial.scores.len() + 1
        );
        if let Some(last) = trial.scores.last() {
            text += &format!(", {metric} {last:.4}");
        }
    }
    if let Some(left) = state.left {
        text += &format!("\n  left: about {}", duration(left));
    }
    text
}

fn line(trial: &Trial, state: SearchState<'_>, metric: Metric) -> String {
    let best = best_of(state.trials).unwrap_or(trial);
    format!(
        "trial {} of {}: {}: {metric} {:.4} at epoch {} of {}{}, {:.1} s; best {:.4} (trial {})",
        trial.trial,
        state.planned,
        settings_of(trial),
        trial.score,
        trial.config.epochs,
        trial.scores.len(),
        match &trial.end {
            Some(End::Worse) => ", given up",
            Some(End::Failed(_)) => ", failed",
            Some(End::Complete | End::NoGain) | None => "",
        },
        trial.seconds,
        best.score,
        best.trial
    )
}

fn settings_of(trial: &Trial) -> String {
    let config = &trial.config;
    let mut text = format!(
        "dim {} alpha0 {} regularization {} exponent {}",
        config.dim, config.alpha0, config.regularization, config.regularization_exponent
    );
    let confidence = config.confidence;
    if confidence.popularity_exponent > 0.0 {
        text += &format!(" popularity {}", confidence.popularity_exponent);
    }
    if confidence.alpha > 0.0 {
        text += &format!(" confidence {} / {}", confidence.alpha, confidence.epsilon);
    }
    text
}

/// A title, and what stands below it for a trial.
type Column = (&'static str, fn(&Trial) -> String);

/// What is shown of a trial besides its score.
const COLUMNS: [Column; 8] = [
    ("trial", |trial| trial.trial.to_string()),
    ("dim", |trial| trial.config.dim.to_string()),
    ("alpha0", |trial| trial.config.alpha0.to_string()),
    ("regularization", |trial| {
        trial.config.regularization.to_string()
    }),
    ("exponent", |trial| {
        trial.config.regularization_exponent.to_string()
    }),
    ("popularity", |trial| {
        trial.config.confidence.popularity_exponent.to_string()
    }),
    ("confidence", |trial| {
        let confidence = trial.config.confidence;
        format!("{} / {}", confidence.alpha, confidence.epsilon)
    }),
    ("epochs", |trial| trial.config.epochs.to_string()),
];

/// The best trials.
fn trials(trials: &[Trial], metric: Metric) -> String {
    let metric = metric.to_string();
    let mut header: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    header.push(&metric);
    let mut rows = table(&header, 0);
    let mut best: Vec<&Trial> = trials.iter().collect();
    best.sort_by(|a, b| b.score.total_cmp(&a.score));
    for trial in best.into_iter().take(SHOWN) {
        let mut row: Vec<String> = COLUMNS.iter().map(|(_, cell)| cell(trial)).collect();
        row.push(format!("{:.4}", trial.score));
        rows.add_row(row);
    }
    rows.to_string()
}

/// What a search found.
fn found(report: &TuneReport) -> String {
    format!(
        "{} trials on hidden plays of {} users ({} hidden tracks){}; the best:\n\n{}",
        report.trials.len(),
        report.users,
        report.hidden,
        match report.complete {
            true => "",
            false => ", then time was up",
        },
        trials(&report.trials, report.metric)
    )
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
