//! Searching for settings of the factorisation on hidden plays.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context;
use crossfade_eval::{Holdout, Metric, TestUser};
use crossfade_matrix::Csr;
use crossfade_tune::{Tried, propose};
use serde::Serialize;

use super::{Event, Observer, load::read_world, read_hidden};
use crate::settings::Settings;

mod best;
mod journal;
mod space;
mod trial;

pub use best::write_settings;
pub use trial::{End, Trial};

use journal::{Header, Journal};
use space::SearchSpace;
use trial::Bench;

/// What to search on, and for how long.
#[derive(Debug, Clone)]
pub struct TuneRequest {
    /// The plays.
    pub plays: PathBuf,
    /// Plays to measure on. Without them a part of `plays` is hidden for it.
    pub validation: Option<PathBuf>,
    /// File that finished trials are kept in. A search that finds its own trials there goes on after them.
    pub journal: Option<PathBuf>,
    /// When to stop. A trial that is running then is given up.
    pub deadline: Option<Instant>,
}

/// What a search found.
#[derive(Debug, Clone, Serialize)]
pub struct TuneReport {
    /// The best trial.
    pub best: Trial,
    /// What it is best by.
    pub metric: Metric,
    /// Users that trials were measured on.
    pub users: usize,
    /// Hidden pairs of user and track.
    pub hidden: usize,
    /// Whether all trials that were asked for have ended; otherwise time was up.
    pub complete: bool,
    /// How many trials were found in the journal.
    pub resumed: usize,
    /// All trials in the order they ended.
    pub trials: Vec<Trial>,
}

/// The state of a search.
#[derive(Debug, Clone, Copy)]
pub struct SearchState<'a> {
    /// Trials that have ended.
    pub trials: &'a [Trial],
    /// How many there are to be.
    pub planned: usize,
    /// The trial that is running, with what was measured so far.
    pub running: Option<&'a Trial>,
    /// About how long the search will still take.
    pub left: Option<Duration>,
}

