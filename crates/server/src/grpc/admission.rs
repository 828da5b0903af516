use std::sync::Arc;

use tokio::sync::Semaphore;

use super::status::Refusal;

/// Lets requests in, or refuses them at once when too many are under way. Work runs on threads of its own, as many at a
/// time as there are cores to run on, so that it never starves the threads that talk to the network.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    /// Requests working or waiting.
    places: Arc<Semaphore>,
    /// Requests working.
    workers: Arc<Semaphore>,
}

impl Admission {
    pub(super) fn new(max_in_flight: usize, workers: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(max_in_flight)),
            workers: Arc::new(Semaphore::new(workers)),
        }
    }

    /// Runs `work` on a worker thread.
    ///
    /// A caller that goes away while waiting gives its place up; work that has begun is finished.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Refusal::Overloaded)?;
        let worker = Arc::clone(&self.workers).acquire_owned().await;
        let worker = worker.map_err(|_| Refusal::Lost)?;
        let task = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller: a cancelled caller must not let more work in than there are cores.
            let _permits = (place, worker);
            work()
        });
        task.await.map_err(|_| Refusal::Lost)?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn requests_beyond_the_places_are_refused_at_once() {
        let admission = Admission::new(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let (started, begun) = tokio::sync::oneshot::channel();
        let busy = {
            let admission = admission.clone();
            tokio::spawn(async move {
                admission
                    .run(move || {
                        let _ = started.send(());
                        let _ = wait.recv();
                        Ok(1)
                    })
                    .await
            })
        };
        begun.await.unwrap();
        assert!(matches!(
            admission.run(|| Ok(2)).await,
            Err(Refusal::Overloaded)
        ));
        release.send(()).unwrap();
        assert_eq!(busy.await.unwrap().unwrap(), 1);
        assert_eq!(admission.run(|| Ok(3)).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_frees_its_place() {
        let admission = Admission::new(1, 1);
        let lost = admission
            .run(|| -> Result<(), Refusal> { panic!("a defect") })
            .await;
        assert!(matches!(lost, Err(Refusal::Lost)));
        assert_eq!(admission.run(|| Ok(4)).await.unwrap(), 4);
    }
}
