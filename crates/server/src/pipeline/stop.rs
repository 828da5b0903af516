use std::sync::atomic::{AtomicU8, Ordering};

/// Nothing is there yet that is worth saving: whoever wants the program to end may end it.
const UNHEEDED: u8 = 0;
/// A training heeds requests.
const HEEDED: u8 = 1;
/// It was asked to stop.
const REQUESTED: u8 = 2;

/// Asks a training to stop at the end of its epoch.
#[derive(Debug, Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Asks. `false` says that it is no use: nothing heeds requests yet, or it was asked before.
    pub fn request(&self) -> bool {
        self.change(HEEDED, REQUESTED)
    }

    /// From now on requests are heeded.
    pub(super) fn heed(&self) {
        self.change(UNHEEDED, HEEDED);
    }

    /// Whether it was asked.
    pub(super) fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed) == REQUESTED
    }

    fn change(&self, from: u8, to: u8) -> bool {
        let order = Ordering::Relaxed;
        self.0.compare_exchange(from, to, order, order).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_request_to_a_training_that_heeds_it_is_of_use() {
        let stop = Stop::default();
        assert!(!stop.request());
        assert!(!stop.is_requested());
        stop.heed();
        assert!(stop.request());
        assert!(stop.is_requested());
        assert!(!stop.request());
    }
}