/// Hears of the state of a search after every epoch and every trial.
pub type Watch<'a> = &'a dyn Fn(SearchState<'_>);

/// Searches.
///
/// # Errors
///
/// If plays cannot be read or measured on, the journal belongs to another search or cannot be written, or time was up before
/// the first trial ended.
pub fn tune(
    request: &TuneRequest,
    settings: &Settings,
    (observer, watch): (Observer<'_>, Watch<'_>),
) -> anyhow::Result<TuneReport> {
    observer(Event::Stage("read plays"));
    let (train, test) = read_split(request, (settings, observer))?;
    observer(Event::Stage("search"));
    let bench = Bench::new(&train, &test, &settings.tune);
    let space = SearchSpace::new(&settings.tune.space, &settings.factorisation, &train);
    let header = Header::new(&train, &test, (settings, &space));
    let (journal, trials) = match &request.journal {
        Some(path) => {
            let (journal, trials) = Journal::open(path, &header)?;
            (Some(journal), trials)
        }
        None => (None, Vec::new()),
    };
    let resumed = trials.len();
    let mut search = Search {
        settings,
        space,
        bench,
        journal,
        trials,
        deadline: request.deadline,
        watch,
    };
    let complete = search.run()?;
    let trials = search.trials;
    let best = best_of(&trials)
        .context("time was up before the first trial ended; give the search more of it")?
        .clone();
    Ok(TuneReport {
        best,
        metric: settings.tune.metric,
        users: test.len(),
        hidden: test.iter().map(|user| user.tracks.len()).sum(),
        complete,
        resumed,
        trials,
    })
}

/// The trial with the highest score, the earlier one among equals.
pub fn best_of(trials: &[Trial]) -> Option<&Trial> {
    trials.iter().reduce(|best, trial| {
        if trial.score > best.score {
            trial
        } else {
            best
        }
    })
}

fn read_split(
    request: &TuneRequest,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<(Csr, Vec<TestUser>)> {
    /// Fewer users than this tell settings apart by chance.
    const FEWEST: usize = 20;
    let world = read_world(&request.plays, None, (settings, observer))?;
    let (train, test) = match &request.validation {
        Some(path) => {
            let test = read_hidden(path, &world, (settings, observer))?;
            (world.plays, test)
        }
        None => {
            let validation = &settings.validation;
            let holdout = Holdout {
                users: settings.tune.users,
                fraction: validation.fraction,
                min_tracks: validation.min_tracks,
                order: validation.order,
                seed: validation.seed,
            };
            let split = holdout.split(&world.plays, world.last_played.as_deref());
            (split.train, split.test)
        }
    };
    anyhow::ensure!(
        test.len() >= FEWEST,
        "only {} users have plays to measure on, and {FEWEST} are the least; see validation.min_tracks and tune.users",
        test.len()
    );
    Ok((train, test))
}

struct Search<'a> {
    settings: &'a Settings,
    space: SearchSpace,
    bench: Bench<'a>,
    journal: Option<Journal>,
    trials: Vec<Trial>,
    deadline: Option<Instant>,
    watch: Watch<'a>,
}

impl Search<'_> {
    /// Runs the trials that are still to be run. Returns whether there was time for all.
    fn run(&mut self) -> anyhow::Result<bool> {
        for (dim, wanted) in self.plan() {
            while self.trials_of(dim).count() < wanted {
                let next = self.next(dim);
                match self.bench.run(next, self.trials_of(dim), &|running| {
                    self.tell(Some(running));
                    self.deadline
                        .is_none_or(|deadline| Instant::now() < deadline)
                })? {
                    Some(trial) => {
                        if let Some(journal) = &mut self.journal {
                            journal.append(&trial)?;
                        }
                        self.trials.push(trial);
                        self.tell(None);
                    }
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// How many trials each length of factors is to have.
    fn plan(&self) -> Vec<(usize, usize)> {
        let mut wanted = self.settings.tune.trials;
        let mut plan = Vec::new();
        for &dim in &self.settings.tune.dims {
            plan.push((dim, wanted));
            wanted = wanted.div_ceil(3);
        }
        plan
    }

    fn trials_of(&self, dim: usize) -> impl Iterator<Item = &Trial> {
        self.trials
            .iter()
            .filter(move |trial| trial.config.dim == dim)
    }

    /// The next trial: the settings as they are come first, with the first length.
    fn next(&self, dim: usize) -> Trial {
        let number = self.trials.len() + 1;
        let place = match self.trials.as_slice() {
            [] => self.space.start(),
            trials => {
                let mut dims: Vec<usize> = trials.iter().map(|trial| trial.config.dim).collect();
                dims.push(dim);
                dims.sort_unstable();
                dims.dedup();
                let level = |dim| dims.partition_point(|&other| other < dim);
                let tried: Vec<Tried> = trials
                    .iter()
                    .map(|trial| Tried {
                        level: level(trial.config.dim),
                        at: trial.place.clone(),
                        score: trial.score,
                    })
                    .collect();
                let seed = self.settings.tune.seed.wrapping_add(number as u64);
                propose(self.space.axes(), &tried, level(dim), seed)
            }
        };
        let config = self.space.config(&place, dim);
        Trial::new(number, place, config)
    }

    fn tell(&self, running: Option<&Trial>) {
        let planned = self.plan().iter().map(|(_, wanted)| wanted).sum();
        let state = SearchState {
            trials: &self.trials,
            planned,
            running,
            left: self.left(),
        };
        (self.watch)(state);
    }

    /// The time left, from what trials took so far; those of longer factors take longer with the square of the length.
    fn left(&self) -> Option<Duration> {
        let mut left = 0.0;
        let mut known = None;
        for (dim, wanted) in self.plan() {
            let done = self.trials_of(dim).count();
            if done > 0 {
                let seconds: f64 = self.trials_of(dim).map(|trial| trial.seconds).sum();
                known = Some((dim, seconds / done as f64));
            }
            let (known_dim, seconds) = known?;
            let each = seconds * (dim as f64 / known_dim as f64).powi(2).max(1.0);
            left += each * wanted.saturating_sub(done) as f64;
        }
        let left = Duration::try_from_secs_f64(left).ok()?;
        let until = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Some(until.map_or(left, |until| until.min(left)))
    }
}
