//! Taking links in. A flood of sockets pushes out its own: first the oldest of those that have not said
//! what every initiator says at once, so that a friend who knows the key still gets through.

use super::codec;
use super::conn::{Conn, Wires, drive};
use super::frame::{Hello, Reason};
use super::furl::TubId;
use super::inner::TubInner;
use super::network::{BoxStream, Listener};
use super::peers::Arrival;
use super::strands;
use crate::base::limits::HANDSHAKE_TIME;
use crate::link::{Established, LinkError, greeted};
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::task::AbortHandle;

/// Pause after a failed accept, so that a lack of file handles does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts streams until the tub is dropped or shut down.
pub(super) fn serve(tub: &Arc<TubInner>, listener: Box<dyn Listener>) {
    let weak = Arc::downgrade(tub);
    tub.arbiter().spawn_fn(move || {
        actix_rt::spawn(accept_all(weak, listener));
    });
}

/// Handshakes under way, the oldest first.
#[derive(Default)]
struct Halfway(VecDeque<(AbortHandle, Rc<Cell<bool>>)>);

impl Halfway {
    /// Ends one handshake if there are as many as `max`.
    fn make_room(&mut self, max: usize) {
        self.0.retain(|(handle, _)| !handle.is_finished());
        if self.0.len() < max {
            return;
        }
        let silent = self.0.iter().position(|(_, greeted)| !greeted.get());
        if let Some((handle, _)) = self.0.remove(silent.unwrap_or(0)) {
            handle.abort();
        }
    }

    fn begin(&mut self, tub: Arc<TubInner>, stream: BoxStream) {
        let greeted = Rc::new(Cell::new(false));
        let handshake = actix_rt::spawn(shake_hands(tub, stream, greeted.clone()));
        self.0.push_back((handshake.abort_handle(), greeted));
    }
}

async fn accept_all(tub: Weak<TubInner>, mut listener: Box<dyn Listener>) {
    let mut halfway = Halfway::default();
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
        halfway.make_room(tub.options.limits.handshakes);
        halfway.begin(tub, stream);
    }
}

/// The handshake; ends when the link is handed to a task of its own.
async fn shake_hands(tub: Arc<TubInner>, mut stream: BoxStream, greeted: Rc<Cell<bool>>) {
    let handshake = respond(&tub, &mut stream, &greeted);
    let established = match tokio::time::timeout(HANDSHAKE_TIME, handshake).await {
        Ok(Ok(established)) => established,
        Ok(Err(error)) => return tracing::debug!(%error, "refused a link"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let Ok(hello) = codec::decode::<Hello>(&established.hello) else { return };
    if strands::is_strand(&hello) {
        actix_rt::spawn(strands::join(tub, stream, established, hello));
        return;
    }
    actix_rt::spawn(welcome(tub, stream, established, hello));
}

/// Answers an initiator; notes that it has shown that it knows our key.
async fn respond(
    tub: &TubInner,
    stream: &mut BoxStream,
    known: &Cell<bool>,
) -> Result<Established, LinkError> {
    let initiator = greeted(stream, tub.identity.keys()).await?;
    known.set(true);
    initiator.answer(stream, &tub.hello.encoded()).await
}

async fn welcome(tub: Arc<TubInner>, stream: BoxStream, established: Established, hello: Hello) {
    tub.peers.make_room(tub.options.limits.strangers);
    let braided = strands::is_braided(&hello, &tub.hello);
    let (stream, strands) = strands::weave(&tub, stream, established.number, braided);
    let conn = Conn::new(&tub, TubId(established.peer), hello, strands, false);
    match tub.peers.arrived(&conn, tub.identity.tub_id()) {
        Arrival::Keep => conn.accept(),
        Arrival::Duplicate => conn.close(Reason::Duplicate),
        Arrival::Refuse => conn.close(Reason::Shutdown),
    }
    drop(tub);
    let (reader, writer) = tokio::io::split(stream);
    let wires =
        Wires { reader: Box::new(reader), writer: Box::new(writer), records: established.records };
    drive(conn, wires).await;
}
