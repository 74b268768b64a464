//! The actors that answer peers.
//!
//! None touches the disk itself: a [`Jobs`] queue runs what blocks on other threads, a few at a
//! time. Neither that nor a pending answer keeps order, so each [`writer`] has one job under way
//! and a queue of its own; the store keeps order within a bucket.

mod collector;
mod lease;
mod reader;
mod server;
mod writer;

pub use collector::Expiry;
pub use server::{ServerOptions, StorageServer};

use super::api::code;
use super::error::StoreError;
use super::store::Store;
use crate::base::limits::DISK_JOBS_MAX;
use crate::tub::RemoteError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Disk work of one server: so many jobs at a time, first come first served.
#[derive(Clone)]
struct Jobs(Arc<Semaphore>);

impl Jobs {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(DISK_JOBS_MAX)))
    }

    /// Runs `work` on a thread that may block. It runs to its end even if nobody waits.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RemoteError> {
        let permit = self.0.clone().acquire_owned().await.map_err(|_| RemoteError::Stopped)?;
        // Boxed: one kind of task for each result, not one for each job.
        let job: Box<dyn FnOnce() -> T + Send> = Box::new(move || {
            let done = work();
            drop(permit);
            done
        });
        spawn_blocking(job).await.map_err(|_| RemoteError::Stopped)
    }

    /// As [`Jobs::run`], for work that the store may refuse.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RemoteError> {
        self.run(work).await?.map_err(told)
    }
}

/// Waits until the store's index is filled, at most so long; holds no disk job meanwhile.
async fn indexed(store: &Store, most: Duration) {
    let pause = Duration::from_millis(20);
    let mut left = most;
    while !store.indexed() && !left.is_zero() {
        actix_rt::time::sleep(pause).await;
        left = left.saturating_sub(pause);
    }
}

/// What a peer is told: one word, no path.
fn told(error: StoreError) -> RemoteError {
    let code = match &error {
        StoreError::NoSpace => code::NO_SPACE,
        StoreError::ReadOnly => code::READ_ONLY,
        StoreError::Incomplete => code::INCOMPLETE,
        StoreError::Conflict => code::CONFLICT,
        StoreError::OutOfRange => code::OUT_OF_RANGE,
        StoreError::Ended => code::ENDED,
        StoreError::NoSuchShare => code::NO_SUCH_SHARE,
        StoreError::TooManyLeases => code::TOO_MANY_LEASES,
        StoreError::Busy => return RemoteError::Busy,
        StoreError::Disk(cause) => {
            tracing::error!(%cause, "a disk call failed");
            code::DISK
        }
        StoreError::InUse => code::DISK,
    };
    RemoteError::app(code, error.to_string())
}
