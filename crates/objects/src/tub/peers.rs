//! Which connections a tub has, and who waits for one.

use super::carrier::Carrier;
use super::conn::Conn;
use super::error::RemoteError;
use super::frame::Reason;
use super::furl::TubId;
use crate::base::limits::{FRAME_HURRY, LINKS_PER_TUB_MAX};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

type Waiter = oneshot::Sender<Result<Arc<Conn>, RemoteError>>;

#[derive(Default)]
struct Peer {
    /// The connection that new calls use.
    live: Option<Arc<Conn>>,
    /// All open connections, the live one included.
    links: Vec<Arc<Conn>>,
    dialling: bool,
    waiting: Vec<Waiter>,
}

/// What to do for somebody who wants a connection.
pub(super) enum Want {
    Have(Arc<Conn>),
    /// Somebody dials already.
    Wait(oneshot::Receiver<Result<Arc<Conn>, RemoteError>>),
    /// Dial, then call [`Peers::dialled`].
    Dial(oneshot::Receiver<Result<Arc<Conn>, RemoteError>>),
}

/// What to do with a connection that a peer has opened.
pub(super) enum Arrival {
    Keep,
    /// Our own attempt to reach the same peer goes first.
    Duplicate,
    /// The peer has too many links, or the tub is going away.
    Refuse,
}

#[derive(Default)]
pub(super) struct Peers {
    table: Mutex<HashMap<TubId, Peer>>,
    closed: AtomicBool,
}

