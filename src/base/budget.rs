//! Memory that several share: so many bytes in all, whoever has them.
//!
//! Who needs much takes it at once and waits for it, holding nothing of the same budget meanwhile; who
//! finds out later that it needs more takes it only if it is free. So nobody ever waits for one who
//! waits, and what all have together stays within the budget.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many bytes. Clones share them.
#[derive(Clone, Debug)]
pub struct Budget {
    free: Arc<Semaphore>,
    most: usize,
}

/// A part of a budget; it is given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Budget,
    /// None is a share of no bytes.
    held: Option<OwnedSemaphorePermit>,
}

/// Why there is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// It is more than the whole budget: less must be asked for.
    #[error("it takes more memory than all such work together may have")]
    Never,
    /// Others have it: asking again later may help.
    #[error("other work has the memory that it takes")]
    NotNow,
}

impl Budget {
    /// At most 4 GiB.
    pub fn new(most: usize) -> Self {
        let most = most.min(u32::MAX as usize);
        Self { free: Arc::new(Semaphore::new(most)), most }
    }

    pub const fn most(&self) -> usize {
        self.most
    }

    /// Bytes that nobody has.
    pub fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// A share, if there is so much.
    pub fn try_take(&self, bytes: usize) -> Result<Share, NoRoom> {
        let bytes = self.fits(bytes)?;
        let held = Arc::clone(&self.free).try_acquire_many_owned(bytes);
        held.map(|held| self.share(held)).map_err(|_| NoRoom::NotNow)
    }

    /// A share as soon as there is so much, those who asked before going first.
    pub async fn take(&self, bytes: usize, time: Duration) -> Result<Share, NoRoom> {
        let bytes = self.fits(bytes)?;
        let free = Arc::clone(&self.free).acquire_many_owned(bytes);
        match tokio::time::timeout(time, free).await {
            Ok(Ok(held)) => Ok(self.share(held)),
            _ => Err(NoRoom::NotNow),
        }
    }

    /// A share as soon as there is so much, however long that takes; who wants more than the whole budget
    /// gets all of it.
    pub async fn wait(&self, bytes: usize) -> Share {
        let bytes = u32::try_from(bytes.min(self.most)).unwrap_or(u32::MAX);
        // Nobody closes it.
        let held = Arc::clone(&self.free).acquire_many_owned(bytes).await.ok();
        Share { of: self.clone(), held }
    }

    /// Of no bytes yet.
    pub fn nothing(&self) -> Share {
        Share { of: self.clone(), held: None }
    }

    fn fits(&self, bytes: usize) -> Result<u32, NoRoom> {
        u32::try_from(bytes).ok().filter(|_| bytes <= self.most).ok_or(NoRoom::Never)
    }

    fn share(&self, held: OwnedSemaphorePermit) -> Share {
        Share { of: self.clone(), held: Some(held) }
    }
}

impl Share {
    pub fn bytes(&self) -> usize {
        self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Makes it so large, if there is so much.
    pub fn resize(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let now = self.bytes();
        if bytes > now {
            self.of.fits(bytes)?;
            let more = self.of.try_take(bytes - now)?.held.take();
            match (&mut self.held, more) {
                (Some(held), Some(more)) => held.merge(more),
                (held, more) => *held = more,
            }
        } else if let Some(held) = &mut self.held {
            drop(held.split(now - bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn shares_come_from_one_budget_and_go_back_to_it() {
        let all = Budget::new(100);
        let mut one = all.try_take(60).unwrap();
        assert_eq!(all.try_take(101).unwrap_err(), NoRoom::Never);
        assert_eq!(all.try_take(41).unwrap_err(), NoRoom::NotNow);
        let two = all.try_take(40).unwrap();
        assert_eq!(one.resize(61), Err(NoRoom::NotNow));
        drop(two);
        assert_eq!(one.resize(101), Err(NoRoom::Never));
        one.resize(100).unwrap();
        assert_eq!((one.bytes(), all.free()), (100, 0));
        one.resize(1).unwrap();
        assert_eq!((one.bytes(), all.free()), (1, 99));
        drop(one);
        let mut none = all.nothing();
        none.resize(7).unwrap();
        assert_eq!((none.bytes(), all.free()), (7, 93));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_it_in_time_or_is_told() {
        const TIME: Duration = Duration::from_secs(5);
        let all = Budget::new(100);
        let first = all.try_take(100).unwrap();
        assert_eq!(all.take(1, TIME).await.unwrap_err(), NoRoom::NotNow);
        assert_eq!(all.take(101, TIME).await.unwrap_err(), NoRoom::Never);
        let waiting = tokio::spawn({
            let all = all.clone();
            async move { all.take(100, TIME).await.map(|share| share.bytes()) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(100));
        let most = all.wait(1_000).await;
        assert_eq!((most.bytes(), all.wait(1).now_or_never().is_none()), (100, true));
        drop(most);
        assert_eq!(all.free(), 100);
    }
}
