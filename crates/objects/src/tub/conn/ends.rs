//! When a link has had its time: told to go, on probation for too long, silent, or at a standstill.

use super::queue::Beat;
use super::{Conn, Leaving};
use crate::base::limits::{
    ALIVE_TIME, CREDIT_TIME, FRAME_GRACE, FRAME_RATE_MIN, GOODBYE_TIME, IDLE_TIME, LOOK_EVERY,
    PING_AFTER, PING_AFTER_IN_USE, PING_EVERY, PONG_TIME, PROBATION_TIME,
};
use crate::link::Pool;
use crate::tub::frame::Reason;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    let mut waiting = None;
    let mut silence = Silence::default();
    loop {
        let [in_use, at_rest] = LOOK_EVERY;
        tokio::time::sleep(if conn.is_in_use() { in_use } else { at_rest }).await;
        waiting = match (conn.queue.waiting(), waiting) {
            (Some(moves), Some((then, since))) if moves == then => Some((then, since)),
            (Some(moves), _) => Some((moves, Instant::now())),
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
        let heard = Heard { peer_ms: heard_ms(&conn.heard_ms), any_ms: heard_ms(&tub.heard_ms) };
        match silence.look(now_ms, &heard, conn.is_in_use()) {
            Verdict::Fine => {}
            Verdict::Ping => {
                pool.trim();
                conn.queue.push_beat(Beat::Ping);
            }
            Verdict::Dead => return Reason::Idle,
        }
    }
}

fn heard_ms(clock: &AtomicU64) -> u64 {
    clock.load(Ordering::Relaxed)
}

/// When, on the tub's clock, something was last heard
struct Heard {
    /// of this peer,
    peer_ms: u64,
    /// and of any.
    any_ms: u64,
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
    /// When a ping was last sent.
    pinged_ms: Option<u64>,
    /// Nothing was heard after it.
    unanswered: bool,
    /// When it was the last time that it was looked at.
    looked_ms: u64,
}

impl Silence {
    fn look(&mut self, now_ms: u64, heard: &Heard, in_use: bool) -> Verdict {
        let past = |then_ms: u64, time: Duration| {
            u128::from(now_ms.saturating_sub(then_ms)) >= time.as_millis()
        };
        // Stopped, or asleep: what came meanwhile has not been read yet.
        let [_, at_rest] = LOOK_EVERY;
        let absent = past(self.looked_ms, at_rest * 2);
        self.looked_ms = now_ms;
        if absent || self.pinged_ms.is_some_and(|pinged_ms| heard.peer_ms >= pinged_ms) {
            self.unanswered = false;
        }
        let since_ping = |time| self.pinged_ms.is_none_or(|pinged_ms| past(pinged_ms, time));
        let others_live = !past(heard.any_ms, ALIVE_TIME);
        let unanswered = self.unanswered && since_ping(PONG_TIME);
        if past(heard.peer_ms, IDLE_TIME) || (unanswered && others_live) {
            return Verdict::Dead;
        }
        let after = if in_use { PING_AFTER_IN_USE } else { PING_AFTER };
        // Who answers may be asked again no sooner than a peer must bear.
        let due = since_ping(if self.unanswered { PING_AFTER } else { PING_EVERY });
        if due && past(heard.peer_ms, after) {
            (self.pinged_ms, self.unanswered) = (Some(now_ms), true);
            return Verdict::Ping;
        }
        Verdict::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::Pings;
    use super::*;
    use crate::base::limits::PINGS_MAX;

    const HOUR_MS: u64 = 3_600_000;

    /// What is done about a peer that was last heard at [`HOUR_MS`], looked at every second: seconds of
    /// its silence at which it was pinged, and at which it was dead.
    fn silent(in_use: bool, others: impl Fn(u64) -> u64) -> (Vec<u64>, u64) {
        let mut silence = Silence { looked_ms: HOUR_MS, ..Silence::default() };
        let mut pings = Vec::new();
        for second in 1.. {
            let now_ms = HOUR_MS + second * 1_000;
            let heard = Heard { peer_ms: HOUR_MS, any_ms: others(now_ms) };
            match silence.look(now_ms, &heard, in_use) {
                Verdict::Fine => {}
                Verdict::Ping => pings.push(second),
                Verdict::Dead => return (pings, second),
            }
        }
        unreachable!()
    }

    #[test]
    fn a_peer_is_dead_within_ten_seconds_in_use_and_thirty_at_rest_if_others_live() {
        let alive = |now_ms| now_ms - 500;
        assert_eq!(silent(true, alive), (vec![2], 8));
        assert_eq!(silent(false, alive), (vec![20], 26));
    }

    #[test]
    fn where_nobody_is_heard_all_are_waited_for() {
        let (pings, dead) = silent(true, |_| HOUR_MS);
        assert_eq!(dead, IDLE_TIME.as_secs());
        assert!(
            pings.len() < PINGS_MAX as usize / 2 + 2,
            "{pings:?}: a peer that sleeps gets them all"
        );
        let back = |now_ms| if now_ms > HOUR_MS + 40_000 { now_ms } else { HOUR_MS };
        assert_eq!(silent(true, back).1, 41, "the line is back, and this one stays silent");
    }

    #[test]
    fn whoever_answers_lives() {
        let mut silence = Silence { looked_ms: HOUR_MS, ..Silence::default() };
        for second in 1..1_000 {
            let now_ms = HOUR_MS + second * 1_000;
            let heard = Heard { peer_ms: now_ms - 5_000, any_ms: now_ms };
            assert_ne!(silence.look(now_ms, &heard, true), Verdict::Dead);
        }
    }

    #[test]
    fn an_answer_within_the_same_millisecond_is_one() {
        let mut silence =
            Silence { looked_ms: HOUR_MS, pinged_ms: Some(HOUR_MS), unanswered: true };
        let heard = Heard { peer_ms: HOUR_MS, any_ms: HOUR_MS + 7_000 };
        assert_ne!(silence.look(HOUR_MS + 7_000, &heard, true), Verdict::Dead);
    }

    #[test]
    fn whoever_answers_at_once_is_asked_no_more_often_than_it_bears() {
        let mut silence = Silence { looked_ms: HOUR_MS, ..Silence::default() };
        let (mut borne, mut peer_ms) = (Pings::new(HOUR_MS), HOUR_MS);
        for second in 1..1_000 {
            let now_ms = HOUR_MS + second * 1_000;
            let heard = Heard { peer_ms, any_ms: now_ms };
            match silence.look(now_ms, &heard, true) {
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
        let mut silence =
            Silence { looked_ms: HOUR_MS, pinged_ms: Some(HOUR_MS), unanswered: true };
        let now_ms = HOUR_MS + 60_000;
        let heard = Heard { peer_ms: HOUR_MS, any_ms: now_ms };
        assert_eq!(silence.look(now_ms, &heard, true), Verdict::Ping);
        let heard = Heard { peer_ms: HOUR_MS, any_ms: now_ms + 7_000 };
        assert_eq!(silence.look(now_ms + 7_000, &heard, true), Verdict::Dead);
    }
}
