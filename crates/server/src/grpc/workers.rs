use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use super::call::Priority;

/// Something to do. It must not panic.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that do the work of requests, so that it never holds up the threads that talk to the network: the interactive
/// before the bulk, each in order of arrival. They end when this goes and what was submitted is done.
#[derive(Debug)]
pub(super) struct Workers(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

impl Workers {
    /// Starts so many threads.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let workers = Self(Arc::default());
        for number in 0..threads {
            let shared = Arc::clone(&workers.0);
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || shared.work())?;
        }
        Ok(workers)
    }

    /// Has a job done as soon as it is its turn.
    pub(super) fn submit(&self, priority: Priority, job: Job) {
        let mut queue = self.0.queue();
        match priority {
            Priority::Interactive => queue.interactive.push_back(job),
            Priority::Bulk => queue.bulk.push_back(job),
        }
        drop(queue);
        self.0.ready.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.ready.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// Waits for a job; there is none once the queue is closed and empty.
    fn next(&self) -> Option<Job> {
        let queue = self.queue();
        let mut queue = self
            .ready
            .wait_while(queue, |queue| !queue.closed && queue.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        queue.pop()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while the queue is held.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.bulk.is_empty()
    }

    fn pop(&mut self) -> Option<Job> {
        self.interactive
            .pop_front()
            .or_else(|| self.bulk.pop_front())
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue")
            .field("interactive", &self.interactive.len())
            .field("bulk", &self.bulk.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn interactive_work_is_done_before_bulk_work_that_waits_longer() {
        let workers = Workers::start(1).unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let (done, order) = mpsc::channel();
        workers.submit(
            Priority::Interactive,
            Box::new(move || wait.recv().unwrap()),
        );
        for (priority, number) in [
            (Priority::Bulk, 3),
            (Priority::Interactive, 1),
            (Priority::Bulk, 4),
            (Priority::Interactive, 2),
        ] {
            let done = done.clone();
            workers.submit(priority, Box::new(move || done.send(number).unwrap()));
        }
        release.send(()).unwrap();
        // What was submitted is done even though nothing more can be.
        drop((workers, done));
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
