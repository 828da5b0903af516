use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crossfade_blend::Cancel;
use tokio::sync::oneshot;
use tracing::Span;

use super::{
    call::{Call, Priority},
    metrics::Metrics,
    options::{ServeOptions, seconds},
    status::Refusal,
    workers::Workers,
};

/// The least time after which a refused caller is told to try again.
const SOON: Duration = Duration::from_millis(10);

/// What a request wants done; each kind takes a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Recommend,
    Stream,
    Rank,
    Playlist,
    Describe,
    Similar,
    Compare,
}

impl Work {
    pub(super) const ALL: [Self; 7] = [
        Self::Recommend,
        Self::Stream,
        Self::Rank,
        Self::Playlist,
        Self::Describe,
        Self::Similar,
        Self::Compare,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Recommend => "recommend",
            Self::Stream => "stream",
            Self::Rank => "rank",
            Self::Playlist => "playlist",
            Self::Describe => "describe",
            Self::Similar => "similar",
            Self::Compare => "compare",
        }
    }
}

/// Lets requests in, or refuses them at once: when too many are under way, when they would have to wait for too long, or
/// when they could not be answered before their deadline. As many are worked on at a time as there are workers.
#[derive(Debug, Clone)]
pub(super) struct Admission(Arc<State>);

#[derive(Debug)]
struct State {
    workers: Workers,
    threads: u32,
    max_in_flight: usize,
    max_wait: Duration,
    /// Requests working or waiting.
    in_flight: AtomicUsize,
    /// Nanoseconds of work that is expected of these, the interactive and the bulk.
    expected: [AtomicU64; Priority::ALL.len()],
    /// Nanoseconds that each kind of work took of late.
    costs: [AtomicU64; Work::ALL.len()],
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Starts the workers.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(super) fn new(options: &ServeOptions, metrics: Arc<Metrics>) -> io::Result<Self> {
        let threads = options.workers();
        Ok(Self(Arc::new(State {
            workers: Workers::start(threads)?,
            threads: u32::try_from(threads).unwrap_or(u32::MAX),
            max_in_flight: options.max_in_flight,
            max_wait: seconds(options.max_wait_seconds),
            in_flight: AtomicUsize::new(0),
            expected: Default::default(),
            costs: Default::default(),
            metrics,
        })))
    }

    /// Has a worker do what `work` says when it is its turn. If the caller goes away before, it is told by the token, and
    /// what has not begun never does.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        kind: Work,
        call: Call,
        work: impl FnOnce(&Cancel) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.enter(kind, call)?;
        let caller = Caller(Cancel::default());
        let cancel = caller.0.clone();
        let (reply, answer) = oneshot::channel();
        let (submitted, span) = (Instant::now(), Span::current());
        let job = move || {
            // Held by the work, not by the caller: one that goes away must not let more work in than there is room for.
            let place = place;
            if cancel.is_cancelled() {
                place.state.metrics.abandoned();
                return;
            }
            let begun = Instant::now();
            let waited = begun - submitted;
            let span = tracing::debug_span!(parent: &span, "work", kind = kind.name(), waited_us = waited.as_micros() as u64);
            let result = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| work(&cancel))));
            place.took(waited, begun.elapsed());
            drop(place);
            if let Ok(result) = result {
                // A caller that went away misses nothing.
                let _ = reply.send(result);
            }
        };
        self.0.workers.submit(call.priority, Box::new(job));
        answer.await.map_err(|_| Refusal::Lost)?
    }

    /// Takes a place, unless it is better to refuse.
    fn enter(&self, kind: Work, call: Call) -> Result<Place, Refusal> {
        let state = &self.0;
        let place = Place {
            state: Arc::clone(state),
            kind,
            priority: call.priority,
            expected: state.costs[kind as usize].load(Relaxed),
        };
        let wait = state.wait(call.priority);
        // From here on the place is given back when it is dropped.
        state.expected[call.priority as usize].fetch_add(place.expected, Relaxed);
        let before = state.in_flight.fetch_add(1, Relaxed);
        self.bear(call.priority, before, wait)?;
        let Some(deadline) = call.deadline else {
            return Ok(place);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::Expired);
        }
        // Where nothing waits, what is expected may be wrong, and only trying can tell.
        if !wait.is_zero() && wait + Duration::from_nanos(place.expected) > left {
            return Err(self.overloaded(wait));
        }
        Ok(place)
    }

    /// Refuses a request that would be refused for want of room, before anything has been done for it: under overload this is
    /// what becomes of most.
    pub(super) fn has_room(&self, priority: Priority) -> Result<(), Refusal> {
        let before = self.0.in_flight.load(Relaxed);
        self.bear(priority, before, self.0.wait(priority))
    }

    /// Refuses if so many are under way before, or the wait is too long. Bulk work waits as long as it takes.
    fn bear(&self, priority: Priority, before: usize, wait: Duration) -> Result<(), Refusal> {
        let waits_too_long = priority == Priority::Interactive && wait > self.0.max_wait;
        match before >= self.0.max_in_flight || waits_too_long {
            true => Err(self.overloaded(wait)),
            false => Ok(()),
        }
    }

    fn overloaded(&self, wait: Duration) -> Refusal {
        self.0.metrics.overloaded();
        Refusal::Overloaded(wait.max(SOON))
    }
}

impl State {
    /// How long a request of this priority would have to wait for its turn.
    fn wait(&self, priority: Priority) -> Duration {
        let [interactive, bulk] = &self.expected;
        let ahead = match priority {
            Priority::Interactive => interactive.load(Relaxed),
            Priority::Bulk => interactive.load(Relaxed) + bulk.load(Relaxed),
        };
        Duration::from_nanos(ahead) / self.threads
    }
}

