//! Finding objects by their furls, and opening links to the tubs that have them. Every failure to
//! reach one reads the same, so that who makes this program dial learns nothing about the addresses
//! behind it.

use super::carrier::Import;
use super::codec;
use super::conn::{Conn, Wires, drive};
use super::error::RemoteError;
use super::frame::{Hello, Target};
use super::furl::{Furl, Hint, TubId, digest};
use super::inner::TubInner;
use super::live::{Finder, Live};
use super::network::BoxStream;
use super::object::BoxFuture;
use super::peers::Want;
use super::strands;
use super::sturdy::Lookup;
use crate::base::limits::HANDSHAKE_TIME;
use crate::link::{Established, initiate};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::sync::Arc;
use tokio::time::Instant;

impl Finder for TubInner {
    fn at_hand(&self, furl: &Furl) -> Option<Live> {
        let conn = self.peers.live(furl.tub()).filter(|conn| conn.is_welcoming())?;
        let target = Target::Swissnum(furl.swissnum().clone());
        Some(Live::Remote(Arc::new(Import::new(conn, target))))
    }

    fn find(self: Arc<Self>, furl: Furl, interface: u32) -> BoxFuture<Result<Live, RemoteError>> {
        Box::pin(async move {
            if furl.tub() == self.identity.tub_id() {
                return own(&self, &furl, interface).await;
            }
            // A link that lost the race against a crossing one says so at the first call.
            for _ in 0..3 {
                let conn = connect(&self, furl.tub(), furl.hints()).await?;
                match conn.resolve(&furl, interface).await {
                    Err(RemoteError::Disconnected) if conn.lost_crossing() => {}
                    found => return found,
                }
            }
            Err(RemoteError::Disconnected)
        })
    }

    fn readdressed(&self) -> BoxFuture<()> {
        self.options.network.readdressed()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.arbiter().spawn(task);
    }
}

/// An object of this tub's own.
async fn own(tub: &TubInner, furl: &Furl, interface: u32) -> Result<Live, RemoteError> {
    let export = match tub.sturdy.look_up(digest(furl.swissnum())) {
        Lookup::Known(export) => export,
        Lookup::Restoring(export) => export.await,
    };
    let export = export.ok_or(RemoteError::NoSuchObject)?;
    Ok(Live::Local(export.object(interface)?))
}

/// The open connection to `peer`, or a new one by any of `hints`.
async fn connect(
    tub: &Arc<TubInner>,
    peer: TubId,
    hints: &[Hint],
) -> Result<Arc<Conn>, RemoteError> {
    if tub.peers.is_closed() {
        return Err(RemoteError::Disconnected);
    }
    let conn = match tub.peers.want(peer) {
        Want::Have(conn) => return Ok(conn),
        Want::Wait(conn) => conn,
        Want::Dial(conn) => {
            let (tub, hints) = (tub.clone(), hints.to_vec());
            tub.arbiter().spawn_fn(move || {
                actix_rt::spawn(async move { dial(&tub, peer, &hints).await });
            });
            conn
        }
    };
    conn.await.unwrap_or(Err(RemoteError::Disconnected))
}

async fn dial(tub: &Arc<TubInner>, peer: TubId, hints: &[Hint]) {
    let attempt = tokio::time::timeout(HANDSHAKE_TIME, reach(tub, peer, hints));
    let Ok(Some(Reached { hint, stream, established, hello, braided })) = attempt.await else {
        return tub.peers.dialled(peer, Err(RemoteError::Disconnected));
    };
    let (stream, strands) = strands::weave(tub, stream, established.number, braided);
    let conn = Conn::new(tub, peer, hello, strands, true);
    tub.peers.dialled(peer, Ok(conn.clone()));
    if braided {
        actix_rt::spawn(strands::dial(Arc::downgrade(tub), conn.clone(), hint));
    }
    let (reader, writer) = tokio::io::split(stream);
    let wires =
        Wires { reader: Box::new(reader), writer: Box::new(writer), records: established.records };
    drive(conn, wires).await;
}

/// A peer that has proven its key.
struct Reached {
    hint: Hint,
    stream: BoxStream,
    established: Established,
    hello: Hello,
    braided: bool,
}

/// Tries all hints at once; the first that proves the key wins.
async fn reach(tub: &Arc<TubInner>, peer: TubId, hints: &[Hint]) -> Option<Reached> {
    let mut attempts: FuturesUnordered<_> =
        hints.iter().map(|hint| reach_one(tub, peer, hint)).collect();
    while let Some(outcome) = attempts.next().await {
        if outcome.is_some() {
            return outcome;
        }
    }
    None
}

async fn reach_one(tub: &Arc<TubInner>, peer: TubId, hint: &Hint) -> Option<Reached> {
    let mut stream = tub.options.network.dial(hint).await.ok()?;
    let suite = tub.options.suite;
    let keys = tub.identity.keys();
    let asked = Instant::now();
    let mut own = tub.hello.clone();
    let greeting = || {
        own = strands::greeting(&own, asked.elapsed());
        own.encoded()
    };
    let established = initiate(&mut stream, keys, (suite, &peer.0), greeting).await;
    let established =
        established.inspect_err(|error| tracing::debug!(%peer, %hint, %error, "no link")).ok()?;
    let hello = codec::decode(&established.hello).ok()?;
    let braided = strands::is_braided(&own, &hello);
    Some(Reached { hint: hint.clone(), stream, established, hello, braided })
}
