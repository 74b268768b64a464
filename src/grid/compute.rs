//! Where hashing, encryption and erasure coding run: beside the thread that serves links.
//!
//! At most as many jobs at once as there are processors; a job is a few milliseconds of work. Small
//! jobs run in place, because handing them over costs more than they do.

use crate::base::system::processors;
use crate::disk::jobs::Jobs;

/// Bytes of work below which a job runs in place: some 50 µs, ten times a hand-over.
const IN_PLACE_MAX: usize = 64 << 10;

/// A bounded number of workers. Clones share the bound.
#[derive(Clone, Debug)]
pub struct Compute(Jobs);

/// The job panicked or the runtime is going down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a computation was cut off")]
pub struct CutOff;

impl Compute {
    /// At most `workers` jobs at once.
    pub fn new(workers: usize) -> Self {
        Self(Jobs::at_once(workers.max(1)))
    }

    /// As many workers as processors, at least two: encryption runs beside encoding.
    pub fn for_this_machine() -> Self {
        Self::new(processors().max(2))
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
        self.0.run(job).await.ok_or(CutOff)
    }
}
