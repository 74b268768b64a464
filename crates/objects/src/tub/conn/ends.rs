//! When a link has had its time: told to go, on probation for too long, silent, or at a standstill.

use super::queue::Beat;
use super::{Conn, Leaving};
use crate::base::limits::{
    ALIVE_AFTER, CREDIT_TIME, FRAME_GRACE, FRAME_RATE_MIN, GOODBYE_TIME, IDLE_TIME,
    LINE_STALL_TIME, LOOK_EVERY, PING_AFTER, PING_AFTER_IN_USE, PING_EVERY, PONG_TIME,
    PROBATION_TIME,
};
use crate::link::Pool;
use crate::tub::frame::Reason;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// Waits until the link is told to go and has had its time to say so.
pub(super) async fn leave(conn: &Conn) {
    let mut leaving = conn.leaving.subscribe();
    let _ = leaving.wait_for(|leaving| *leaving >= Leaving::Soon).await;
    let at_once = leaving.wait_for(|leaving| *leaving == Leaving::AtOnce);
    if tokio::time::timeout(GOODBYE_TIME, at_once).await.is_ok() {
        // The writer's turn: a goodbye that need not wait for the peer still leaves.
        tokio::task::yield_now().await;
    }
}

/// Until a stranger's time is over.
pub(super) async fn probation(conn: &Conn) {
    tokio::time::sleep(PROBATION_TIME).await;
    if !conn.is_strange() {
        std::future::pending().await
    }
}

/// Pings a silent peer; gives up on a dead one, on one that lets no call leave, and on one that does
/// not bring what it began. Frees recycled buffers when nothing moves.
pub(super) async fn tick(conn: &Arc<Conn>, pool: Pool) -> Reason {
    let (mut waiting, mut silence) = (None, Silence::default());
    let mut pause = Duration::ZERO;
    loop {
        let slept = sleep(conn, pause).await;
        waiting = match (conn.queue.waiting(), waiting) {
            (Some(credit), Some((then, since))) if credit == then => Some((then, since)),
            (Some(credit), _) => Some((credit, Instant::now())),
            (None, _) => None,
        };
        if waiting.is_some_and(|(_, since)| since.elapsed() >= CREDIT_TIME) {
            conn.give_up_waiting();
            return Reason::Idle;
        }
        let Some(tub) = conn.tub.upgrade() else { return Reason::Shutdown };
        let now_ms = tub.now_ms();
        if conn.standing.frame_rate(now_ms, FRAME_GRACE).is_some_and(|rate| rate < FRAME_RATE_MIN) {
            return Reason::Idle;
        }
        let look = Look {
            now_ms,
            peer_ms: conn.heard_ms.load(Ordering::Relaxed),
            any_ms: tub.heard_ms.load(Ordering::Relaxed),
            in_use: conn.is_in_use(),
            ours: conn.initiated,
            under_way: conn.blocked.load(Ordering::Relaxed) || conn.queue.ping_waits(),
        };
        match silence.look(&look, slept > pause * 2 + LOOK_EVERY) {
            Verdict::Fine => {}
            Verdict::Ping => {
                if !look.in_use {
                    pool.trim();
                }
                conn.queue.push_beat(Beat::Ping);
            }
            Verdict::Dead => return Reason::Idle,
        }
        pause = silence.pause(&look);
    }
}

/// Sleeps until the link is to be looked at again, or a call is made on one that was at rest; answers how
/// long that was.
async fn sleep(conn: &Conn, pause: Duration) -> Duration {
    let began = Instant::now();
    conn.resting.store(pause > LOOK_EVERY, Ordering::SeqCst);
    if pause > LOOK_EVERY && !conn.is_in_use() {
        let _ = tokio::time::timeout(pause, conn.used.notified()).await;
    } else {
        tokio::time::sleep(pause.min(LOOK_EVERY)).await;
    }
    conn.resting.store(false, Ordering::SeqCst);
    began.elapsed()
}

