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
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Shares of one file that are being read.
pub struct Company {
    /// Servers that have some.
    servers: usize,
    known: Mutex<Known>,
    told: Notify,
}

/// What those that were good tell of the others.
#[derive(Default)]
struct Known {
    count: usize,
    longest: Duration,
    /// How long the others may take, once half as many were good as servers have some.
    allowed: Option<Duration>,
}

impl Company {
    pub fn of(servers: usize) -> Self {
        Self { servers, known: Mutex::default(), told: Notify::new() }
    }

    /// The outcome of `reading` one share, if that takes no longer than befits it.
    pub async fn bound<T>(
        &self,
        timeouts: &Timeouts,
        reading: impl Future<Output = Result<T, Flaw>>,
    ) -> Result<T, Flaw> {
        let began = Instant::now();
        let read = self.limit(reading).await?;
        self.note(began.elapsed(), timeouts);
        Ok(read)
    }

    /// The outcome of `reading` a part of one share, if that takes no longer than a whole one may.
    pub async fn limit<T>(
        &self,
        reading: impl Future<Output = Result<T, Flaw>>,
    ) -> Result<T, Flaw> {
        tokio::select! {
            biased;
            read = reading => read,
            () = self.too_late(Instant::now()) => Err(Flaw::Unreadable(RemoteError::Timeout)),
        }
    }

    fn note(&self, took: Duration, timeouts: &Timeouts) {
        let mut known = locked(&self.known);
        known.count += 1;
        known.longest = known.longest.max(took);
        if known.count * 2 >= self.servers && known.allowed.is_none() {
            let allowed = timeouts.in_company(known.longest, Duration::MAX).max(timeouts.read);
            known.allowed = Some(allowed);
            self.told.notify_waiters();
        }
    }

    async fn too_late(&self, began: Instant) {
        loop {
            let told = self.told.notified();
            let allowed = locked(&self.known).allowed;
            if let Some(allowed) = allowed {
                return sleep_until(began + allowed).await;
            }
            told.await;
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
