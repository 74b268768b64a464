//! How calls come forward on their way out, and answers on their way in, for those who wait for a
//! slow link and not for a dead one.

use super::super::progress::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has left a link and come in on it so far; shared by the link and the calls that wait. Calls
/// are counted in the order in which they were queued.
#[derive(Default)]
pub(super) struct Traffic {
    /// Bytes of calls, and of what leaves between them, that the peer has taken.
    bytes: AtomicU64,
    /// Calls that are leaving or have left.
    leaving: AtomicU64,
    /// Calls that have left whole.
    left: AtomicU64,
    /// Bytes of answers that have come.
    arrived: AtomicU64,
}

impl Traffic {
    /// All calls up to number `calls` are being written.
    pub(super) fn calls_leave(&self, calls: u64) {
        self.leaving.store(calls, Ordering::Relaxed);
    }

    /// A piece was taken. One without calls, such as a ping, brings no call forward.
    pub(super) fn piece_left(&self, bytes: usize) {
        if self.leaving.load(Ordering::Relaxed) > self.left.load(Ordering::Relaxed) {
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// All that was being written has left.
    pub(super) fn calls_left(&self) {
        self.left.store(self.leaving.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// So many bytes of answers have come in all.
    pub(super) fn answers_arrived(&self, bytes: u64) {
        self.arrived.store(bytes, Ordering::Relaxed);
    }
}

/// One call's place among those on its link.
pub(crate) struct Departure {
    traffic: Arc<Traffic>,
    /// Calls that leave before it.
    behind: u64,
}

impl Departure {
    pub(super) fn new(traffic: Arc<Traffic>, behind: u64) -> Self {
        Self { traffic, behind }
    }

    fn has_left(&self) -> bool {
        self.traffic.left.load(Ordering::Relaxed) > self.behind
    }
}

impl Progress for Departure {
    /// Each piece of calls that leaves until this one has counts, and then that it has.
    fn left(&self) -> u64 {
        if self.has_left() { u64::MAX } else { self.traffic.bytes.load(Ordering::Relaxed) }
    }

    /// Bytes of calls that have left the link, until this one has; from then on, and far more, bytes
    /// of answers that have come in.
    fn moved(&self) -> u64 {
        /// More than leaves a link in its life.
        const LEFT: u64 = 1 << 63;
        if self.has_left() {
            LEFT.saturating_add(self.traffic.arrived.load(Ordering::Relaxed))
        } else {
            self.traffic.bytes.load(Ordering::Relaxed)
        }
    }
}