/// What is seen of a link. Times are on the tub's clock.
struct Look {
    now_ms: u64,
    /// When something was last heard of this peer,
    peer_ms: u64,
    /// and of any.
    any_ms: u64,
    /// A call waits for its answer.
    in_use: bool,
    /// This side opened the link; whoever only answers loses little by waiting for a peer in a tunnel.
    ours: bool,
    /// What is written, a ping perhaps, has not left this machine.
    under_way: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Ping,
    Dead,
}

/// What was done about a peer's silence.
#[derive(Default)]
struct Silence {
    /// When a ping was last sent, or what had to be borne with began anew.
    pinged_ms: Option<u64>,
    /// It had not left when the link was last looked at.
    under_way: bool,
}

fn past(look: &Look, then_ms: u64, time: Duration) -> bool {
    u128::from(look.now_ms.saturating_sub(then_ms)) >= time.as_millis()
}

impl Silence {
    /// `absent`: this side has slept, and has not read what came meanwhile.
    fn look(&mut self, look: &Look, absent: bool) -> Verdict {
        let left = std::mem::replace(&mut self.under_way, look.under_way) && !look.under_way;
        if (absent || left) && self.unanswered(look).is_some() {
            self.pinged_ms = Some(look.now_ms);
        }
        if past(look, look.peer_ms, IDLE_TIME) || self.is_dead(look) {
            return Verdict::Dead;
        }
        let after = if look.in_use { PING_AFTER_IN_USE } else { PING_AFTER };
        // Who answers may be asked again no sooner than a peer must bear.
        let every = if self.unanswered(look).is_some() { PING_AFTER } else { PING_EVERY };
        if self.pinged_ms.is_none_or(|pinged_ms| past(look, pinged_ms, every))
            && past(look, look.peer_ms, after)
        {
            self.pinged_ms = Some(look.now_ms);
            return Verdict::Ping;
        }
        Verdict::Fine
    }

    /// When the ping was sent after which nothing was heard.
    fn unanswered(&self, look: &Look) -> Option<u64> {
        self.pinged_ms.filter(|pinged_ms| look.peer_ms < *pinged_ms)
    }

    /// Whether others were heard after a ping that this peer has not answered for long.
    fn is_dead(&self, look: &Look) -> bool {
        let after = if look.in_use { ALIVE_AFTER } else { Duration::ZERO };
        // What the line takes is a sign of life, too; a slow one may take nothing for some time.
        let time = if look.under_way { LINE_STALL_TIME } else { PONG_TIME };
        (look.in_use || look.ours)
            && self.unanswered(look).is_some_and(|pinged_ms| {
                let others = look.any_ms.checked_sub(pinged_ms);
                let alive = others.is_some_and(|ms| u128::from(ms) > after.as_millis());
                alive && past(look, pinged_ms, time)
            })
    }

