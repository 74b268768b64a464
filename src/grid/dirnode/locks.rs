//! One change of a directory at a time, within this node.

use crate::base::lock::locked;
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// One queue a directory, gone when nobody waits in it. Clones share them.
#[derive(Clone, Default)]
pub(super) struct DirectoryLocks(Arc<Mutex<HashMap<DirectoryId, Weak<tokio::sync::Mutex<()>>>>>);

/// Queues beyond which those without a use are swept out.
const SWEEP_ABOVE: usize = 256;

impl DirectoryLocks {
    /// The right to change a directory now; `None` if others have it for longer than `within`.
    pub async fn acquire(
        &self,
        directory: &DirectoryId,
        within: Duration,
    ) -> Option<OwnedMutexGuard<()>> {
        tokio::time::timeout(within, self.of(directory).lock_owned()).await.ok()
    }

    fn of(&self, directory: &DirectoryId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = locked(&self.0);
        if locks.len() > SWEEP_ABOVE {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        if let Some(lock) = locks.get(directory).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(*directory, Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn nobody_waits_for_ever() {
        let (locks, soon) = (DirectoryLocks::default(), Duration::from_millis(1));
        let first = locks.acquire(&[1; 32], soon).await.unwrap();
        assert!(locks.acquire(&[1; 32], soon).await.is_none());
        assert!(locks.acquire(&[2; 32], soon).await.is_some());
        drop(first);
        assert!(locks.acquire(&[1; 32], soon).await.is_some());
    }
}
