//! Taking links in. A flood of half-open handshakes pushes out the oldest of its own, so that a
//! friend who knows the key still gets through.

use super::codec;
use super::conn::{Conn, Wires, drive};
use super::frame::{Head, Hello, Reason};
use super::furl::TubId;
use super::network::{BoxStream, Listener};
use super::peers::Arrival;
use super::tub::{Tub, TubInner};
use crate::base::limits::HANDSHAKE_TIME;
use crate::link::{Established, respond};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Pause after a failed accept, so that a lack of file handles does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts streams until the tub is dropped or shut down.
pub(super) fn serve(tub: &Tub, listener: Listener) {
    let weak = Arc::downgrade(&tub.0);
    tub.arbiter().spawn_fn(move || {
        actix_rt::spawn(accept_all(weak, listener));
    });
}

async fn accept_all(tub: Weak<TubInner>, mut listener: Listener) {
    let mut halfway: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = listener.accept().await;
        let Some(tub) = tub.upgrade() else { return };
        if tub.peers.is_closed() {
            return;
        }
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                drop(tub);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        halfway.retain(|handle| !handle.is_finished());
        if halfway.len() >= tub.options.limits.handshakes
            && let Some(oldest) = halfway.pop_front()
        {
            oldest.abort();
        }
        halfway.push_back(actix_rt::spawn(shake_hands(tub, stream)).abort_handle());
    }
}

/// The handshake; ends when the link is handed to a task of its own.
async fn shake_hands(tub: Arc<TubInner>, mut stream: BoxStream) {
    let handshake = respond(&mut stream, tub.identity.keys(), &tub.hello);
    let established = match tokio::time::timeout(HANDSHAKE_TIME, handshake).await {
        Ok(Ok(established)) => established,
        Ok(Err(error)) => return tracing::debug!(%error, "refused a link"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let Ok(hello) = codec::decode::<Hello>(&established.hello) else { return };
    actix_rt::spawn(welcome(tub, stream, established, hello));
}

async fn welcome(tub: Arc<TubInner>, stream: BoxStream, established: Established, hello: Hello) {
    if tub.peers.count() >= tub.options.limits.links {
        tub.peers.evict_idlest();
    }
    let conn = Conn::new(&tub, TubId(established.peer), hello, false);
    match tub.peers.arrived(&conn, tub.identity.tub_id()) {
        Arrival::Keep => conn.send(&Head::Accepted),
        Arrival::Duplicate => conn.close(Reason::Duplicate),
        Arrival::Refuse => conn.close(Reason::Shutdown),
    }
    drop(tub);
    let (reader, writer) = tokio::io::split(stream);
    let wires =
        Wires { reader: Box::new(reader), writer: Box::new(writer), records: established.records };
    drive(conn, wires).await;
}
