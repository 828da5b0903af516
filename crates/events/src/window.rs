use std::collections::{HashMap, HashSet, VecDeque};

use crate::{Batch, Event, Memory, Options};

/// A play that was recorded, as far as an answer needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What was played.
    pub track_id: Box<str>,
    /// How often.
    pub play_count: u32,
    /// For how many milliseconds, where that is known.
    pub ms_played: Option<u32>,
    /// Whether it was skipped.
    pub skipped: bool,
    /// When it was played, in milliseconds since 1970.
    pub played_at_ms: i64,
    /// When it was recorded, in milliseconds since 1970.
    pub recorded_at_ms: i64,
    segment: u64,
}

/// The keys of the records in the segments that are kept.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    known: HashSet<u128>,
    /// By segment, oldest first.
    segments: VecDeque<(u64, Vec<u128>)>,
}

impl Ids {
    /// Notes an id as one of the last segment; whether it is new.
    pub(crate) fn insert(&mut self, id: u128) -> bool {
        let new = self.known.insert(id);
        if let (true, Some((_, ids))) = (new, self.segments.back_mut()) {
            ids.push(id);
        }
        new
    }

    /// Forgets the last `count` ids, which did not reach the disk.
    pub(crate) fn take_back(&mut self, count: usize) {
        if let Some((_, ids)) = self.segments.back_mut() {
            for id in ids.drain(ids.len().saturating_sub(count)..) {
                self.known.remove(&id);
            }
        }
    }

    /// Goes on to another segment. Segments whose successors hold `window` ids are forgotten; the oldest that is not is
    /// returned.
    pub(crate) fn begin(&mut self, segment: u64, window: usize) -> u64 {
        self.segments.push_back((segment, Vec::new()));
        let mut younger: usize = self.segments.iter().skip(1).map(|(_, ids)| ids.len()).sum();
        while younger >= window && self.segments.len() > 1 {
            for id in self
                .segments
                .pop_front()
                .into_iter()
                .flat_map(|(_, ids)| ids)
            {
                self.known.remove(&id);
            }
            younger -= self.segments.front().map_or(0, |(_, ids)| ids.len());
        }
        self.segments.front().map_or(segment, |&(oldest, _)| oldest)
    }
}

/// The newest plays of each user in the segments that are kept.
#[derive(Debug, Default)]
pub struct Recent(HashMap<Box<str>, VecDeque<Recorded>>);

impl Recent {
    pub(crate) fn of(&self, user_id: &str) -> Vec<Recorded> {
        let plays = self.0.get(user_id);
        plays.map_or_else(Vec::new, |plays| plays.iter().cloned().collect())
    }
}

impl Memory<Event> for Recent {
    fn add(&mut self, segment: u64, batch: Batch<Event>, options: &Options) {
        for event in batch.records {
            let plays = self.0.entry(event.user_id.into()).or_default();
            if plays.len() >= options.per_user {
                plays.pop_front();
            }
            plays.push_back(Recorded {
                track_id: event.track_id.into(),
                play_count: event.play_count,
                ms_played: event.ms_played,
                skipped: event.skipped,
                played_at_ms: event.played_at_ms,
                recorded_at_ms: batch.recorded_at_ms,
                segment,
            });
        }
    }

    fn forget(&mut self, oldest: u64) {
        self.0.retain(|_, plays| {
            plays.retain(|play| play.segment >= oldest);
            !plays.is_empty()
        });
    }
}