/// A request's place among those under way.
#[derive(Debug)]
struct Place {
    state: Arc<State>,
    kind: Work,
    priority: Priority,
    /// Nanoseconds of work that were expected of it.
    expected: u64,
}

impl Place {
    /// Counts the work, and learns what such work takes: a mean in which the latest counts a sixteenth.
    fn took(&self, waited: Duration, time: Duration) {
        let what = (self.kind, self.priority);
        self.state.metrics.worked(what, waited, time);
        let took = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let cost = &self.state.costs[self.kind as usize];
        // That of two at once one is forgotten does no harm.
        let known = cost.load(Relaxed);
        let next = match known {
            0 => took,
            _ => known - known / 16 + took / 16,
        };
        cost.store(next, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Relaxed);
        self.state.expected[self.priority as usize].fetch_sub(self.expected, Relaxed);
    }
}

/// Cancels when the caller goes away, and after the answer, when it does no harm.
struct Caller(Cancel);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn admission(max_in_flight: usize) -> Admission {
        let options = ServeOptions {
            max_in_flight,
            workers: 1,
            ..ServeOptions::default()
        };
        Admission::new(&options, Arc::default()).unwrap()
    }

    fn call(deadline: Option<Instant>) -> Call {
        Call {
            deadline,
            priority: Priority::Interactive,
        }
    }

    /// Occupies the worker until something is sent.
    async fn occupy(admission: &Admission) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
        let (release, wait) = mpsc::channel::<()>();
        let (started, begun) = oneshot::channel();
        let admission = admission.clone();
        let busy = tokio::spawn(async move {
            let work = move |_: &Cancel| {
                let _ = started.send(());
                let _ = wait.recv();
                Ok(())
            };
            let done = admission.run(Work::Recommend, call(None), work).await;
            done.unwrap();
        });
        begun.await.unwrap();
        (release, busy)
    }

    #[tokio::test]
    async fn requests_beyond_the_places_are_refused_at_once() {
        let admission = admission(1);
        let (release, busy) = occupy(&admission).await;
        let refused = admission.run(Work::Recommend, call(None), |_| Ok(2)).await;
        assert!(matches!(refused, Err(Refusal::Overloaded(_))));
        release.send(()).unwrap();
        busy.await.unwrap();
        let admitted = admission.run(Work::Recommend, call(None), |_| Ok(3));
        assert_eq!(admitted.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_frees_its_place() {
        let admission = admission(1);
        let lost = admission
            .run(Work::Similar, call(None), |_| -> Result<(), Refusal> {
                panic!("a defect")
            })
            .await;
        assert!(matches!(lost, Err(Refusal::Lost)));
        let admitted = admission.run(Work::Similar, call(None), |_| Ok(4));
        assert_eq!(admitted.await.unwrap(), 4);
    }

    #[tokio::test]
    async fn work_that_cannot_be_done_in_time_is_refused_before_it_waits() {
        let admission = admission(8);
        // It is known what such work takes: an hour.
        let hour = Duration::from_secs(3600);
        admission.0.costs[Work::Compare as usize].store(hour.as_nanos() as u64, Relaxed);
        let soon = || call(Some(Instant::now() + hour / 2));
        // Nothing waits: tried all the same, as the hour may be wrong.
        let tried = admission.run(Work::Compare, soon(), |_| Ok(5)).await;
        assert_eq!(tried.unwrap(), 5);
        admission.0.costs[Work::Compare as usize].store(hour.as_nanos() as u64, Relaxed);
        admission.0.costs[Work::Recommend as usize].store(1_000_000, Relaxed);
        let (release, busy) = occupy(&admission).await;
        let refused = admission.run(Work::Compare, soon(), |_| Ok(6)).await;
        assert!(matches!(refused, Err(Refusal::Overloaded(_))));
        let late = call(Some(Instant::now()));
        let expired = admission.run(Work::Recommend, late, |_| Ok(7)).await;
        assert!(matches!(expired, Err(Refusal::Expired)));
        release.send(()).unwrap();
        busy.await.unwrap();
        assert_eq!(admission.0.in_flight.load(Relaxed), 0);
        let [interactive, bulk] = &admission.0.expected;
        assert_eq!((interactive.load(Relaxed), bulk.load(Relaxed)), (0, 0));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_cancels_its_work_under_way_and_what_waits_never_begins() {
        let admission = admission(8);
        let (started, begun) = oneshot::channel();
        let (told, cancelled) = mpsc::channel();
        let under_way = tokio::spawn({
            let admission = admission.clone();
            async move {
                let work = move |cancel: &Cancel| {
                    let _ = started.send(());
                    while !cancel.is_cancelled() {
                        std::thread::yield_now();
                    }
                    told.send(()).unwrap();
                    Ok(())
                };
                admission.run(Work::Recommend, call(None), work).await
            }
        });
        begun.await.unwrap();
        let (begins, begun) = mpsc::channel::<()>();
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move {
                let work = move |_: &Cancel| {
                    let _ = begins.send(());
                    Ok(())
                };
                admission.run(Work::Recommend, call(None), work).await
            }
        });
        while admission.0.in_flight.load(Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        under_way.abort();
        assert!(under_way.await.unwrap_err().is_cancelled());
        cancelled.recv().unwrap();
        // The worker is free, and what would have told of the other has gone without telling.
        assert!(begun.recv().is_err());
        let next = admission.run(Work::Recommend, call(None), |_| Ok(8));
        assert_eq!(next.await.unwrap(), 8);
    }
}
