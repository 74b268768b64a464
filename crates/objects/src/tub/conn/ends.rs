//! When a link has had its time: told to go, on probation for too long, silent, or at a standstill.

use super::queue::Beat;
use super::{Conn, Leaving};
use crate::base::limits::{
    CREDIT_TIME, FRAME_GRACE, FRAME_RATE_MIN, GOODBYE_TIME, IDLE_TIME, PING_AFTER, PROBATION_TIME,
};
use crate::link::Pool;
use crate::tub::frame::Reason;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    loop {
        tokio::time::sleep(PING_AFTER).await;
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
        let silence = now_ms.saturating_sub(conn.heard_ms.load(Ordering::Relaxed));
        if u128::from(silence) >= IDLE_TIME.as_millis() {
            return Reason::Idle;
        }
        if u128::from(silence) >= PING_AFTER.as_millis() {
            pool.trim();
            conn.queue.push_beat(Beat::Ping);
        }
    }
}
