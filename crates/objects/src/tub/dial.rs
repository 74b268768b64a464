//! Opening links to other tubs. Every failure reads the same, so that who makes this
//! program dial learns nothing about the addresses behind it.

use super::codec;
use super::conn::{Conn, Wires, drive};
use super::error::RemoteError;
use super::frame::Hello;
use super::furl::{Hint, TubId};
use super::network::BoxStream;
use super::peers::Want;
use super::tub::{Tub, TubInner};
use crate::base::limits::HANDSHAKE_TIME;
use crate::link::{Established, initiate};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;

/// The open connection to `peer`, or a new one by any of `hints`.
pub(super) async fn connect(
    tub: &Tub,
    peer: TubId,
    hints: &[Hint],
) -> Result<Arc<Conn>, RemoteError> {
    if tub.0.peers.is_closed() {
        return Err(RemoteError::Disconnected);
    }
    let conn = match tub.0.peers.want(peer) {
        Want::Have(conn) => return Ok(conn),
        Want::Wait(conn) => conn,
        Want::Dial(conn) => {
            let (tub, hints) = (tub.clone(), hints.to_vec());
            tub.arbiter().spawn_fn(move || {
                actix_rt::spawn(async move { dial(&tub.0, peer, &hints).await });
            });
            conn
        }
    };
    conn.await.unwrap_or(Err(RemoteError::Disconnected))
}

async fn dial(tub: &Arc<TubInner>, peer: TubId, hints: &[Hint]) {
    let attempt = tokio::time::timeout(HANDSHAKE_TIME, reach(tub, peer, hints));
    let Ok(Some((stream, established, hello))) = attempt.await else {
        return tub.peers.dialled(peer, Err(RemoteError::Disconnected));
    };
    let conn = Conn::new(tub, peer, hello, true);
    tub.peers.dialled(peer, Ok(conn.clone()));
    let (reader, writer) = tokio::io::split(stream);
    let wires =
        Wires { reader: Box::new(reader), writer: Box::new(writer), records: established.records };
    drive(conn, wires).await;
}

/// Tries all hints at once; the first that proves the key wins.
async fn reach(
    tub: &Arc<TubInner>,
    peer: TubId,
    hints: &[Hint],
) -> Option<(BoxStream, Established, Hello)> {
    let mut attempts: FuturesUnordered<_> =
        hints.iter().map(|hint| reach_one(tub, peer, hint)).collect();
    while let Some(outcome) = attempts.next().await {
        if outcome.is_some() {
            return outcome;
        }
    }
    None
}

async fn reach_one(
    tub: &Arc<TubInner>,
    peer: TubId,
    hint: &Hint,
) -> Option<(BoxStream, Established, Hello)> {
    let mut stream = tub.options.network.dial(hint).await.ok()?;
    let suite = tub.options.suite;
    let keys = tub.identity.keys();
    let established = initiate(&mut stream, keys, (suite, &peer.0), &tub.hello).await;
    let established =
        established.inspect_err(|error| tracing::debug!(%peer, %hint, %error, "no link")).ok()?;
    let hello = codec::decode(&established.hello).ok()?;
    Some((stream, established, hello))
}
