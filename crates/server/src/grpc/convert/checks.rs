use crossfade_blend::{ContentWeight, Ranking};
use tonic_types::FieldViolation;

use super::limits;
use crate::{grpc::status::Refusal, pb};

/// Collects everything that is wrong with a request, so that a caller hears of it all at once.
#[derive(Debug, Default)]
pub(super) struct Checks {
    violations: Vec<FieldViolation>,
}

impl Checks {
    pub(super) fn refuse(&mut self, field: impl Into<String>, description: impl Into<String>) {
        /// Enough to learn from; a hostile request could otherwise make an answer larger than itself.
        const MOST: usize = 16;
        if self.violations.len() < MOST {
            self.violations
                .push(FieldViolation::new(field, description));
        }
    }

    /// The value, if nothing was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Refusal> {
        match self.violations.is_empty() {
            true => Ok(value),
            false => Err(Refusal::Invalid(self.violations)),
        }
    }

    pub(super) fn id(&mut self, field: impl FnOnce() -> String, id: &str) {
        if id.is_empty() {
            self.refuse(field(), "must not be empty");
        } else {
            self.id_length(field, id);
        }
    }

    pub(super) fn id_length(&mut self, field: impl FnOnce() -> String, id: &str) {
        if id.len() > limits::ID_BYTES {
            let description = format!(
                "must have at most {} bytes, has {}",
                limits::ID_BYTES,
                id.len()
            );
            self.refuse(field(), description);
        }
    }

    pub(super) fn limit(&mut self, limit: Option<i32>) -> usize {
        match limit {
            None => limits::DEFAULT_LIMIT,
            Some(limit) if (1..=limits::LIMIT).contains(&limit) => limit as usize,
            Some(limit) => {
                let description = format!(
                    "must be from 1 to {}, is {limit}; leave it out for {}",
                    limits::LIMIT,
                    limits::DEFAULT_LIMIT
                );
                self.refuse("limit", description);
                0
            }
        }
    }

    pub(super) fn excluded(&mut self, ids: &[String]) {
        self.count("exclude_track_ids", ids.len(), limits::EXCLUDED);
        for (place, id) in ids.iter().enumerate().take(limits::EXCLUDED) {
            self.id(|| format!("exclude_track_ids[{place}]"), id);
        }
    }

    pub(super) fn history(&mut self, plays: &[pb::Play]) {
        self.count("history", plays.len(), limits::HISTORY);
        for (place, play) in plays.iter().enumerate().take(limits::HISTORY) {
            self.id(|| format!("history[{place}].track_id"), &play.track_id);
            let count = play.play_count.unwrap_or(1);
            if !(1..=limits::PLAY_COUNT).contains(&count) {
                let description = format!("must be from 1 to {}, is {count}", limits::PLAY_COUNT);
                self.refuse(format!("history[{place}].play_count"), description);
            }
        }
    }

    pub(super) fn count(&mut self, field: &str, found: usize, most: usize) {
        if found > most {
            self.refuse(
                field,
                format!("must have at most {most} entries, has {found}"),
            );
        }
    }

    pub(super) fn ranking(&mut self, prefix: &str, ranking: i32, weight: Option<f64>) -> Ranking {
        let checked = weight.map(|weight| {
            ContentWeight::new(weight).unwrap_or_else(|| {
                let description = format!("must be from 0 to 1, is {weight}");
                self.refuse(format!("{prefix}content_weight"), description);
                ContentWeight::COLLABORATIVE
            })
        });
        let ranking = match pb::Ranking::try_from(ranking) {
            Ok(pb::Ranking::Unspecified | pb::Ranking::Blend) => return Ranking::Blend(checked),
            Ok(pb::Ranking::Collaborative) => Ranking::Collaborative,
            Ok(pb::Ranking::Content) => Ranking::Content,
            Ok(pb::Ranking::Popular) => Ranking::Popular,
            Err(_) => {
                self.refuse(
                    format!("{prefix}ranking"),
                    format!("{ranking} is no ranking"),
                );
                return Ranking::Popular;
            }
        };
        if weight.is_some() {
            let description = "must be absent unless the ranking is RANKING_BLEND or unspecified";
            self.refuse(format!("{prefix}content_weight"), description);
        }
        ranking
    }
}
