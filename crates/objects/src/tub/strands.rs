//! The strands of a link over a long line: further streams to the same peer, which are dialled once the link
//! is to move much. See [`Braid`] for what they are good for.
//!
//! ```text
//! initiator                                   responder
//! handshake of its own: both are sure whose it is, and of which link
//!                                      ←      JOINED: there is room
//! JOINED: it is part of the link       →
//! runs                                 ↔      runs
//! ```
//! Neither sends a run before the other is sure to have it. Whoever does not take a strand ends it, and the
//! link does without.

use super::carrier::Carrier;
use super::conn::Conn;
use super::frame::{BRAIDED, BRAIDS, Hello, JOINED, STRAND};
use super::furl::{Hint, TubId};
use super::inner::TubInner;
use super::network::BoxStream;
use crate::base::limits::{
    BRAID_ROUND_TRIP, HANDSHAKE_TIME, STRAND_TIME, STRANDS_MAX, STRANDS_WORTH,
};
use crate::link::{Braid, Established, initiate};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// Strands of a link beyond its first.
const FURTHER: usize = STRANDS_MAX - 1;

/// A link's own side of its strands.
pub(super) struct Strands {
    /// Of the link's handshake: by it the peer finds what another strand belongs to.
    number: u64,
    joining: UnboundedSender<BoxStream>,
    /// Strands that may still join.
    room: AtomicUsize,
    /// Those of all links of the tub that peers have added.
    all: Arc<AtomicUsize>,
    wanted: Notify,
}

impl Strands {
    /// Notes that the link is to move so many bytes at once.
    pub(super) fn expect(&self, bytes: usize) {
        if bytes >= STRANDS_WORTH {
            self.wanted.notify_one();
        }
    }

    /// Whether a peer may add one more, of so many to all links of the tub.
    fn take_room(&self, most: usize) -> bool {
        let less = |room: usize| room.checked_sub(1);
        let more = |all: usize| (all < most).then_some(all + 1);
        if self.room.fetch_update(Relaxed, Relaxed, less).is_err() {
            return false;
        }
        if self.all.fetch_update(Relaxed, Relaxed, more).is_err() {
            self.room.fetch_add(1, Relaxed);
            return false;
        }
        true
    }

    /// The one that had room did not join.
    fn give_room_back(&self) {
        self.all.fetch_sub(1, Relaxed);
        self.room.fetch_add(1, Relaxed);
    }
}

impl Drop for Strands {
    fn drop(&mut self) {
        self.all.fetch_sub(FURTHER - self.room.load(Relaxed), Relaxed);
    }
}

/// The stream of a new link, and what others join it by if there may be more.
pub(super) fn weave(
    tub: &TubInner,
    stream: BoxStream,
    number: u64,
    braided: bool,
) -> (BoxStream, Option<Strands>) {
    if !braided {
        return (stream, None);
    }
    let (joining, joined) = unbounded_channel();
    let room = AtomicUsize::new(FURTHER);
    let strands =
        Strands { number, joining, room, all: tub.strands.clone(), wanted: Notify::new() };
    (Box::new(Braid::new(stream, joined)), Some(strands))
}

/// What an initiator says to a responder that answered after `round_trip`.
pub(super) fn greeting(own: &Hello, round_trip: Duration) -> Hello {
    let braided = if round_trip >= BRAID_ROUND_TRIP { BRAIDED } else { 0 };
    Hello { features: own.features | braided, ..own.clone() }
}

/// Whether a link is a braid: its initiator has said so, and its responder understands it.
pub(super) fn is_braided(initiator: &Hello, responder: &Hello) -> bool {
    initiator.features & BRAIDED != 0 && responder.features & BRAIDS != 0
}

/// Dials the strands of a link that this tub has opened, as soon as they are worth it.
pub(super) async fn dial(tub: Weak<TubInner>, conn: Arc<Conn>, hint: Hint) {
    let Some(strands) = &conn.strands else { return };
    tokio::select! {
        biased;
        () = conn.closed().wait() => return,
        () = strands.wanted.notified() => {}
    }
    let Some(tub) = tub.upgrade() else { return };
    let one = || async {
        let dialled = dial_one(&tub, conn.peer(), strands.number, &hint);
        match timeout(HANDSHAKE_TIME, dialled).await {
            Ok(Some(stream)) => drop(strands.joining.send(stream)),
            _ => tracing::debug!(peer = %conn.peer(), %hint, "no further strand"),
        }
    };
    tokio::select! {
        biased;
        () = conn.closed().wait() => {}
        _ = join_all((0..FURTHER).map(|_| one())) => {}
    }
}

async fn dial_one(tub: &TubInner, peer: TubId, number: u64, hint: &Hint) -> Option<BoxStream> {
    let mut stream = tub.options.network.dial(hint).await.ok()?;
    let hello = Hello { incarnation: number, features: STRAND, ..tub.hello.clone() };
    let keys = tub.identity.keys();
    initiate(&mut stream, keys, (tub.options.suite, &peer.0), || hello.encoded()).await.ok()?;
    let has_room = stream.read_u8().await.ok()? == JOINED;
    stream.write_u8(JOINED).await.ok().filter(|()| has_room)?;
    Some(stream)
}

/// Whether what a peer opened is a strand.
pub(super) const fn is_strand(hello: &Hello) -> bool {
    hello.features & STRAND != 0
}

/// Adds a strand that a peer opened to its link, if there is one that has room.
pub(super) async fn join(
    tub: Arc<TubInner>,
    mut stream: BoxStream,
    established: Established,
    hello: Hello,
) {
    let links = tub.peers.links(TubId(established.peer));
    let mine = |conn: &&Arc<Conn>| {
        let strands = conn.strands.as_ref();
        strands.is_some_and(|strands| strands.number == hello.incarnation) && !conn.is_strange()
    };
    let conn = links.iter().find(mine).cloned();
    let most = tub.options.limits.links;
    drop((links, tub));
    let Some((conn, strands)) = conn.as_ref().and_then(|conn| Some((conn, conn.strands.as_ref()?)))
    else {
        return tracing::debug!("a strand of no link");
    };
    if !strands.take_room(most) {
        return tracing::debug!(peer = %conn.peer(), "a strand too many");
    }
    let agreed = async {
        stream.write_u8(JOINED).await?;
        stream.read_u8().await
    };
    tokio::select! {
        biased;
        () = conn.closed().wait() => {}
        agreed = timeout(STRAND_TIME, agreed) => match agreed {
            Ok(Ok(JOINED)) => drop(strands.joining.send(stream)),
            _ => strands.give_room_back(),
        },
    }
}
