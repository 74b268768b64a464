//! How quickly a server usually answers: as downloads have seen it, or a guess before the first.

use crate::base::limits::SPARE_AFTER;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// What a server's answers took lately: slow ones count at once, quick ones little by little, so that
/// one that begins to hang is known from its first answer that is late. Clones are of the same server.
#[derive(Clone, Debug, Default)]
pub struct ResponseTime {
    lately: Arc<AtomicU64>,
    /// However quick it is, the way there is not to be filled.
    far: bool,
}

/// A question on its way. Its time is noted when the answer has come; or, when this is dropped without
/// one, how long it was waited for in vain, if that is longer than usual.
pub struct Timed<'a> {
    response_time: &'a ResponseTime,
    since: Instant,
    answered: bool,
}

impl ResponseTime {
    /// Of a server that never counts as near.
    pub fn far() -> Self {
        Self { far: true, ..Self::default() }
    }

    /// Begins to measure one answer.
    pub fn time(&self) -> Timed<'_> {
        Timed { response_time: self, since: Instant::now(), answered: false }
    }

    /// What can be thought of a server before any download: that it is near, if its first answer took
    /// no longer than one of a near server does. A slow one tells only that both sides were starting.
    pub fn guess(&self, took: Duration) {
        if self.lately.load(Relaxed) == 0 && took < SPARE_AFTER {
            self.note(took);
        }
    }

    /// Whether its answers are known, and usually take less than `time`.
    pub fn is_within(&self, time: Duration) -> bool {
        !self.far && (1..=time.as_micros()).contains(&self.lately.load(Relaxed).into())
    }

    /// Of two notes at once one may be lost; it is a habit that is kept here, not a count.
    fn note(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        let known = self.lately.load(Relaxed);
        let quicker = known - known / 4 + took / 4;
        self.lately.store(if took >= known { took } else { quicker }, Relaxed);
    }
}

impl Timed<'_> {
    /// The answer is there; what it took.
    pub fn answered(mut self) -> Duration {
        self.answered = true;
        let took = self.since.elapsed();
        self.response_time.note(took);
        took
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        let waited = self.since.elapsed();
        if !self.answered && self.response_time.is_within(waited) {
            self.response_time.note(waited);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_millis(20);
    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_server_is_near_once_it_has_answered_quickly() {
        let response_time = ResponseTime::default();
        assert!(!response_time.is_within(NEAR), "nothing is known");
        response_time.note(Duration::ZERO);
        assert!(response_time.is_within(NEAR));
    }

    #[test]
    fn one_that_is_far_stays_so_however_quickly_it_answers() {
        let response_time = ResponseTime::far();
        response_time.note(MS);
        assert!(!response_time.is_within(NEAR));
    }

    #[test]
    fn a_guess_is_for_the_better_and_only_while_nothing_is_known() {
        let response_time = ResponseTime::default();
        response_time.guess(SPARE_AFTER);
        assert!(!response_time.is_within(NEAR));
        response_time.note(MS);
        assert!(response_time.is_within(NEAR), "the first answer of a download counts alone");
        let response_time = ResponseTime::default();
        response_time.guess(MS);
        assert!(response_time.is_within(NEAR));
        response_time.note(200 * MS);
        response_time.guess(MS);
        assert!(!response_time.is_within(NEAR));
    }

    #[actix_rt::test]
    async fn waiting_in_vain_makes_nobody_quicker() {
        tokio::time::pause();
        let response_time = ResponseTime::default();
        drop(response_time.time());
        assert!(!response_time.is_within(NEAR), "nothing is known");
        assert_eq!(response_time.time().answered(), Duration::ZERO);
        assert!(response_time.is_within(NEAR));
        let timed = response_time.time();
        tokio::time::advance(2 * NEAR).await;
        drop(timed);
        assert!(!response_time.is_within(NEAR));
        for _ in 0..20 {
            drop(response_time.time());
        }
        assert!(!response_time.is_within(NEAR), "it has not answered since");
    }

    #[test]
    fn one_late_answer_counts_more_than_many_quick_ones() {
        let response_time = ResponseTime::default();
        (0..100).for_each(|_| response_time.note(MS));
        response_time.note(200 * MS);
        assert!(!response_time.is_within(NEAR));
        (0..3).for_each(|_| response_time.note(MS));
        assert!(!response_time.is_within(NEAR), "and for a while");
        (0..20).for_each(|_| response_time.note(MS));
        assert!(response_time.is_within(NEAR), "but not for ever");
    }

    #[test]
    fn the_border_is_near_and_what_is_beyond_is_not() {
        for (took, near) in [(NEAR - 2 * MS, true), (NEAR, false), (Duration::MAX, false)] {
            let response_time = ResponseTime::default();
            response_time.note(took);
            assert_eq!(response_time.is_within(NEAR), near, "{took:?}");
        }
    }
}
