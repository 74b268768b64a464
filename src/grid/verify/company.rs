//! How long one share may take to be read, told by the others: all shares of a file are equally long.
//!
//! A server that brings a little now and then would hold a verification for hours, and with it whoever
//! waits for that.

use super::Flaw;
use crate::base::lock::locked;
use crate::grid::timeouts::Timeouts;
use crate::tub::RemoteError;
use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Shares of one file that are being read.
pub struct Company {
    shares: usize,
    /// How many were good, and the longest that one of them took.
    good: Mutex<(usize, Duration)>,
    /// How long the others may take, once half of all were good.
    allowed: watch::Sender<Option<Duration>>,
}

impl Company {
    pub fn of(shares: usize) -> Self {
        Self { shares, good: Mutex::default(), allowed: watch::Sender::new(None) }
    }

    /// The outcome of `reading` one share, if that takes no longer than befits it.
    pub async fn bound<T>(
        &self,
        timeouts: &Timeouts,
        reading: impl Future<Output = Result<T, Flaw>>,
    ) -> Result<T, Flaw> {
        let began = Instant::now();
        let read = tokio::select! {
            biased;
            read = reading => read?,
            () = self.too_late(began) => return Err(Flaw::Unreadable(RemoteError::Timeout)),
        };
        let (count, longest) = {
            let mut good = locked(&self.good);
            *good = (good.0 + 1, good.1.max(began.elapsed()));
            *good
        };
        if count * 2 >= self.shares {
            let allowed = timeouts.in_company(longest, Duration::MAX).max(timeouts.read);
            self.allowed.send_if_modified(|known| known.replace(allowed).is_none());
        }
        Ok(read)
    }

    async fn too_late(&self, began: Instant) {
        let mut allowed = self.allowed.subscribe();
        let told = allowed.wait_for(Option::is_some).await.ok().and_then(|allowed| *allowed);
        match told {
            Some(allowed) => sleep_until(began + allowed).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::FutureExt;
    use tokio::time::sleep;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn who_takes_several_times_what_half_of_them_took_is_not_waited_for() {
        let (company, timeouts) = (Company::of(4), Timeouts::default());
        let read = |time| company.bound(&timeouts, sleep(time).map(Ok::<_, Flaw>));
        let began = Instant::now();
        let all =
            tokio::join!(read(SECOND), read(20 * SECOND), read(70 * SECOND), read(999 * SECOND));
        let late = Err(Flaw::Unreadable(RemoteError::Timeout));
        assert_eq!(all, (Ok(()), Ok(()), Ok(()), late.clone()));
        assert_eq!(began.elapsed(), 80 * SECOND, "4 times what half took");
        assert_eq!(read(999 * SECOND).await, late, "who begins later has as long");
        assert_eq!(began.elapsed(), 160 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn shares_that_are_not_good_tell_nothing() {
        let (company, timeouts) = (Company::of(4), Timeouts::default());
        for _ in 0..3 {
            let bad = company.bound(&timeouts, async { Err::<(), _>(Flaw::Foreign) });
            assert_eq!(bad.await, Err(Flaw::Foreign));
        }
        let long = company.bound(&timeouts, sleep(9_999 * SECOND).map(Ok::<_, Flaw>));
        assert_eq!(long.await, Ok(()));
    }
}
