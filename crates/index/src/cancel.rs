use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Says that nobody waits for an answer any more. Searches look at it every few thousand rows and then give up.
///
/// Clones share their state. The default can be cancelled like any other, but as long as nobody has a clone, nobody will.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// From now on, answers are not waited for.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether nobody waits any more.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
