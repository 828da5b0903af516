//! Experiments while serving: who takes part, what they are shown, and what came of it.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crossfade_blend::{ContentWeight, Ranking};
use crossfade_events::ExposureLog;
use crossfade_experiments::{Arm, ArmRanking, Experiment, Method, Sealer};

mod estimate;
mod key;
mod outcomes;
mod page;

pub use estimate::{Estimated, estimate};
pub use key::sealer;
pub use outcomes::{Sources, report};
pub use page::render;
pub(crate) use page::{outcome, percent, state, verdict};

/// The experiments of a server, and what it keeps of them.
#[derive(Debug)]
pub struct Experiments {
    definitions: BTreeMap<String, Arc<Defined>>,
    log: Option<ExposureLog>,
    sealer: Option<Sealer>,
    sources: Sources,
    /// Part of the ids of lists that come without.
    process: u64,
    lists: AtomicU64,
    lost: AtomicU64,
}

/// Where a server keeps what is shown and what is played, if it does.
#[derive(Debug, Default)]
pub struct Kept {
    /// What is shown, and the directory it is in.
    pub exposures: Option<(ExposureLog, PathBuf)>,
    /// The directory of plays.
    pub events: Option<PathBuf>,
    /// What makes tokens, and knows them.
    pub sealer: Option<Sealer>,
}

/// An experiment by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Defined {
    /// The name.
    pub name: String,
    /// The experiment.
    pub experiment: Experiment,
    /// Tells the definition from others.
    pub fingerprint: String,
}

/// What a user who takes part is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The list of an arm, by its place.
    Arm(usize),
    /// A list that both arms have drafted.
    Draft,
}

impl Default for Experiments {
    /// None.
    fn default() -> Self {
        Self::new(&BTreeMap::new(), Kept::default())
    }
}

impl Experiments {
    /// Experiments by name, and what is kept of them.
    pub fn new(definitions: &BTreeMap<String, Experiment>, kept: Kept) -> Self {
        let defined = |(name, experiment): (&String, &Experiment)| {
            let defined = Defined::new(name, experiment.clone());
            (name.clone(), Arc::new(defined))
        };
        let (log, exposures) = kept.exposures.unzip();
        Self {
            definitions: definitions.iter().map(defined).collect(),
            log,
            sealer: kept.sealer,
            sources: Sources {
                exposures: exposures.into_iter().collect(),
                events: kept.events.into_iter().collect(),
                ..Sources::default()
            },
            // The keys of the hash are random.
            process: RandomState::new().hash_one(std::process::id()),
            lists: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// The experiment of that name.
    pub fn find(&self, name: &str) -> Option<&Arc<Defined>> {
        self.definitions.get(name)
    }

    /// Where what is shown is written down.
    pub fn log(&self) -> Option<&ExposureLog> {
        self.log.as_ref()
    }

    /// What makes tokens, and knows them.
    pub fn sealer(&self) -> Option<&Sealer> {
        self.sealer.as_ref()
    }

    /// What a report is made of; `None` where something of it is not kept.
    pub fn sources(&self) -> Option<&Sources> {
        let is_kept = !self.sources.exposures.is_empty() && !self.sources.events.is_empty();
        is_kept.then_some(&self.sources)
    }

    /// An id for a list that came without.
    pub fn new_id(&self) -> String {
        let next = self.lists.fetch_add(1, Relaxed);
        format!("{:016x}-{next:x}", self.process)
    }

    /// Lists that were answered and could not be written down.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Notes that lists could not be written down; how many there are by now.
    pub fn lose(&self, lists: u64) -> u64 {
        self.lost.fetch_add(lists, Relaxed) + lists
    }
}

impl Defined {
    /// An experiment by its name.
    pub fn new(name: &str, experiment: Experiment) -> Self {
        Self {
            name: name.to_owned(),
            fingerprint: experiment.fingerprint(name),
            experiment,
        }
    }

    /// What a user is shown at a time in milliseconds since 1970; `None` for who takes no part.
    pub fn treatment(&self, user_id: &str, now_ms: i64) -> Option<Treatment> {
        if !self.experiment.runs_at(now_ms) {
            return None;
        }
        match self.experiment.method {
            Method::Interleave => Some(Treatment::Draft),
            Method::Assign => {
                let arm = self.experiment.assign(&self.name, user_id);
                arm.map(Treatment::Arm)
            }
        }
    }

    /// The arms that a treatment shows.
    pub fn shown(&self, treatment: Treatment) -> &[Arm] {
        match treatment {
            Treatment::Arm(place) => &self.experiment.arms[place..=place],
            Treatment::Draft => &self.experiment.arms,
        }
    }
}

/// The ranking of an arm.
pub fn ranking(arm: &Arm) -> Ranking {
    match arm.ranking {
        ArmRanking::Collaborative => Ranking::Collaborative,
        ArmRanking::Content => Ranking::Content,
        ArmRanking::Blend => Ranking::Blend(arm.content_weight.and_then(ContentWeight::new)),
        ArmRanking::Popular => Ranking::Popular,
    }
}
