//! How much a client does at once of what nobody waits for by the byte: reading all shares of files, and
//! making lost ones again.

use crate::base::limits::{REPAIRS_MAX, VERIFY_BYTES_MAX, VERIFY_BYTES_STEP};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The bounds of one client. Clones share them.
#[derive(Clone)]
pub struct Pace {
    bytes: Arc<Semaphore>,
    repairs: Arc<Semaphore>,
}

impl Default for Pace {
    fn default() -> Self {
        let bytes = Arc::new(Semaphore::new(steps(VERIFY_BYTES_MAX) as usize));
        Self { bytes, repairs: Arc::new(Semaphore::new(REPAIRS_MAX)) }
    }
}

impl Pace {
    /// Waits for memory for so many bytes of shares; who wants more than there is gets all of it. `None`
    /// when the client is gone. Whoever holds some asks for no more, so that none wait for each other.
    pub async fn room(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        self.bytes.acquire_many(steps(bytes.min(VERIFY_BYTES_MAX))).await.ok()
    }

    /// Waits for the turn to repair a file.
    pub async fn repair(&self) -> Option<SemaphorePermit<'_>> {
        self.repairs.acquire().await.ok()
    }
}

fn steps(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(VERIFY_BYTES_STEP)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::FutureExt;

    #[actix_rt::test]
    async fn shares_wait_for_memory_and_the_largest_gets_all_there_is() {
        let pace = Pace::default();
        let half = pace.room(VERIFY_BYTES_MAX / 2).await;
        let other = pace.room(VERIFY_BYTES_MAX / 2).await;
        assert!(other.is_some() && pace.room(1).now_or_never().is_none());
        drop(half);
        assert!(pace.room(u64::MAX).now_or_never().is_none());
        drop(other);
        let all = pace.room(u64::MAX).await;
        assert!(all.is_some() && pace.room(1).now_or_never().is_none());
    }
}
