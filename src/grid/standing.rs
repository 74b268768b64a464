//! What is remembered of a server for some minutes: that it kept others waiting, or lied.
//!
//! Such a server is asked last and not waited for while the others suffice; where they do not it has
//! all the time that any server has. Lateness is kept apart by what was asked, because a server may be
//! quick to say what it has and never take a share. An answer in time ends it, except for a lie, which
//! takes its time. Nothing here survives the program.

use crate::base::limits::{LATE_TIME, LATE_TIME_MAX, LIE_TIME};
use crate::base::lock::locked;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::time::Instant;

/// What servers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// To say what they have and take.
    List,
    /// To take and keep shares and leases.
    Store,
    /// To give what they have.
    Read,
}

const DUTIES: usize = 3;

/// How well a server behaves. Clones are of the same server.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    late: [Lateness; DUTIES],
    lied_until: Option<Instant>,
}

#[derive(Debug, Default)]
struct Lateness {
    until: Option<Instant>,
    /// How often in a row.
    times: u32,
}

impl Standing {
    fn record(&self) -> MutexGuard<'_, Record> {
        locked(&self.0)
    }

    /// It kept others waiting. Who is late while that is remembered is not asked later for it.
    pub fn note_late(&self, duty: Duty) {
        self.record().of(duty).begin(Instant::now());
    }

    /// It answered in time.
    pub fn note_prompt(&self, duty: Duty) {
        *self.record().of(duty) = Lateness::default();
    }

    /// It said that it had what it did not have, or gave something else for it.
    pub fn note_lie(&self) {
        self.record().lied_until = Some(Instant::now() + LIE_TIME);
    }

    pub fn is_late(&self, duty: Duty) -> bool {
        self.record().of(duty).holds(Instant::now())
    }

    pub fn has_lied(&self) -> bool {
        self.record().lied_until.is_some_and(|until| until > Instant::now())
    }

    /// Whether nothing is remembered that would make a difference now.
    pub fn is_good(&self) -> bool {
        let now = Instant::now();
        !self.has_lied() && !self.record().late.iter().any(|late| late.holds(now))
    }

    /// Who is asked first for `duties`: the lowest.
    pub fn rank(&self, duties: &[Duty]) -> u8 {
        match duties.iter().any(|&duty| self.is_late(duty)) {
            _ if self.has_lied() => 2,
            late => late.into(),
        }
    }
}

impl Record {
    fn of(&mut self, duty: Duty) -> &mut Lateness {
        let [list, store, read] = &mut self.late;
        match duty {
            Duty::List => list,
            Duty::Store => store,
            Duty::Read => read,
        }
    }
}

impl Lateness {
    fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    fn begin(&mut self, now: Instant) {
        if !self.holds(now) {
            let longer = 2_u32.saturating_pow(self.times);
            self.until = Some(now + LATE_TIME.saturating_mul(longer).min(LATE_TIME_MAX));
            self.times = self.times.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn paused() -> Standing {
        tokio::time::pause();
        Standing::default()
    }

    #[actix_rt::test]
    async fn lateness_is_remembered_for_its_time_and_for_its_duty_only() {
        let standing = paused();
        standing.note_late(Duty::Store);
        assert!(standing.is_late(Duty::Store) && !standing.is_late(Duty::List));
        assert_eq!(
            (standing.rank(&[Duty::List]), standing.rank(&[Duty::List, Duty::Store])),
            (0, 1)
        );
        tokio::time::advance(LATE_TIME - MS).await;
        standing.note_late(Duty::Store);
        assert!(standing.is_late(Duty::Store) && !standing.is_good());
        tokio::time::advance(MS).await;
        assert!(!standing.is_late(Duty::Store) && standing.is_good(), "it was not made longer");
    }

    #[actix_rt::test]
    async fn who_is_late_again_and_again_is_remembered_longer_up_to_a_bound() {
        let standing = paused();
        let mut time = LATE_TIME;
        for _ in 0..10 {
            standing.note_late(Duty::Read);
            tokio::time::advance(time - MS).await;
            assert!(standing.is_late(Duty::Read), "{time:?}");
            tokio::time::advance(MS).await;
            assert!(!standing.is_late(Duty::Read), "{time:?}");
            time = (time * 2).min(LATE_TIME_MAX);
        }
        assert_eq!(time, LATE_TIME_MAX);
        standing.note_prompt(Duty::Read);
        standing.note_late(Duty::Read);
        tokio::time::advance(LATE_TIME).await;
        assert!(!standing.is_late(Duty::Read), "an answer in time makes up for all that");
    }

    #[actix_rt::test]
    async fn an_answer_in_time_ends_lateness_and_no_lie() {
        let standing = paused();
        standing.note_late(Duty::List);
        standing.note_lie();
        standing.note_prompt(Duty::List);
        assert!(!standing.is_late(Duty::List) && standing.has_lied());
        tokio::time::advance(LIE_TIME - MS).await;
        assert_eq!(standing.rank(&[]), 2);
        tokio::time::advance(MS).await;
        assert!(!standing.has_lied() && standing.is_good());
    }
}
