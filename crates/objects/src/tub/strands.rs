//! The strands of a link over a long line: further streams to the same peer, which are dialled once the link
//! is to move much. See [`Braid`] for what they are good for.
//!
//! A strand begins with a handshake of its own, so both ends are sure whose it is; then it carries runs of
//! the link that it says it belongs to. Whoever does not take a strand ends it, and the link does without.

use super::carrier::Carrier;
use super::codec;
use super::conn::Conn;
use super::frame::{BRAIDED, BRAIDS, Hello, JOINED, STRAND};
use super::furl::{Hint, TubId};
use super::inner::TubInner;
use super::network::BoxStream;
use crate::base::limits::{BRAID_ROUND_TRIP, HANDSHAKE_TIME, STRANDS_MAX, STRANDS_WORTH};
use crate::link::{Braid, Established, initiate};
use futures_util::future::join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// A link's own side of its strands.
pub(super) struct Strands {
    /// Of the link's handshake: by it the peer finds what another strand belongs to.
    number: u64,
    joining: UnboundedSender<BoxStream>,
    /// Strands that may still join.
    room: AtomicUsize,
    wanted: Notify,
}

impl Strands {
    /// Notes that the link is to move so many bytes at once.
    pub(super) fn expect(&self, bytes: usize) {
        if bytes >= STRANDS_WORTH {
            self.wanted.notify_one();
        }
    }

    /// Whether one more may join; it then has to.
    fn take_room(&self) -> bool {
        let less = |room: usize| room.checked_sub(1);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// The stream of a new link, and what others join it by if there may be more.
pub(super) fn weave(stream: BoxStream, number: u64, braided: bool) -> (BoxStream, Option<Strands>) {
    if !braided {
        return (stream, None);
    }
    let (joining, joined) = unbounded_channel();
    let room = AtomicUsize::new(STRANDS_MAX - 1);
    let strands = Strands { number, joining, room, wanted: Notify::new() };
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
    let closed = conn.closed();
    tokio::select! {
        biased;
        () = closed.wait() => return,
        () = strands.wanted.notified() => {}
    }
    let Some(tub) = tub.upgrade() else { return };
    let one = || async {
        let stream =
            timeout(HANDSHAKE_TIME, dial_one(&tub, conn.peer(), strands.number, &hint)).await;
        if let Ok(Some(stream)) = stream {
            let _ = strands.joining.send(stream);
        }
    };
    join_all((1..STRANDS_MAX).map(|_| one())).await;
}

async fn dial_one(tub: &TubInner, peer: TubId, number: u64, hint: &Hint) -> Option<BoxStream> {
    let mut stream = tub.options.network.dial(hint).await.ok()?;
    let hello = Hello { incarnation: number, features: STRAND, ..tub.hello.clone() };
    let hello = codec::encoded(&hello).ok()?;
    let keys = tub.identity.keys();
    initiate(&mut stream, keys, (tub.options.suite, &peer.0), || hello).await.ok()?;
    (stream.read_u8().await.ok()? == JOINED).then_some(stream)
}

/// Whether what a peer opened is a strand.
pub(super) const fn is_strand(hello: &Hello) -> bool {
    hello.features & STRAND != 0
}

/// Adds a strand that a peer opened to its link, if there is one that has room.
pub(super) async fn join(
    tub: &TubInner,
    mut stream: BoxStream,
    established: &Established,
    hello: &Hello,
) {
    let links = tub.peers.links(TubId(established.peer));
    let link = links.iter().find_map(|conn| {
        let strands = conn.strands.as_ref()?;
        (strands.number == hello.incarnation && !conn.is_strange()).then_some(strands)
    });
    let Some(strands) = link.filter(|strands| strands.take_room()) else { return };
    if stream.write_u8(JOINED).await.is_ok() {
        let _ = strands.joining.send(stream);
    }
}
