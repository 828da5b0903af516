//! Load on a server as its users would make it, and what it can bear.
//!
//! [`offer`] is an open loop: requests come when they come (a Poisson process), whether or not earlier ones are answered, and
//! latency counts from the moment a request should have been sent. A closed loop would wait for slow answers with its next
//! request, and so leave out just those that would have waited longest (coordinated omission). [`saturate`] is a closed
//! loop, and tells only throughput. [`Echo`] and [`plain_loop`] are what that is compared with.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossfade_blend::{Engine, Query, Ranking};
use crossfade_client::{Client, Error};

use crate::pb;

mod arrivals;
mod echo;
mod outcome;

pub use echo::Echo;
pub use outcome::{Latency, Outcome};

use arrivals::Arrivals;
use outcome::Tally;

/// Whom to ask, and for what; the requests are made in turn.
#[derive(Debug, Clone)]
pub struct Target {
    client: Client,
    requests: Arc<[pb::RecommendRequest]>,
    next: Arc<AtomicUsize>,
}

impl Target {
    /// A target.
    pub fn new(client: Client, requests: Vec<pb::RecommendRequest>) -> Self {
        Self {
            client,
            requests: requests.into(),
            next: Arc::default(),
        }
    }

    /// The answer to the first request.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn first(&self) -> Result<pb::RecommendResponse, Error> {
        self.client.recommend(self.requests[0].clone()).await
    }

    async fn ask(&self) -> Result<pb::RecommendResponse, Error> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let request = self.requests[next % self.requests.len()].clone();
        self.client.recommend(request).await
    }
}

/// Offers `rate` requests a second for a time, at random moments, and tells what became of them. Must be called within a
/// runtime, which makes the calls.
///
/// # Errors
///
/// If a thread cannot be had.
pub async fn offer(target: &Target, rate: f64, time: Duration) -> anyhow::Result<Outcome> {
    let tally = Arc::new(Tally::new());
    let runtime = tokio::runtime::Handle::current();
    let (target, calls) = (target.clone(), Arc::clone(&tally));
    let (done, all) = tokio::sync::oneshot::channel();
    // A thread of its own, because timers of the runtime are only exact to a millisecond.
    thread::Builder::new()
        .name("arrivals".into())
        .spawn(move || {
            let start = Instant::now();
            let mut under_way = Vec::new();
            for due in Arrivals::new(rate).take_while(|&due| due < time) {
                let due = start + due;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                let (target, calls) = (target.clone(), Arc::clone(&calls));
                under_way.push(runtime.spawn(async move {
                    let result = target.ask().await;
                    calls.count(result, due.elapsed());
                }));
            }
            // The caller may have gone.
            let _ = done.send((start, under_way));
        })?;
    let (start, under_way) = all.await?;
    for call in under_way {
        call.await?;
    }
    Ok(tally.outcome(time.max(start.elapsed())))
}

/// Keeps so many requests under way for a time, each followed by another as soon as it is answered. A caller that is refused
/// waits as long as the server asks for, as callers should: repeating at once would take the cores from the answers.
///
/// # Errors
///
/// If a caller panics.
pub async fn saturate(target: &Target, callers: usize, time: Duration) -> anyhow::Result<Outcome> {
    let tally = Arc::new(Tally::new());
    let start = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let (target, calls) = (target.clone(), Arc::clone(&tally));
            tokio::spawn(async move {
                while start.elapsed() < time {
                    let begun = Instant::now();
                    let result = target.ask().await;
                    let pause = result.as_ref().err().and_then(Error::retry_after);
                    calls.count(result, begun.elapsed());
                    if let Some(pause) = pause {
                        tokio::time::sleep(pause).await;
                    }
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await?;
    }
    Ok(tally.outcome(start.elapsed()))
}

/// How many lists a second the same requests get where nothing but finding them is to be done, on so many threads.
///
/// # Errors
///
/// If a list cannot be found.
pub fn plain_loop(
    engine: &Engine,
    requests: &[pb::RecommendRequest],
    (threads, time): (NonZero<usize>, Duration),
) -> anyhow::Result<f64> {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let work = || -> anyhow::Result<()> {
        while start.elapsed() < time {
            let request = &requests[next.fetch_add(1, Ordering::Relaxed) % requests.len()];
            find(engine, request)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a defect")))
    })?;
    Ok(next.into_inner() as f64 / start.elapsed().as_secs_f64())
}

fn find(engine: &Engine, request: &pb::RecommendRequest) -> anyhow::Result<()> {
    let model = engine.model();
    let plays: Vec<_> = request
        .history
        .iter()
        .filter_map(|play| {
            let track = model.tracks.ids.index_of(&play.track_id)?;
            Some(crossfade_blend::Play::new(track, 1.0))
        })
        .collect();
    let listener = engine.listener(model.users.index_of(&request.user_id), &plays)?;
    let weight = request
        .content_weight
        .and_then(crossfade_blend::ContentWeight::new);
    let limit = request.limit.unwrap_or_default().max(1) as usize;
    let query = Query::new(Ranking::Blend(weight), limit);
    engine.recommend(&listener, &query)?;
    Ok(())
}
