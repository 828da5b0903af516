use std::collections::HashMap;

use anyhow::Context;
use crossfade_experiments::{Arm, OffPolicy, Tried, replay};
use serde::Serialize;

use super::{
    Defined, Sources,
    outcomes::{Kept, gather},
};

/// What a ranking that did not serve would have earned where lists explore.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimated {
    /// The experiment.
    pub experiment: String,
    /// The place, from 1.
    pub place: usize,
    /// In plays of the place, per list.
    #[serde(flatten)]
    pub value: OffPolicy,
}

/// Estimates what a ranking would have earned at the place where the lists of an experiment explore, by a time in milliseconds
/// since 1970. Lists count whose users' windows are over.
///
/// # Errors
///
/// If the experiment does not explore, something cannot be read, or there is too little to tell it from.
pub fn estimate(
    defined: &Defined,
    target: &Arm,
    (sources, as_of_ms): (&Sources, i64),
) -> anyhow::Result<Estimated> {
    let exploration = defined.experiment.exploration.with_context(|| {
        format!(
            "experiment {} explores nothing, so nothing can be told of rankings that did not serve; define \
             [experiments.{}.exploration]",
            defined.name, defined.name
        )
    })?;
    let mut kept = Vec::new();
    let ledger = gather(defined, (sources, as_of_ms), |exposure| {
        if let Some(trial) = exposure.trial {
            kept.push(Kept {
                user_id: exposure.user_id,
                request_id: exposure.request_id,
                trial,
            });
        }
    })?;
    let mut users: HashMap<String, u64> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    let tried = kept.into_iter().filter_map(|one| {
        let drawn = one.trial.candidates.get(one.trial.drawn)?;
        let list = (one.user_id.as_str(), one.request_id.as_str());
        let is_played = ledger.played(list, &drawn.track_id, as_of_ms)?;
        let next = users.len() as u64;
        let user = *users.entry(one.user_id).or_insert(next);
        // A list that was written down by two servers is one.
        seen.insert((user, one.request_id)).then_some(Tried {
            user,
            trial: one.trial,
            is_played,
        })
    });
    let tried: Vec<Tried> = tried.collect();
    Ok(Estimated {
        experiment: defined.name.clone(),
        place: exploration.place,
        value: replay(&tried, target)?,
    })
}
