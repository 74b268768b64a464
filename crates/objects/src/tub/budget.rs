//! Memory that all links of a tub may hold for their peers.

use crate::base::limits::{CALL_BYTES_STEP, LINK_CALL_BYTES_MIN};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How much is held, and who waits for less.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    max: usize,
    waiting: AtomicUsize,
    freed: Notify,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let (used, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { used, max, waiting, freed: Notify::new() })
    }

    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let mut held = Held { budget: self.clone(), bytes: 0 };
        held.grow(bytes).then_some(held)
    }

    /// Bytes that are held.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Whether a link that holds `own` bytes should take in no more for now.
    pub(super) fn is_tight(&self, own: usize) -> bool {
        own > LINK_CALL_BYTES_MIN && self.used() > self.max / 2
    }

    /// Waits until a link that holds `own` bytes may take in more.
    pub(super) async fn room(&self, own: impl Fn() -> usize) {
        let _waiting = Waiting::on(self);
        loop {
            let freed = self.freed.notified();
            if !self.is_tight(own()) {
                return;
            }
            freed.await;
        }
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }
}

impl Held {
    /// Takes more; answers false, and holds what it did, if there is no more.
    fn grow(&mut self, bytes: usize) -> bool {
        let used = self.budget.used.fetch_add(bytes, Ordering::SeqCst);
        let fits = used + bytes <= self.budget.max;
        if fits {
            self.bytes += bytes;
        } else {
            self.budget.give_back(bytes);
        }
        fits
    }

    /// Takes what is missing for `have` of `whole` bytes, some ahead. Answers false if there is no
    /// more.
    pub(crate) fn reach(&mut self, have: usize, whole: usize) -> bool {
        let wanted = (have + CALL_BYTES_STEP).min(whole);
        self.bytes >= wanted || self.grow(wanted - self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Counts who waits, for as long as it does.
struct Waiting<'a>(&'a Budget);

impl<'a> Waiting<'a> {
    fn on(budget: &'a Budget) -> Self {
        budget.waiting.fetch_add(1, Ordering::SeqCst);
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const MAX: usize = 16 * LINK_CALL_BYTES_MIN;

    #[test]
    fn is_charged_as_bytes_come_and_refuses_what_is_too_much() {
        let budget = Budget::new(2 * CALL_BYTES_STEP);
        let mut held = budget.take(1).unwrap();
        let whole = 3 * CALL_BYTES_STEP;
        assert!(held.reach(CALL_BYTES_STEP, whole));
        assert_eq!(budget.used(), 2 * CALL_BYTES_STEP);
        assert!(!held.reach(CALL_BYTES_STEP + 1, whole) && budget.take(1).is_none());
        assert_eq!(budget.used(), 2 * CALL_BYTES_STEP, "what is refused is not held");
        drop(held);
        assert_eq!(budget.used(), 0);
        assert!(budget.take(1).unwrap().reach(1, 2), "the whole is not exceeded");
    }

    #[test]
    fn a_link_with_its_share_never_waits_and_others_until_something_is_given_back() {
        let budget = Budget::new(MAX);
        let half = budget.take(MAX / 2).unwrap();
        assert!(budget.room(|| MAX).now_or_never().is_some(), "it is not tight yet");
        let more = budget.take(1).unwrap();
        assert!(budget.room(|| LINK_CALL_BYTES_MIN).now_or_never().is_some());
        let mut waiting = Box::pin(budget.room(|| LINK_CALL_BYTES_MIN + 1));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(more);
        assert!(waiting.now_or_never().is_some());
        drop(half);
        assert_eq!(budget.waiting.load(Ordering::SeqCst), 0);
    }
}
