//! Where hashing, encryption and erasure coding run: beside the thread that serves links.
//!
//! At most as many jobs at once as there are processors; a job is a few milliseconds of work. Small
//! jobs run in place, because handing them over costs more than they do.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of work below which a job runs in place: some 50 µs, ten times a hand-over.
const IN_PLACE_MAX: usize = 64 << 10;

/// A bounded number of workers. Clones share the bound.
#[derive(Clone, Debug)]
pub struct Compute(Arc<Semaphore>);

/// The job panicked or the runtime is going down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a computation was cut off")]
pub struct CutOff;

impl Compute {
    /// At most `workers` jobs at once.
    pub fn new(workers: usize) -> Self {
        Self(Arc::new(Semaphore::new(workers.max(1))))
    }

    /// As many workers as processors, at least two: encryption runs beside encoding.
    pub fn for_this_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self::new(processors.max(2))
    }

    /// Runs `job`, which works on about `bytes` bytes, and answers its result.
    pub async fn run<T, F>(&self, bytes: usize, job: F) -> Result<T, CutOff>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if bytes <= IN_PLACE_MAX {
            return Ok(job());
        }
        self.run_blocking(job).await
    }

    /// Runs `job`, which may wait for a disk, beside the calling thread and answers its result.
    pub async fn run_blocking<T, F>(&self, job: F) -> Result<T, CutOff>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(|_| CutOff)?;
        // Boxed: one kind of task for each result, not one for each job.
        let job: Box<dyn FnOnce() -> T + Send> = Box::new(move || {
            let result = job();
            drop(permit);
            result
        });
        let worker = tokio::task::spawn_blocking(job);
        worker.await.map_err(|_| CutOff)
    }
}