    /// When to look again.
    fn pause(&self, look: &Look) -> Duration {
        if look.in_use {
            return LOOK_EVERY;
        }
        let due = match self.unanswered(look) {
            Some(pinged_ms) if !past(look, pinged_ms, PONG_TIME) => (pinged_ms, PONG_TIME),
            Some(pinged_ms) => (pinged_ms, PING_AFTER),
            None => (look.peer_ms, PING_AFTER),
        };
        let since = Duration::from_millis(look.now_ms.saturating_sub(due.0));
        due.1.saturating_sub(since).clamp(LOOK_EVERY, PING_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::Pings;
    use super::*;
    use crate::base::limits::PINGS_MAX;

    const HOUR_MS: u64 = 3_600_000;

    fn seen(now_ms: u64, (peer_ms, any_ms): (u64, u64), in_use: bool) -> Look {
        Look { now_ms, peer_ms, any_ms, in_use, ours: true, under_way: false }
    }

    /// What is done about a peer that was last heard at [`HOUR_MS`], looked at as a link is: seconds of its
    /// silence at which it was pinged, and at which it was dead. `others` says when any was last heard.
    fn silent(in_use: bool, others: impl Fn(u64) -> u64) -> (Vec<u64>, u64) {
        let (mut silence, mut pings, mut now_ms) = (Silence::default(), Vec::new(), HOUR_MS);
        loop {
            let look = seen(now_ms, (HOUR_MS, others(now_ms)), in_use);
            match silence.look(&look, false) {
                Verdict::Fine => {}
                Verdict::Ping => pings.push((now_ms - HOUR_MS) / 1_000),
                Verdict::Dead => return (pings, (now_ms - HOUR_MS) / 1_000),
            }
            now_ms += silence.pause(&look).as_millis() as u64;
        }
    }

    #[test]
    fn a_peer_is_dead_within_ten_seconds_in_use_and_thirty_at_rest_if_others_live() {
        assert_eq!(silent(true, |now_ms| now_ms - 500), (vec![2], 8));
        // At rest others are heard when they answer their own pings, which are sent at the same time.
        let pongs = |now_ms| HOUR_MS + (now_ms - HOUR_MS) / 20_000 * 20_000 + 50;
        assert_eq!(silent(false, pongs), (vec![20], 26));
    }

    #[test]
    fn where_nobody_is_heard_all_are_waited_for() {
        let (pings, dead) = silent(true, |_| HOUR_MS);
        assert_eq!(dead, IDLE_TIME.as_secs());
        assert!(
            pings.len() < PINGS_MAX as usize / 2 + 2,
            "{pings:?}: a peer that sleeps gets them all"
        );
        // The line broke within a second of the ping, and is back after forty.
        let back = |now_ms| if now_ms > HOUR_MS + 40_000 { now_ms } else { HOUR_MS + 2_900 };
        let (_, dead) = silent(true, back);
        assert!((41..=50).contains(&dead), "{dead}: this one stays silent");
    }

    #[test]
    fn who_only_answers_waits_for_a_peer_in_a_tunnel() {
        let mut silence = Silence::default();
        for second in 1..IDLE_TIME.as_secs() {
            let now_ms = HOUR_MS + second * 1_000;
            let look = Look { ours: false, ..seen(now_ms, (HOUR_MS, now_ms), false) };
            assert_ne!(silence.look(&look, false), Verdict::Dead, "after {second} seconds");
        }
    }

    #[test]
    fn a_ping_that_has_not_left_has_more_time() {
        let look = |second: u64, under_way| {
            let now_ms = HOUR_MS + second * 1_000;
            Look { under_way, ..seen(now_ms, (HOUR_MS - 1, now_ms), true) }
        };
        for (left_after, wanted) in [(19, 25), (60, 20)] {
            let mut silence = Silence { pinged_ms: Some(HOUR_MS), under_way: false };
            let dead = (1..100).find(|second| {
                let look = look(*second, *second < left_after);
                silence.look(&look, false) == Verdict::Dead
            });
            assert_eq!(dead, Some(wanted), "left after {left_after} seconds");
        }
    }

    #[test]
    fn an_answer_within_the_same_millisecond_is_one() {
        let mut silence = Silence { pinged_ms: Some(HOUR_MS), ..Silence::default() };
        let look = seen(HOUR_MS + 7_000, (HOUR_MS, HOUR_MS + 7_000), true);
        assert_ne!(silence.look(&look, false), Verdict::Dead);
    }

    #[test]
    fn whoever_answers_at_once_is_asked_no_more_often_than_it_bears() {
        let (mut silence, mut peer_ms) = (Silence::default(), HOUR_MS);
        let mut borne = Pings::new(HOUR_MS);
        for second in 1..1_000 {
            let now_ms = HOUR_MS + second * 1_000;
            match silence.look(&seen(now_ms, (peer_ms, now_ms), true), false) {
                Verdict::Fine => {}
                Verdict::Ping => {
                    borne.take(now_ms).unwrap();
                    peer_ms = now_ms;
                }
                Verdict::Dead => panic!("after {second} seconds"),
            }
        }
    }

    #[test]
    fn whoever_slept_listens_before_it_judges() {
        let mut silence = Silence { pinged_ms: Some(HOUR_MS + 1), ..Silence::default() };
        let now_ms = HOUR_MS + 60_000;
        assert_eq!(silence.look(&seen(now_ms, (HOUR_MS, now_ms), true), true), Verdict::Fine);
        let now_ms = now_ms + 6_000;
        assert_eq!(silence.look(&seen(now_ms, (HOUR_MS, now_ms), true), false), Verdict::Dead);
    }
}
