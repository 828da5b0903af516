//! The one thread that writes.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    Error, Event, Outcome, Result,
    event::Batch,
    log::{Command, Reply, Shared, lock},
    segment::{self, Segment},
    window::Ids,
};

/// Bytes of events after which no more are gathered for one write.
const GATHERED: usize = 1 << 20;

/// Owns all that changes when plays are recorded.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    segment: Segment,
    ids: Ids,
}

/// Requests that share a write.
#[derive(Default)]
struct Group {
    payload: Vec<u8>,
    events: Vec<Event>,
    answers: Vec<(Reply<Vec<Outcome>>, Vec<Outcome>)>,
}

impl Writer {
    /// Reads what is kept, and opens the last segment.
    pub(crate) fn open(shared: Arc<Shared>) -> std::result::Result<Self, Error> {
        let listing = shared.directory.list()?;
        let newest = listing.segments.last().max(listing.compacted.last());
        let newest = newest.copied().unwrap_or(0);
        let resumed = listing.segments.contains(&newest) && !listing.compacted.contains(&newest);
        let mut ids = Ids::default();
        let replay = |ids: &mut Ids, number: u64, batches: Vec<Batch>| {
            shared.keep_from(ids.begin(number, shared.options.window));
            for batch in batches {
                for event in &batch.events {
                    ids.insert(&event.event_id);
                }
                lock(&shared.recent).add(number, batch, &shared.options);
            }
        };
        for &number in listing
            .segments
            .iter()
            .filter(|&&n| !(resumed && n == newest))
        {
            let batches = segment::read(&shared.directory, number)?;
            replay(&mut ids, number, batches);
        }
        let (segment, batches) = match resumed {
            true => Segment::open(&shared.directory, newest)?,
            false => (Segment::create(&shared.directory, newest + 1)?, Vec::new()),
        };
        replay(&mut ids, segment.number, batches);
        shared.opened(segment.number);
        Ok(Self {
            shared,
            segment,
            ids,
        })
    }

    /// Works until the last sender is gone.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut next = commands.recv().ok();
        while let Some(command) = next.take() {
            match command {
                Command::Close(older_than, reply) => reply(self.close(older_than)),
                Command::Record(events, reply) => {
                    let mut group = Group::default();
                    self.gather(&mut group, events, reply);
                    while group.payload.len() < GATHERED && next.is_none() {
                        match commands.try_recv() {
                            Ok(Command::Record(events, reply)) => {
                                self.gather(&mut group, events, reply);
                            }
                            Ok(other) => next = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.commit(group);
                }
            }
            next = next.or_else(|| commands.recv().ok());
        }
    }

    fn gather(&mut self, group: &mut Group, events: Vec<Event>, reply: Reply<Vec<Outcome>>) {
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            outcomes.push(match self.ids.insert(&event.event_id) {
                true => Outcome::Accepted,
                false => Outcome::Duplicate,
            });
            if outcomes.last() == Some(&Outcome::Accepted) {
                event.encode(&mut group.payload);
                group.events.push(event);
            }
        }
        group.answers.push((reply, outcomes));
    }

    /// Makes a group durable, then known, then acknowledged.
    fn commit(&mut self, group: Group) {
        let written = self.write(&group.payload, group.events);
        if self.segment.bytes() >= self.shared.options.segment_bytes {
            // Without room for another segment this one grows, until there is none for that either.
            let _ = self.rotate();
        }
        for (reply, outcomes) in group.answers {
            reply(match &written {
                Ok(()) => Ok(outcomes),
                Err(error) => Err(Arc::clone(error)),
            });
        }
    }

    fn write(&mut self, records: &[u8], events: Vec<Event>) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let recorded_at_ms = now_ms();
        let payload = [recorded_at_ms.to_le_bytes().as_slice(), records].concat();
        if let Err(error) = self.segment.append(&payload) {
            self.ids.take_back(events.len());
            return Err(Arc::new(error));
        }
        self.segment.first_at_ms.get_or_insert(recorded_at_ms);
        let batch = Batch {
            recorded_at_ms,
            events,
        };
        let number = self.segment.number;
        lock(&self.shared.recent).add(number, batch, &self.shared.options);
        Ok(())
    }

    /// Closes the segment if it has plays that are so old.
    fn close(&mut self, older_than: Duration) -> Result<()> {
        let age = self.segment.first_at_ms.map(|first| now_ms() - first);
        let least = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
        match age.is_some_and(|age| age >= least) {
            true => self.rotate().map_err(Arc::new),
            false => Ok(()),
        }
    }

    fn rotate(&mut self) -> std::result::Result<(), Error> {
        if self.segment.is_empty() {
            return Ok(());
        }
        self.segment.check()?;
        self.segment = Segment::create(&self.shared.directory, self.segment.number + 1)?;
        let oldest = self
            .ids
            .begin(self.segment.number, self.shared.options.window);
        self.shared.keep_from(oldest);
        self.shared.opened(self.segment.number);
        Ok(())
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
