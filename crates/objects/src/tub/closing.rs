//! Whether a link has ended, and who waits for that.
//!
//! They are told in the order in which they began to wait, so that a run can be had again; a watch
//! channel tells in whatever order a coin of its own decides.

use super::frame::Reason;
use crate::base::lock::locked;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

#[derive(Default)]
struct State {
    reason: Mutex<Option<Reason>>,
    over: AtomicBool,
    changed: Notify,
}

impl State {
    fn end(&self) {
        self.over.store(true, SeqCst);
        self.changed.notify_waiters();
    }
}

/// The link's own side: dropped, it is over whatever the reason.
#[derive(Default)]
pub(super) struct Closing(Arc<State>);

impl Closing {
    pub(super) fn close(&self, reason: Reason) {
        *locked(&self.0.reason) = Some(reason);
        self.0.end();
    }

    /// None while the link lives.
    pub(super) fn reason(&self) -> Option<Reason> {
        *locked(&self.0.reason)
    }

    pub(super) fn watch(&self) -> Closed {
        Closed(self.0.clone())
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The side of whoever wants to know; it keeps no link alive.
pub(super) struct Closed(Arc<State>);

impl Closed {
    /// Completes when the link has ended.
    pub(super) async fn wait(self) {
        loop {
            // Before the look: an end after it is not missed.
            let changed = self.0.changed.notified();
            if self.0.over.load(SeqCst) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::FuturesUnordered;
    use futures_util::{FutureExt, StreamExt};

    #[tokio::test]
    async fn all_are_told_in_the_order_in_which_they_waited() {
        let closing = Closing::default();
        let mut waiting: FuturesUnordered<_> = (0..20)
            .map(|number| {
                let closed = closing.watch();
                async move {
                    closed.wait().await;
                    number
                }
            })
            .collect();
        assert!(waiting.next().now_or_never().is_none());
        closing.close(Reason::Idle);
        assert_eq!(closing.reason(), Some(Reason::Idle));
        let order: Vec<u32> = waiting.collect().await;
        assert!(order.is_sorted() && order.len() == 20, "{order:?}");
        closing.watch().wait().await;
    }

    #[tokio::test]
    async fn a_link_that_is_gone_has_ended() {
        let closed = Closing::default().watch();
        closed.wait().await;
    }
}
