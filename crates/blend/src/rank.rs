use std::{collections::BTreeSet, time::Instant};

use crossfade_index::{Allowed, Path};

use crate::{Answer, Engine, Error, Listener, Query, Retrieval, query};

/// Given tracks in order.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// Those the ranking has evidence of, best first.
    pub answer: Answer,
    /// The others, in order of index: they have no factors where only listeners count, or nothing is known of their content
    /// where only that counts. A score of 0 for want of evidence is no score.
    pub without_evidence: Vec<u32>,
}

impl Engine {
    /// Ranks given tracks for a listener, each once, those the listener played too: with the scores, to the bit, that
    /// [`recommend`](Self::recommend) gives them. Of `query`, only the ranking and the discovery count.
    ///
    /// # Errors
    ///
    /// If the listener's vectors cannot be used.
    ///
    /// # Panics
    ///
    /// If a track is out of range.
    pub fn rank(
        &self,
        listener: &Listener,
        query: &Query,
        tracks: &[u32],
    ) -> Result<Ranked, Error> {
        let start = Instant::now();
        let query = Query {
            candidates: None,
            ..query.clone()
        };
        let asked = self.ask(listener, &query);
        let distinct: BTreeSet<u32> = tracks.iter().copied().collect();
        let (known, without_evidence): (Vec<u32>, Vec<u32>) = match &asked.joint {
            Some(joint) => {
                let only = joint.weighted.only(&self.eligible).map(Allowed::rows);
                let known = |track: &u32| only.is_none_or(|only| only.contains(*track));
                distinct.into_iter().partition(known)
            }
            None => (distinct.into_iter()).partition(|&track| !self.popularity.is_cold(track)),
        };
        let scored = match &asked.joint {
            Some(joint) => self.scored(joint, known.into_iter())?,
            None => {
                let scored = known
                    .into_iter()
                    .map(|track| (track, self.popular_score(track)));
                scored.collect()
            }
        };
        let answer = Answer {
            content_weight: asked.content_weight(),
            basis: asked.basis(),
            retrieval: Retrieval {
                path: Path::Listed,
                scored: scored.len() as u64,
                predicted: None,
                took: start.elapsed(),
            },
            tracks: query::ranked(scored),
        };
        Ok(Ranked {
            answer,
            without_evidence,
        })
    }
}