impl Peers {
    fn lock(&self) -> MutexGuard<'_, HashMap<TubId, Peer>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn live(&self, peer: TubId) -> Option<Arc<Conn>> {
        self.lock().get(&peer)?.live.clone().filter(|conn| conn.is_open())
    }

    /// All open connections to a peer.
    pub(super) fn links(&self, peer: TubId) -> Vec<Arc<Conn>> {
        self.lock().get(&peer).map(|peer| peer.links.clone()).unwrap_or_default()
    }

    pub(super) fn connected(&self) -> Vec<TubId> {
        let table = self.lock();
        let open = |peer: &Peer| peer.live.as_ref().is_some_and(|conn| conn.is_open());
        table.iter().filter(|(_, peer)| open(peer)).map(|(id, _)| *id).collect()
    }

    pub(super) fn want(&self, id: TubId) -> Want {
        let mut table = self.lock();
        let peer = table.entry(id).or_default();
        if let Some(conn) = peer.live.clone().filter(|conn| conn.is_open()) {
            return Want::Have(conn);
        }
        let (send, receive) = oneshot::channel();
        peer.waiting.push(send);
        if std::mem::replace(&mut peer.dialling, true) {
            Want::Wait(receive)
        } else {
            Want::Dial(receive)
        }
    }

    /// Ends a dial: with a connection, or with none.
    pub(super) fn dialled(&self, id: TubId, outcome: Result<Arc<Conn>, RemoteError>) {
        let mut table = self.lock();
        let peer = table.entry(id).or_default();
        peer.dialling = false;
        peer.links.extend(outcome.clone());
        let outcome = match (outcome, peer.live.clone().filter(|conn| conn.is_open())) {
            // A connection of the peer's arrived while ours was made or failed.
            (_, Some(live)) => Ok(live),
            (Ok(conn), None) => {
                peer.live = Some(conn.clone());
                Ok(conn)
            }
            (Err(error), None) => Err(error),
        };
        let waiting = std::mem::take(&mut peer.waiting);
        if peer.links.is_empty() {
            table.remove(&id);
        }
        drop(table);
        for waiter in waiting {
            let _ = waiter.send(outcome.clone());
        }
    }

    /// Decides on a connection that the peer `conn.peer()` opened to us, whose id is `own`.
    ///
    /// Of two crossing connections the one that the higher id dials stays. A peer that was
    /// restarted, or that dials although our link to it stands, has lost that link: the new one
    /// takes its place.
    pub(super) fn arrived(&self, conn: &Arc<Conn>, own: TubId) -> Arrival {
        let mut table = self.lock();
        if self.closed.load(Ordering::Relaxed) {
            return Arrival::Refuse;
        }
        let peer = table.entry(conn.peer()).or_default();
        peer.links.retain(|link| link.is_open());
        let crossing = peer.dialling
            || peer.live.as_ref().is_some_and(|live| {
                live.is_open()
                    && live.initiated()
                    && !live.is_confirmed()
                    && live.incarnation() == conn.incarnation()
            });
        if crossing && own > conn.peer() {
            return Arrival::Duplicate;
        }
        if peer.links.len() >= LINKS_PER_TUB_MAX {
            let oldest = peer.links.remove(0);
            oldest.evict(Reason::Duplicate);
        }
        peer.links.push(conn.clone());
        peer.live = Some(conn.clone());
        let waiting = std::mem::take(&mut peer.waiting);
        drop(table);
        for waiter in waiting {
            let _ = waiter.send(Ok(conn.clone()));
        }
        Arrival::Keep
    }

    pub(super) fn forget(&self, conn: &Arc<Conn>) {
        let mut table = self.lock();
        let Some(peer) = table.get_mut(&conn.peer()) else { return };
        peer.links.retain(|link| !Arc::ptr_eq(link, conn));
        if peer.live.as_ref().is_some_and(|live| Arc::ptr_eq(live, conn)) {
            peer.live = peer.links.last().cloned();
        }
        if peer.links.is_empty() && !peer.dialling && peer.waiting.is_empty() {
            table.remove(&conn.peer());
        }
    }

    /// Makes room for one more stranger, of whom there may be `max`: the one goes from whom nothing
    /// was heard for longest.
    pub(super) fn make_room(&self, max: usize) {
        self.evict(max.saturating_sub(1), Conn::is_strange, |conn| Some(heard(conn)));
    }

    /// Keeps those that are known within `max` now that `newest` is one of them. Links that this tub
    /// has opened count, and stay.
    pub(super) fn keep_within(&self, max: usize, newest: &Conn) {
        let may_go = |conn: &Conn| !conn.initiated() && !std::ptr::eq(conn, newest);
        let idle = |conn: &Conn| may_go(conn).then(|| heard(conn));
        self.evict(max, |conn| !conn.is_strange(), idle);
    }

    /// Ends the link whose frame under way comes slowest, if that has begun long enough ago.
    pub(super) fn evict_slowest(&self, now_ms: u64) {
        let rate = |conn: &Conn| conn.standing.charged_rate(now_ms, FRAME_HURRY);
        self.evict(0, |_| true, rate);
    }

    /// If there are more than `max` links of a kind, ends that of the lowest rank; one without a rank
    /// stays.
    fn evict(&self, max: usize, kind: impl Fn(&Conn) -> bool, rank: impl Fn(&Conn) -> Option<u64>) {
        let lowest = {
            let table = self.lock();
            let links = table.values().flat_map(|peer| &peer.links);
            let links: Vec<_> = links.filter(|conn| kind(conn)).collect();
            let ranked = links.iter().filter_map(|conn| Some((rank(conn)?, *conn)));
            let lowest = ranked.min_by_key(|(rank, _)| *rank).map(|(_, conn)| conn.clone());
            lowest.filter(|_| links.len() > max)
        };
        if let Some(lowest) = lowest {
            // Forgotten first: the next arrival must find another one.
            self.forget(&lowest);
            lowest.evict(Reason::Idle);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn shutdown(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for peer in self.lock().values() {
            for link in &peer.links {
                link.close(Reason::Shutdown);
            }
        }
    }
}

/// When something was last heard from a peer.
fn heard(conn: &Conn) -> u64 {
    conn.heard_ms.load(Ordering::Relaxed)
}
