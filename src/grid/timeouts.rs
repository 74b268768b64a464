//! How long a client waits for whom. The real values stand in `limits`; tests shorten them.

use crate::base::limits;
use crate::tub::{CallFuture, RemoteError};
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// All waiting times of a client.
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// For a server's answer to the first question of an upload.
    pub query: Duration,
    /// At most, for the rest of these answers once those in hand suffice.
    pub settle: Duration,
    /// At least, for whoever is later than others.
    pub jitter: Duration,
    /// For an answer to an allocation or a lease request.
    pub allocate: Duration,
    /// Without any byte sent to or acknowledged by the server while a share is written.
    pub stall: Duration,
    /// For the answer to a close, which waits for the server's disk.
    pub close: Duration,
    /// For shares that another client is writing.
    pub others: Duration,
    /// For a server's answer to the first question of a download.
    pub find: Duration,
    /// For servers that usually answer sooner, before a spare one is asked too.
    pub spare: Duration,
    /// Before further servers are asked beside those that have not answered yet.
    pub find_more: Duration,
    /// Before a block is also asked of another share; grows with what blocks usually take.
    pub hedge: Duration,
    /// For one read of a share, while nothing or almost nothing comes of it.
    pub read: Duration,
    /// Before a server that was busy, or whose link was lost, is asked again; twice as long each
    /// further time.
    pub again: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            query: limits::UPLOAD_QUERY_TIME,
            settle: limits::UPLOAD_SETTLE_TIME,
            jitter: limits::JITTER_TIME,
            allocate: limits::ALLOCATE_TIME,
            stall: limits::SHARE_STALL_TIME,
            close: limits::CLOSE_TIME,
            others: limits::IN_PROGRESS_TIME,
            find: limits::FIND_TIME,
            spare: limits::SPARE_AFTER,
            find_more: limits::FIND_MORE_AFTER,
            hedge: limits::HEDGE_AFTER,
            read: limits::SHARE_READ_TIME,
            again: limits::ASK_AGAIN_AFTER,
        }
    }
}

impl Timeouts {
    /// How long all are waited for when those that suffice took `took`: a small multiple of that, but
    /// [`Timeouts::jitter`] longer at least and `most` longer at most.
    pub fn in_company(&self, took: Duration, most: Duration) -> Duration {
        let longer = took.saturating_mul(limits::COMPANY_FACTOR - 1).max(self.jitter);
        took.saturating_add(longer.min(most))
    }

    /// How long in all an upload that needed `needed` besides waits for servers that keep those waiting
    /// that suffice.
    pub fn for_stragglers(&self, needed: Duration) -> Duration {
        self.jitter * 2 + needed / limits::STRAGGLER_SHARE
    }

    /// Timeouts for servers that needed `took` to answer a short question.
    pub fn used_to(&self, took: Duration) -> Self {
        let jitter = self.jitter.max(took.saturating_mul(limits::COMPANY_FACTOR));
        Self { jitter, ..self.clone() }
    }

    /// For shares of so many bytes, which a server may have to read before it answers for them.
    pub fn for_shares_of(self, bytes: u64) -> Self {
        let reading = Duration::from_secs(bytes / limits::JUDGE_RATE_MIN);
        Self { close: self.close + reading, others: self.others + reading, ..self }
    }
}

/// The outcome of `call`, or [`RemoteError::Timeout`] after `time`.
pub async fn within<T>(
    time: Duration,
    call: impl Future<Output = Result<T, RemoteError>>,
) -> Result<T, RemoteError> {
    timeout(time, call).await.unwrap_or(Err(RemoteError::Timeout))
}

/// The outcome of `call`, which brings bytes, or [`RemoteError::Timeout`] after a `time` in which less
/// moved on its link than [`limits::SHARE_RATE_MIN`], and in any case
/// [`limits::SHARE_READ_TIME_MAX`] later than that.
pub async fn while_moving<T: 'static>(
    time: Duration,
    mut call: CallFuture<T>,
) -> Result<T, RemoteError> {
    let end = Instant::now() + time + limits::SHARE_READ_TIME_MAX;
    let least = (limits::SHARE_RATE_MIN as f64 * time.as_secs_f64()) as u64;
    let mut moved = call.moved();
    loop {
        let pause = (Instant::now() + time).min(end);
        if let Ok(outcome) = timeout_at(pause, &mut call).await {
            return outcome;
        }
        let before = std::mem::replace(&mut moved, call.moved());
        if pause == end || moved.saturating_sub(before) < least.max(1) {
            return Err(RemoteError::Timeout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::api::{GetClock, Storage};
    use crate::tub::{AnyMessage, Delivery, Object, Progress, Ref};
    use std::sync::Arc;

    /// A storage server beyond some other network: its answers take long, and may be seen coming.
    struct Beyond {
        moves: bool,
    }

    struct Coming(Instant);

    impl Progress for Coming {
        fn moved(&self) -> u64 {
            self.0.elapsed().as_millis() as u64 * limits::SHARE_RATE_MIN
        }

        fn left(&self) -> u64 {
            self.moved()
        }
    }

    impl Object for Beyond {
        fn deliver(&self, _: u16, _: AnyMessage) -> Delivery {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok(Box::new(7_u64) as AnyMessage)
            })
        }

        fn deliver_followed(
            &self,
            method: u16,
            message: AnyMessage,
        ) -> (Delivery, Option<Arc<dyn Progress>>) {
            let coming = Arc::new(Coming(Instant::now())) as Arc<dyn Progress>;
            (self.deliver(method, message), self.moves.then_some(coming))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_moves_is_waited_for_whatever_carries_the_call() {
        for (moves, outcome) in [(true, Ok(7)), (false, Err(RemoteError::Timeout))] {
            let server = Ref::<Storage>::local(Beyond { moves });
            assert_eq!(
                while_moving(Duration::from_secs(2), server.call(GetClock {})).await,
                outcome
            );
        }
    }

    #[test]
    fn company_waits_a_multiple_between_two_bounds() {
        let timeouts = Timeouts::default();
        let (s, jitter) = (Duration::from_secs(1), timeouts.jitter);
        let most = 30 * s;
        for (took, wanted) in [
            (Duration::ZERO, jitter),
            (jitter / 3, jitter / 3 + jitter),
            (s, s * limits::COMPANY_FACTOR),
            (10 * s, 40 * s),
            (11 * s, 41 * s),
            (Duration::MAX, Duration::MAX),
        ] {
            assert_eq!(timeouts.in_company(took, most), wanted, "{took:?}");
        }
        assert_eq!(timeouts.in_company(s, jitter / 2), s + jitter / 2, "the bound above decides");
        assert_eq!(
            timeouts.for_stragglers(10 * s),
            2 * jitter + 2 * s,
            "less than 1.3 times as long"
        );
        let far = timeouts.used_to(s).in_company(Duration::ZERO, most);
        assert_eq!(far, s * limits::COMPANY_FACTOR, "nobody is late who is as far as all");
    }
}
