//! Keeping a connection to one object for as long as somebody wants it.

use super::furl::Furl;
use super::interface::Interface;
use super::live::Finder;
use super::refs::Ref;
use crate::base::limits::{RECONNECT_MAX, RECONNECT_MIN};
use crate::base::system::random;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// All machines of a network may get their addresses at the same time.
const HURRY: Duration = Duration::from_millis(50);
/// Addresses may change again and again, or only seem to.
const HURRY_EVERY: Duration = Duration::from_secs(2);

/// Reaches for an object again and again, with growing pauses, until it is dropped.
pub struct Reconnector {
    stop: Arc<Notify>,
    now: Arc<Notify>,
}

impl Reconnector {
    pub(super) fn new<I: Interface>(
        finder: Arc<dyn Finder>,
        furl: Furl,
        connected: impl Fn(Ref<I>) + Send + Sync + 'static,
    ) -> Self {
        let reconnector = Self { stop: Arc::default(), now: Arc::default() };
        let (stop, now) = (reconnector.stop.clone(), reconnector.now.clone());
        finder.clone().spawn(Box::pin(async move {
            tokio::select! {
                biased;
                () = stop.notified() => {}
                () = keep(finder, furl, connected, now) => {}
            }
        }));
        reconnector
    }

    /// Ends the current pause: something suggests that the object can be reached.
    pub fn try_now(&self) {
        self.now.notify_one();
    }
}

impl Drop for Reconnector {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

async fn keep<I: Interface>(
    finder: Arc<dyn Finder>,
    furl: Furl,
    connected: impl Fn(Ref<I>),
    now: Arc<Notify>,
) {
    let mut pause = RECONNECT_MIN;
    let mut hurried: Option<Instant> = None;
    loop {
        // Whatever broke the link, or let none be made: who has other addresses since has not tried them.
        let readdressed = finder.readdressed();
        match finder.clone().find(furl.clone(), I::id()).await {
            Ok(live) => {
                pause = RECONNECT_MIN;
                let reference = Ref::found(live, Some(furl.clone()));
                let lost = reference.lost();
                connected(reference);
                lost.await;
            }
            Err(error) => {
                tracing::debug!(tub = %furl.tub(), %error, "not reached");
                pause = (pause * 2).min(RECONNECT_MAX);
            }
        }
        tokio::select! {
            biased;
            () = now.notified() => pause = RECONNECT_MIN,
            () = readdressed, if hurried.is_none_or(|then| then.elapsed() >= HURRY_EVERY) => {
                (pause, hurried) = (RECONNECT_MIN, Some(Instant::now()));
                tokio::time::sleep(with_jitter(HURRY)).await;
            }
            () = tokio::time::sleep(with_jitter(pause)) => {}
        }
    }
}

/// Between half and all of `pause`, so that many nodes do not come back in step.
fn with_jitter(pause: Duration) -> Duration {
    let [byte] = random();
    pause / 2 + pause / 2 * u32::from(byte) / 255
}
