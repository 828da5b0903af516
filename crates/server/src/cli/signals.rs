use std::{future::Future, process};

use anyhow::Context;
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{INTERRUPTED, ui::Ui};
use crate::pipeline::Stop;

/// What people and supervisors send to end a program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on such signals come here, and none is missed.
    fn register() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Completes on the first signal to stop. Registered before the first connection, so that none is missed.
pub(super) fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = Signals::register()?;
    Ok(async move { signals.next().await })
}

/// Runs `work`, which `stop` can stop: a signal asks it to, and where that is no use, such as a second time, it ends the
/// program.
pub(super) fn stoppable<T>(
    stop: &Stop,
    ui: &Ui,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .context("signals cannot be heard")?;
    let mut signals = runtime.block_on(async { Signals::register() })?;
    let (working, mut done) = oneshot::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = &mut done => return,
                        () = signals.next() => {}
                    }
                    if !stop.request() {
                        process::exit(INTERRUPTED.into());
                    }
                    ui.note(
                        "stopping after this epoch, or going on to publish if it is the last; \
                         once more ends at once",
                    );
                }
            });
        });
        let result = work();
        drop(working);
        result
    })
}
