//! Whose turn it is to change a directory, within this node.

use crate::base::lock::locked;
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::OwnedMutexGuard;

/// One queue a directory, gone when nobody waits in it. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<DirectoryId, Weak<tokio::sync::Mutex<()>>>>>);

/// Queues beyond which those without a use are swept out.
const SWEEP_ABOVE: usize = 256;

impl Turns {
    /// The turn to change a directory; `None` if others have theirs for longer than `within`.
    pub async fn take(
        &self,
        directory: &DirectoryId,
        within: Duration,
    ) -> Option<OwnedMutexGuard<()>> {
        tokio::time::timeout(within, self.of(directory).lock_owned()).await.ok()
    }

    fn of(&self, directory: &DirectoryId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = locked(&self.0);
        if turns.len() > SWEEP_ABOVE {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        if let Some(turn) = turns.get(directory).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(*directory, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_rt::test]
    async fn nobody_waits_for_ever() {
        let (turns, soon) = (Turns::default(), Duration::from_millis(1));
        let first = turns.take(&[1; 32], soon).await.unwrap();
        assert!(turns.take(&[1; 32], soon).await.is_none());
        assert!(turns.take(&[2; 32], soon).await.is_some());
        drop(first);
        assert!(turns.take(&[1; 32], soon).await.is_some());
    }
}
