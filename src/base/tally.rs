//! How much of something is in use, counted by whoever uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// So much may be in use, and so much is. Clones count together.
#[derive(Clone, Debug)]
pub struct Tally(Arc<Count>);

#[derive(Debug)]
struct Count {
    used: AtomicU64,
    most: u64,
}

/// What somebody uses, until this is dropped.
#[derive(Debug)]
pub struct Counted {
    of: Tally,
    amount: u64,
}

impl Tally {
    pub fn new(most: u64) -> Self {
        Self(Arc::new(Count { used: AtomicU64::new(0), most }))
    }

    pub fn in_use(&self) -> u64 {
        self.0.used.load(Relaxed)
    }

    /// More is in use than should be.
    pub fn is_over(&self) -> bool {
        self.in_use() > self.0.most
    }

    /// So much more; none if that would be more than may be in use.
    pub fn take(&self, amount: u64) -> Option<Counted> {
        let more = |used: u64| used.checked_add(amount).filter(|sum| *sum <= self.0.most);
        self.0.used.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Counted { of: self.clone(), amount })
    }

    /// So much more, however much is in use.
    pub fn count(&self, amount: u64) -> Counted {
        self.0.used.fetch_add(amount, Relaxed);
        Counted { of: self.clone(), amount }
    }
}

impl Counted {
    /// Adds to the last of a list if that counts the same, so that the list stays short.
    pub fn join(list: &mut Vec<Self>, mut more: Self) {
        match list.last_mut().filter(|last| Arc::ptr_eq(&last.of.0, &more.of.0)) {
            Some(last) => last.amount += std::mem::take(&mut more.amount),
            None => list.push(more),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.of.0.used.fetch_sub(self.amount, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_may_be_and_all_is_given_back() {
        let tally = Tally::new(10);
        let first = tally.take(9).unwrap();
        assert!(tally.take(2).is_none() && tally.take(u64::MAX).is_none());
        let second = tally.take(1).unwrap();
        assert!(!tally.is_over() && tally.in_use() == 10);
        let forced = tally.count(1);
        assert!(tally.is_over());
        drop((first, forced));
        assert_eq!(tally.in_use(), 1);
        drop(second);
        assert_eq!(tally.in_use(), 0);
    }

    #[test]
    fn what_is_joined_is_given_back_once() {
        let (tally, other) = (Tally::new(10), Tally::new(10));
        let mut list = Vec::new();
        for _ in 0..3 {
            Counted::join(&mut list, tally.take(2).unwrap());
        }
        Counted::join(&mut list, other.take(1).unwrap());
        assert_eq!((list.len(), tally.in_use(), other.in_use()), (2, 6, 1));
        drop(list);
        assert_eq!((tally.in_use(), other.in_use()), (0, 0));
    }
}
