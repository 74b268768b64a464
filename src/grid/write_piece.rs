//! How many bytes a write call to a server brings. On the line to one that is not near, what is more urgent
//! waits for as much.

use crate::base::limits::{FAR_PIECE_MAX, FAR_PIECE_MIN, FAR_PIECE_TIME, WRITE_PIECE};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// What befits the line to a server that is not near. Clones are of the same server.
#[derive(Clone, Debug)]
pub struct WritePiece(Arc<AtomicUsize>);

impl Default for WritePiece {
    /// Of a line of which nothing is known: as many bytes may be under way as it may need.
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(FAR_PIECE_MAX)))
    }
}

impl WritePiece {
    /// For one share that is being written.
    pub fn of_share(&self, is_near: bool) -> SharePiece {
        let far = (!is_near).then(|| self.clone());
        SharePiece { far, since: Instant::now(), answered: 0 }
    }
}

/// The same while a share is written; the answers tell what the line takes.
#[derive(Debug)]
pub struct SharePiece {
    far: Option<WritePiece>,
    /// Since when there was always a call that was not answered, and the bytes of those that were.
    since: Instant,
    answered: usize,
}

impl SharePiece {
    pub fn bytes(&self) -> usize {
        self.far.as_ref().map_or(WRITE_PIECE, |far| far.0.load(Relaxed))
    }

    /// A call was made while none was under way.
    pub fn begin(&mut self) {
        (self.since, self.answered) = (Instant::now(), 0);
    }

    pub fn answered(&mut self, bytes: usize) {
        self.answered += bytes;
        let (Some(far), took) = (&self.far, self.since.elapsed()) else { return };
        if took >= FAR_PIECE_TIME {
            far.0.store(fitting(self.answered, took), Relaxed);
            self.begin();
        }
    }
}

/// What a line takes in the time of a piece that took so long for the `answered` bytes.
fn fitting(answered: usize, took: Duration) -> usize {
    let fits = answered as u128 * FAR_PIECE_TIME.as_micros() / took.as_micros().max(1);
    usize::try_from(fits).unwrap_or(FAR_PIECE_MAX).clamp(FAR_PIECE_MIN, FAR_PIECE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_next_share_begins_with_what_the_last_one_learnt() {
        let (known, ms) = (WritePiece::default(), Duration::from_millis);
        assert_eq!(known.of_share(true).bytes(), WRITE_PIECE);
        let mut share = known.of_share(false);
        assert_eq!(share.bytes(), FAR_PIECE_MAX);
        share.begin();
        tokio::time::advance(ms(24)).await;
        share.answered(FAR_PIECE_MAX);
        assert_eq!(share.bytes(), FAR_PIECE_MAX, "too short a time to judge");
        tokio::time::advance(ms(26)).await;
        share.answered(1_000);
        let (both, half) = (FAR_PIECE_MAX + 1_000, 2);
        assert_eq!(share.bytes(), both / half);
        assert_eq!(known.of_share(false).bytes(), both / half);
        tokio::time::advance(ms(1_000)).await;
        share.answered(FAR_PIECE_MAX);
        assert_eq!(share.bytes(), FAR_PIECE_MIN);
        assert_eq!(known.of_share(true).bytes(), WRITE_PIECE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_without_a_call_says_nothing() {
        let known = WritePiece::default();
        let mut share = known.of_share(false);
        tokio::time::advance(Duration::from_secs(10)).await;
        share.begin();
        tokio::time::advance(FAR_PIECE_TIME).await;
        share.answered(FAR_PIECE_MAX);
        assert_eq!(share.bytes(), FAR_PIECE_MAX);
    }
}
