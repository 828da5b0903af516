//! What is done now and then while serving: following the store, compacting plays, reading certificates and tokens again.

use std::{error::Error, sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, spawn_blocking},
    time,
};

use super::{
    health::Health,
    options::{ServeOptions, seconds},
    tls::Certificates,
    tokens::Tokens,
};
use crate::{recorder::compact_log, serving::Serving};

/// What callers are checked by.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    pub(super) certificates: Option<Arc<Certificates>>,
    pub(super) tokens: Option<Arc<Tokens>>,
}

/// Tasks that end when this goes.
#[derive(Debug)]
pub(super) struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    /// One more.
    pub(super) fn keep(&mut self, task: JoinHandle<()>) {
        self.0.push(task);
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts all of it.
pub(super) fn start(
    serving: &Arc<Serving>,
    credentials: &Credentials,
    health: &Health,
    options: &ServeOptions,
) -> Upkeep {
    let every = seconds(options.follow_seconds).max(Duration::from_millis(10));
    let follow = follow(Arc::clone(serving), health.clone(), every);
    let older_than = seconds(options.compact_seconds);
    let compact = compact(Arc::clone(serving), older_than);
    let compact_lists = compact_lists(Arc::clone(serving), older_than);
    let reload = reload(credentials.clone(), every);
    Upkeep(vec![
        tokio::spawn(follow),
        tokio::spawn(compact),
        tokio::spawn(compact_lists),
        tokio::spawn(reload),
    ])
}

/// Takes into service what is activated in the store from outside, and keeps health true.
async fn follow(serving: Arc<Serving>, health: Health, every: Duration) {
    let mut ticks = ticks(every);
    let mut problems = Problems::new("the active bundle is not served");
    loop {
        ticks.tick().await;
        let follower = Arc::clone(&serving);
        match spawn_blocking(move || follower.follow()).await {
            Ok(followed) => {
                if let Some(Some(bundle)) = problems.tell(followed) {
                    tracing::info!(version = bundle.version, "bundle in service");
                    serving.paths().log();
                }
            }
            Err(error) => tracing::error!(%error, "following the store failed"),
        }
        health.follow(&serving).await;
    }
}

/// Writes recorded plays as Parquet, soon after their segment is full or at the latest when it is so old.
async fn compact(serving: Arc<Serving>, older_than: Duration) {
    if serving.recorder().is_none() {
        return;
    }
    let mut ticks = ticks(Duration::from_secs(1));
    let mut problems = Problems::new("plays stay uncompacted");
    loop {
        ticks.tick().await;
        let compacted = Arc::clone(&serving);
        let done = spawn_blocking(move || {
            let recorder = compacted.recorder();
            recorder.map_or(Ok(Default::default()), |recorder| {
                recorder.compact(older_than)
            })
        });
        match done.await {
            Ok(done) => {
                let done = problems.tell(done).unwrap_or_default();
                if done.segments > 0 {
                    tracing::info!(
                        segments = done.segments,
                        plays = done.records,
                        "plays compacted"
                    );
                }
            }
            Err(error) => tracing::error!(%error, "compacting failed"),
        }
    }
}

/// The same of lists of experiments.
async fn compact_lists(serving: Arc<Serving>, older_than: Duration) {
    if serving.experiments().log().is_none() {
        return;
    }
    let mut ticks = ticks(Duration::from_secs(1));
    let mut problems = Problems::new("lists of experiments stay uncompacted");
    loop {
        ticks.tick().await;
        let compacted = Arc::clone(&serving);
        let done = spawn_blocking(move || match compacted.experiments().log() {
            Some(log) => compact_log(log, older_than),
            None => Ok(Default::default()),
        });
        match done.await {
            Ok(done) => {
                let done = problems.tell(done).unwrap_or_default();
                if done.segments > 0 {
                    let (segments, lists) = (done.segments, done.records);
                    tracing::info!(segments, lists, "lists of experiments compacted");
                }
            }
            Err(error) => tracing::error!(%error, "compacting failed"),
        }
    }
}

/// Takes over certificates and tokens that have changed.
async fn reload(credentials: Credentials, every: Duration) {
    let Credentials {
        certificates,
        tokens,
    } = credentials;
    if certificates.is_none() && tokens.is_none() {
        return;
    }
    let mut ticks = ticks(every);
    let mut stale = Problems::new("the certificates stay as they were");
    let mut unread = Problems::new("the tokens stay as they were");
    loop {
        ticks.tick().await;
        // The files are small.
        if let Some(certificates) = &certificates
            && stale.tell(certificates.reload()) == Some(true)
        {
            tracing::info!("certificates exchanged");
        }
        if let Some(tokens) = &tokens
            && unread.tell(tokens.reload()) == Some(true)
        {
            tracing::info!("tokens exchanged");
        }
    }
}

fn ticks(every: Duration) -> time::Interval {
    let mut ticks = time::interval(every);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    ticks
}

/// Tells of a problem once, not at every look.
struct Problems {
    what: &'static str,
    last: String,
}

impl Problems {
    fn new(what: &'static str) -> Self {
        Self {
            what,
            last: String::new(),
        }
    }

    fn tell<T, E: Error + 'static>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.last.clear();
                Some(value)
            }
            Err(error) => {
                let problem = error.to_string();
                if self.last != problem {
                    let what = self.what;
                    tracing::warn!(error = &error as &dyn Error, "{what}");
                    self.last = problem;
                }
                None
            }
        }
    }
}
