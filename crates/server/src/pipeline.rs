//! From Parquet files to a published bundle, stage by stage.

use std::time::Instant;

mod add;
mod cold;
mod content;
mod early_stop;
mod fit;
mod guard;
mod hidden;
mod keeper;
mod lists;
mod load;
mod pull;
mod stop;
mod train;
mod tune;
mod validate;

pub use add::{AddReport, add_tracks};
pub(crate) use cold::{COLD_TARGET, hide_tracks, rank_new};
pub use content::{Content, cluster, embed, label};
pub(crate) use content::{features, years};
pub(crate) use early_stop::factorise;
pub use fit::EpochReport;
pub(crate) use fit::{FAILED, Plays, liked, model, run_epoch};
pub(crate) use guard::queries;
pub use guard::{check_recall, with_graph};
pub use hidden::read_hidden;
pub use keeper::Interrupted;
pub(crate) use lists::{Audience, most_popular};
pub use load::{Sources, World, load, read_world};
pub(crate) use load::{read_log, read_table};
pub(crate) use pull::Pull;
pub use stop::Stop;
pub use train::{Job, TrainReport, train};
pub use tune::{
    End, SearchState, Trial, TuneReport, TuneRequest, Watch, best_of, tune, write_settings,
};
pub use validate::{Findings, validate};
pub(crate) use validate::{TARGET, learn, metrics, needed, partition};

use crate::settings::Settings;

/// What happens while a pipeline runs.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A stage begins; the one before has ended.
    Stage(&'static str),
    /// So much of the stage is done.
    Progress {
        /// Done so far.
        done: u64,
        /// When it will be complete.
        total: u64,
    },
    /// Something worth telling.
    Note(&'a str),
    /// Something that asks for a decision, told even where nobody watches.
    Warning(&'a str),
}

/// Hears of [`Event`]s, from any thread.
pub type Observer<'a> = &'a (dyn Fn(Event<'_>) + Sync);

/// How long each stage took.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StageTime {
    /// Name of the stage.
    pub stage: &'static str,
    /// Seconds of wall-clock time.
    pub seconds: f64,
}

/// Runs stages and keeps their times.
pub(crate) struct Stages<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) observer: Observer<'a>,
    pub(crate) times: Vec<StageTime>,
}

impl<'a> Stages<'a> {
    pub(crate) fn new(settings: &'a Settings, observer: Observer<'a>) -> Self {
        Self {
            settings,
            observer,
            times: Vec::new(),
        }
    }

    /// Runs `work` as the stage of that name.
    pub(crate) fn run<T>(
        &mut self,
        stage: &'static str,
        work: impl FnOnce(&Settings, Observer<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        (self.observer)(Event::Stage(stage));
        let start = Instant::now();
        let result = work(self.settings, self.observer);
        self.times.push(StageTime {
            stage,
            seconds: start.elapsed().as_secs_f64(),
        });
        result
    }
}
