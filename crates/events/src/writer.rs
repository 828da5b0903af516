//! The one thread that writes.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    Batch, Error, Memory, Outcome, Record, Result,
    log::{Command, Reply, Shared, lock},
    segment::{self, Segment},
    window::Ids,
};

/// Bytes of records after which no more are gathered for one write.
const GATHERED: usize = 1 << 20;

/// Owns all that changes when something is recorded.
#[derive(Debug)]
pub(crate) struct Writer<R: Record> {
    shared: Arc<Shared<R>>,
    segment: Segment<R>,
    ids: Ids,
}

/// Requests that share a write.
struct Group<R> {
    payload: Vec<u8>,
    records: Vec<R>,
    answers: Vec<(Reply<Vec<Outcome>>, Vec<Outcome>)>,
}

impl<R: Record> Writer<R> {
    /// Reads what is kept, and opens the last segment.
    pub(crate) fn open(shared: Arc<Shared<R>>) -> std::result::Result<Self, Error> {
        let listing = shared.directory.list()?;
        let newest = listing.segments.last().max(listing.compacted.last());
        let newest = newest.copied().unwrap_or(0);
        let resumed = listing.segments.contains(&newest) && !listing.compacted.contains(&newest);
        let mut ids = Ids::default();
        let replay = |ids: &mut Ids, number: u64, batches: Vec<Batch<R>>| {
            shared.keep_from(ids.begin(number, shared.options.window));
            for batch in batches {
                for record in &batch.records {
                    ids.insert(record.key());
                }
                lock(&shared.memory).add(number, batch, &shared.options);
            }
        };
        for &number in listing
            .segments
            .iter()
            .filter(|&&n| !(resumed && n == newest))
        {
            let batches = segment::read(&shared.directory.segment(number), number)?;
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
    pub(crate) fn run(mut self, commands: &Receiver<Command<R>>) {
        let mut next = commands.recv().ok();
        while let Some(command) = next.take() {
            match command {
                Command::Close(older_than, reply) => reply(self.close(older_than)),
                Command::Record(records, reply) => {
                    let mut group = Group {
                        payload: Vec::new(),
                        records: Vec::new(),
                        answers: Vec::new(),
                    };
                    self.gather(&mut group, records, reply);
                    while group.payload.len() < GATHERED && next.is_none() {
                        match commands.try_recv() {
                            Ok(Command::Record(records, reply)) => {
                                self.gather(&mut group, records, reply);
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

    fn gather(&mut self, group: &mut Group<R>, records: Vec<R>, reply: Reply<Vec<Outcome>>) {
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            outcomes.push(match self.ids.insert(record.key()) {
                true => Outcome::Accepted,
                false => Outcome::Duplicate,
            });
            if outcomes.last() == Some(&Outcome::Accepted) {
                record.encode(&mut group.payload);
                group.records.push(record);
            }
        }
        group.answers.push((reply, outcomes));
    }

    /// Makes a group durable, then known, then acknowledged.
    fn commit(&mut self, group: Group<R>) {
        let written = self.write(&group.payload, group.records);
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

    fn write(&mut self, encoded: &[u8], records: Vec<R>) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let recorded_at_ms = now_ms();
        let payload = [recorded_at_ms.to_le_bytes().as_slice(), encoded].concat();
        if let Err(error) = self.segment.append(&payload) {
            self.ids.take_back(records.len());
            return Err(Arc::new(error));
        }
        self.segment.first_at_ms.get_or_insert(recorded_at_ms);
        let batch = Batch {
            recorded_at_ms,
            records,
        };
        let number = self.segment.number;
        lock(&self.shared.memory).add(number, batch, &self.shared.options);
        Ok(())
    }

    /// Closes the segment if it has records that are so old.
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
