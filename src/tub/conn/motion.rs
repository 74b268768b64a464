//! How calls come forward on their way out, for those who wait for a slow link and not for a dead
//! one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What has left a link so far; shared by the link and the calls that wait to leave on it. Calls are
/// counted in the order in which they were queued.
#[derive(Default)]
pub(super) struct Motion {
    /// Pieces with parts of calls that the peer has taken.
    pieces: AtomicU64,
    /// Calls that are leaving or have left.
    leaving: AtomicU64,
    /// Calls that have left whole.
    left: AtomicU64,
}

impl Motion {
    /// All calls up to number `calls` are being written.
    pub fn calls_leave(&self, calls: u64) {
        self.leaving.store(calls, Ordering::Relaxed);
    }

    /// A piece was taken. One without calls, such as a ping, brings no call forward.
    pub fn piece_left(&self) {
        if self.leaving.load(Ordering::Relaxed) > self.left.load(Ordering::Relaxed) {
            self.pieces.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All that was being written has left.
    pub fn calls_left(&self) {
        self.left.store(self.leaving.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// One call's place on its way out.
pub struct Departure {
    motion: Arc<Motion>,
    /// Calls that leave before it.
    behind: u64,
}

impl Departure {
    pub(super) fn new(motion: Arc<Motion>, behind: u64) -> Self {
        Self { motion, behind }
    }

    /// A number that changes with each piece of calls that leaves until this one has, and then once
    /// more.
    pub fn progress(&self) -> u64 {
        let left = self.motion.left.load(Ordering::Relaxed) > self.behind;
        if left { u64::MAX } else { self.motion.pieces.load(Ordering::Relaxed) }
    }
}
