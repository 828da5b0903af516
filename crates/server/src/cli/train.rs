use anyhow::Context;
use crossfade_bundle::Store;

use super::{
    args::{SourceArgs, Train, TrainingArgs},
    signals::stoppable,
    tables,
    ui::Ui,
};
use crate::{
    pipeline::{Job, Sources, Stop, train},
    settings::Settings,
};

pub(super) fn run(args: Train, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    args.training.apply(&mut settings);
    args.columns.apply(&mut settings);
    if args.no_validation {
        settings.validation.users = 0;
    }
    settings.validate()?;
    let store = Store::create(&args.out)?;
    let stop = Stop::default();
    let job = Job {
        sources: &args.sources.into(),
        store: &store,
        resume: args.resume,
        stop: &stop,
    };
    let pool = pool(settings.threads)?;
    let report = stoppable(&stop, ui, || {
        pool.install(|| train(&job, &settings, &|event| ui.observe(event)))
    })?;
    ui.result(&report, tables::train_report)
}

/// The threads that training and scoring run on.
pub(super) fn pool(threads: usize) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("threads cannot be started")
}

impl TrainingArgs {
    /// Flags win over settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        let factorisation = &mut settings.factorisation;
        set(&mut factorisation.dim, self.dim);
        set(&mut factorisation.epochs, self.epochs);
        set(&mut factorisation.alpha0, self.alpha0);
        set(&mut factorisation.regularization, self.regularization);
        set(&mut factorisation.seed, self.seed);
        set(&mut settings.threads, self.threads);
    }
}

/// Replaces a setting by a flag that was given.
pub(super) fn set<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

impl From<SourceArgs> for Sources {
    fn from(args: SourceArgs) -> Self {
        Self {
            plays: args.plays,
            tracks: args.tracks,
        }
    }
}
