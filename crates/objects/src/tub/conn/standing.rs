//! What a peer has shown of itself: whether it knows an object here, and how quickly its frames come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[derive(Default)]
pub(in crate::tub) struct Standing {
    /// It has named an object that exists, or has shown one that we asked it for.
    known: AtomicBool,
    /// It has shown us an object that we asked for: by name it can be called without asking first.
    welcoming: AtomicBool,
    /// One more than the tub's milliseconds at which the frame under way was first seen; 0 for none.
    begun: AtomicU64,
    /// Bytes of that frame.
    bytes: AtomicU64,
    /// They are charged to the memory that all links share. An answer comes into the place that was
    /// made for it when it was asked for.
    charged: AtomicBool,
}

impl Standing {
    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Ends the peer's probation; answers whether this was news.
    pub(crate) fn make_known(&self) -> bool {
        !self.known.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_welcoming(&self) -> bool {
        self.welcoming.load(Ordering::Relaxed)
    }

    pub(crate) fn make_welcoming(&self) {
        self.welcoming.store(true, Ordering::Relaxed);
    }

    /// A frame is whole.
    pub(crate) fn frame_done(&self) {
        self.begun.store(0, Ordering::Relaxed);
    }

    /// Of the frame under way, so many bytes have come; none if none is.
    pub(crate) fn frame_under_way(&self, now_ms: u64, bytes: usize, charged: bool) {
        if bytes == 0 {
            return self.frame_done();
        }
        self.charged.store(charged, Ordering::Relaxed);
        self.bytes.store(bytes as u64, Ordering::Relaxed);
        let _ = self.begun.compare_exchange(0, now_ms + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Bytes a second at which the frame under way has come, if it has been for `age` or longer.
    pub(crate) fn frame_rate(&self, now_ms: u64, age: Duration) -> Option<u64> {
        let begun = self.begun.load(Ordering::Relaxed).checked_sub(1)?;
        let taken = now_ms.saturating_sub(begun);
        let old = u128::from(taken) >= age.as_millis();
        old.then(|| self.bytes.load(Ordering::Relaxed) * 1000 / taken.max(1))
    }

    /// The same, if letting it go gives back memory that all links share.
    pub(crate) fn charged_rate(&self, now_ms: u64, age: Duration) -> Option<u64> {
        self.frame_rate(now_ms, age).filter(|_| self.charged.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_rate_counts_from_when_it_began_and_not_from_the_one_before() {
        let (standing, second) = (Standing::default(), Duration::from_secs(1));
        assert_eq!(standing.frame_rate(9_000, second), None);
        standing.frame_under_way(0, 100, true);
        standing.frame_under_way(900, 500, true);
        assert_eq!(standing.frame_rate(999, second), None, "too young");
        assert_eq!(standing.frame_rate(1_000, second), Some(500));
        standing.frame_done();
        standing.frame_under_way(1_000, 700, true);
        assert_eq!(standing.frame_rate(1_500, second), None);
        assert_eq!(standing.frame_rate(2_000, second), Some(700));
        assert_eq!(standing.charged_rate(2_000, second), Some(700));
        standing.frame_under_way(2_000, 700, false);
        assert_eq!(standing.frame_rate(2_000, second), Some(700), "an answer");
        assert_eq!(standing.charged_rate(2_000, second), None);
        standing.frame_under_way(2_000, 0, true);
        assert_eq!(standing.frame_rate(9_000, second), None, "between frames");
    }
}
