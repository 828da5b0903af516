use std::num::NonZeroUsize;

use crossfade_blend::{ContentWeight, Discovery, Diversity, Ranking, SeedWeight};
use tonic_types::FieldViolation;

use super::{limits, requests::Order, times};
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
        self.whole("limit", limit, (limits::DEFAULT_LIMIT, limits::LIMIT))
    }

    /// A whole number from 1 to `most`, or what one that is absent means.
    pub(super) fn whole(
        &mut self,
        field: &str,
        number: Option<i32>,
        (absent, most): (usize, i32),
    ) -> usize {
        match number {
            None => absent,
            Some(number) if (1..=most).contains(&number) => number as usize,
            Some(number) => {
                let description =
                    format!("must be from 1 to {most}, is {number}; leave it out for {absent}");
                self.refuse(field, description);
                absent
            }
        }
    }

    /// A number in a range, or what one that is absent means.
    pub(super) fn number<T: Default>(
        &mut self,
        field: impl FnOnce() -> String,
        number: Option<f64>,
        (checked, range): (fn(f64) -> Option<T>, &str),
    ) -> T {
        let Some(number) = number else {
            return T::default();
        };
        checked(number).unwrap_or_else(|| {
            self.refuse(field(), format!("must be {range}, is {number}"));
            T::default()
        })
    }

    pub(super) fn max_per_artist(
        &mut self,
        field: &str,
        number: Option<i32>,
    ) -> Option<NonZeroUsize> {
        let number = number?;
        let checked = usize::try_from(number).ok().and_then(NonZeroUsize::new);
        let checked = checked.filter(|_| number <= limits::PER_ARTIST);
        if checked.is_none() {
            let description = format!("must be from 1 to {}, is {number}", limits::PER_ARTIST);
            self.refuse(field, description);
        }
        checked
    }

    pub(super) fn seeds(&mut self, ids: &[String], weight: Option<f64>) -> SeedWeight {
        self.ids("seed_track_ids", ids, limits::SEEDS);
        if ids.is_empty() && weight.is_some() {
            self.refuse(
                "seed_weight",
                "must be absent unless there are seed_track_ids",
            );
            return SeedWeight::default();
        }
        let range = (SeedWeight::new as fn(f64) -> _, "from 0 to 1");
        self.number(|| "seed_weight".into(), weight, range)
    }

    pub(super) fn excluded(&mut self, ids: &[String]) {
        self.ids("exclude_track_ids", ids, limits::EXCLUDED);
    }

    /// Ids of which none may be empty or too long.
    pub(super) fn ids(&mut self, field: &str, ids: &[String], most: usize) {
        self.count(field, ids.len(), most);
        for (place, id) in ids.iter().enumerate().take(most) {
            self.id(|| format!("{field}[{place}]"), id);
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
            if let Some(Err(wrong)) = play.played_at.as_ref().map(times::played_at_ms) {
                self.refuse(format!("history[{place}].played_at"), wrong);
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

    /// By which evidence to rank, and how it is dialled.
    pub(super) fn order(&mut self, prefix: &str, spec: &pb::RankingSpec) -> Order {
        let ranking = self.ranking(prefix, spec.ranking, spec.content_weight);
        let field = |name: &str| format!("{prefix}{name}");
        if ranking == Ranking::Popular
            && spec.ranking == i32::from(pb::Ranking::Popular)
            && spec.discovery.is_some()
        {
            self.refuse(
                field("discovery"),
                "must be absent if the ranking is RANKING_POPULAR",
            );
        }
        let discovery = (Discovery::new as fn(f64) -> _, "from -1 to 1");
        let diversity = (Diversity::new as fn(f64) -> _, "from 0 to 1");
        Order {
            ranking,
            discovery: self.number(|| field("discovery"), spec.discovery, discovery),
            diversity: self.number(|| field("diversity"), spec.diversity, diversity),
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
