//! The actors that answer peers.
//!
//! None touches the disk itself: [`Jobs`] run what blocks on other threads, a few at a time. Neither
//! that nor a pending answer keeps order: a [`Session`](super::Session) keeps that of an upload, and the
//! store that within a bucket.

mod collector;
mod lease;
mod reader;
mod server;
mod writer;

pub use collector::Expiry;
pub use server::{ServerOptions, StorageServer};

use super::api::code;
use super::error::StoreError;
use super::share_store::ShareStore;
use crate::disk::jobs::Jobs;
use crate::tub::RemoteError;
use std::time::Duration;

/// A job that the store may refuse.
trait Ask {
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RemoteError>;
}

impl Ask for Jobs {
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, RemoteError> {
        self.run(work).await.ok_or(RemoteError::Stopped)?.map_err(told)
    }
}

/// Waits until the store's index is filled, at most so long; holds no disk job meanwhile.
async fn indexed(store: &dyn ShareStore, most: Duration) {
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
        StoreError::Unproven => code::UNPROVEN,
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
