//! How calls come forward on their way out, and answers on their way in, for those who wait for a
//! slow link and not for a dead one.

use super::progress::Progress;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which of the calls that leave a call is counted among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Small,
    Bulk,
}

/// How many of each pace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub small: u64,
    pub bulk: u64,
}

impl Counts {
    /// Counts one; answers how many there were.
    pub(super) fn one_more(&mut self, pace: Pace) -> u64 {
        let count = match pace {
            Pace::Small => &mut self.small,
            Pace::Bulk => &mut self.bulk,
        };
        *count += 1;
        *count - 1
    }
}

/// What has left a link and come in on it so far; shared by the link and the calls that wait. Calls
/// of each pace are counted in the order in which they were queued.
#[derive(Default)]
pub(super) struct Traffic {
    /// Bytes of calls, and of what leaves between them, that the peer has taken.
    bytes: AtomicU64,
    /// Calls that are leaving or have left.
    leaving: Calls,
    /// Calls that have left whole.
    left: Calls,
    /// Bytes of answers that have come.
    arrived: AtomicU64,
}

/// Calls, by pace.
#[derive(Default)]
struct Calls {
    small: AtomicU64,
    bulk: AtomicU64,
}

impl Calls {
    fn get(&self) -> Counts {
        let [small, bulk] = [&self.small, &self.bulk].map(|count| count.load(Ordering::Relaxed));
        Counts { small, bulk }
    }

    fn set(&self, counts: Counts) {
        self.small.store(counts.small, Ordering::Relaxed);
        self.bulk.store(counts.bulk, Ordering::Relaxed);
    }
}

impl Traffic {
    /// So many calls are being written or were before.
    pub(super) fn calls_leave(&self, calls: Counts) {
        self.leaving.set(calls);
    }

    /// A piece was taken. One without calls, such as a ping, brings no call forward.
    pub(super) fn piece_left(&self, bytes: usize) {
        if self.leaving.get() != self.left.get() {
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// All that was being written has left.
    pub(super) fn calls_left(&self) {
        self.left.set(self.leaving.get());
    }

    /// So many bytes of answers have come in all.
    pub(super) fn answers_arrived(&self, bytes: u64) {
        self.arrived.store(bytes, Ordering::Relaxed);
    }
}

/// One call's place among those on its link.
pub(super) struct Departure {
    traffic: Arc<Traffic>,
    pace: Pace,
    /// Calls of its pace that leave before it.
    behind: u64,
}

impl Departure {
    pub(super) fn new(traffic: Arc<Traffic>, (pace, behind): (Pace, u64)) -> Self {
        Self { traffic, pace, behind }
    }

    fn has_left(&self) -> bool {
        let Counts { small, bulk } = self.traffic.left.get();
        let left = match self.pace {
            Pace::Small => small,
            Pace::Bulk => bulk,
        };
        left > self.behind
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
