//! A tub: the place where a process's objects live and from which it reaches those of others.

use super::budget::Budget;
use super::conn::{Conn, ExportCount, Import};
use super::error::RemoteError;
use super::frame::{Hello, KEEPS_ANSWERS, Target};
use super::furl::{Furl, Hint, Swissnum, TubId, digest, fresh_swissnum};
use super::identity::Identity;
use super::interface::Interface;
use super::lazy::LazyRef;
use super::network::{Network, Tcp, bind};
use super::peers::Peers;
use super::reconnect::Reconnector;
use super::refs::Ref;
use super::sturdy::{Export, Lookup, Restorer, SturdyTable};
use crate::base::limits;
use crate::base::system::random;
use crate::link::{Pool, Suite};
use actix_rt::{Arbiter, ArbiterHandle};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// What one link may ask of this tub. The peer is told in the handshake and held to it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Unanswered calls.
    pub calls: u32,
    /// Bytes of those calls.
    pub call_bytes: u32,
    /// Objects that it may hold.
    pub exports: usize,
    /// Objects that all links together may hold here.
    pub exports_all: usize,
    /// Memory of calls that all links together may hold here.
    pub process_bytes: usize,
    /// Links from peers that have named an object.
    pub links: usize,
    /// Links from peers that have not.
    pub strangers: usize,
    /// Links that are not yet up.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: limits::CALLS_MAX,
            call_bytes: limits::CALL_BYTES_MAX,
            exports: limits::EXPORTS_MAX,
            exports_all: limits::EXPORTS_ALL_MAX,
            process_bytes: limits::PROCESS_CALL_BYTES_MAX,
            links: limits::LINKS_MAX,
            strangers: limits::STRANGERS_MAX,
            handshakes: limits::HANDSHAKES_MAX,
        }
    }
}

/// How a tub behaves.
#[derive(Clone)]
pub struct TubOptions {
    /// What each of its links may ask of it.
    pub limits: Limits,
    /// Where hints lead; [`Tcp`] by default.
    pub network: Arc<dyn Network>,
    /// How links that it opens are sealed.
    pub suite: Suite,
    /// Whether a peer may send furls of third parties, to be dialled when they are used. Clients
    /// may want that; services do not.
    pub accept_gifts: bool,
    /// Threads on which links live, in turn; none means the thread that makes the tub.
    pub arbiters: Vec<ArbiterHandle>,
}

impl Default for TubOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            network: Arc::new(Tcp),
            suite: Suite::default(),
            accept_gifts: false,
            arbiters: Vec::new(),
        }
    }
}

/// Shared by all clones of a tub, its connections and its tasks.
pub(super) struct TubInner {
    pub(super) identity: Identity,
    pub(super) options: TubOptions,
    pub(super) hello: Vec<u8>,
    pub(super) sturdy: SturdyTable,
    pub(super) peers: Peers,
    pub(super) pool: Pool,
    pub(super) budget: Arc<Budget>,
    pub(super) exported: Arc<ExportCount>,
    hints: Mutex<Vec<Hint>>,
    home: ArbiterHandle,
    turn: AtomicUsize,
    started: Instant,
    /// Milliseconds since then at which any peer was last heard.
    pub(super) heard_ms: AtomicU64,
}

/// A tub. Clones are the same tub.
#[derive(Clone)]
pub struct Tub(pub(super) Arc<TubInner>);

impl Tub {
    /// A tub on the calling thread's arbiter, not listening yet.
    pub fn new(identity: Identity, options: TubOptions) -> Self {
        let hello = Hello {
            version: 1,
            incarnation: u64::from_le_bytes(random()),
            calls: options.limits.calls,
            call_bytes: options.limits.call_bytes,
            features: KEEPS_ANSWERS,
        };
        let mut bytes = Vec::new();
        // A hello is a few integers; it always fits.
        let _ = super::codec::encode(&hello, &mut bytes);
        Self(Arc::new(TubInner {
            identity,
            hello: bytes,
            sturdy: SturdyTable::default(),
            peers: Peers::default(),
            pool: Pool::default(),
            budget: Budget::new(options.limits.process_bytes),
            exported: Arc::new(ExportCount::new(options.limits.exports_all)),
            hints: Mutex::default(),
            home: Arbiter::current(),
            turn: AtomicUsize::new(0),
            started: Instant::now(),
            heard_ms: AtomicU64::new(0),
            options,
        }))
    }

    pub(super) fn from_inner(inner: Arc<TubInner>) -> Self {
        Self(inner)
    }

    /// Its name, by which others know it.
    pub fn id(&self) -> TubId {
        self.0.identity.tub_id()
    }

    /// What proves that name.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// The arbiter on which the next link will live.
    pub(super) fn arbiter(&self) -> ArbiterHandle {
        let arbiters = &self.0.options.arbiters;
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let chosen = turn.checked_rem(arbiters.len()).and_then(|turn| arbiters.get(turn));
        chosen.unwrap_or(&self.0.home).clone()
    }

    /// Listens on a TCP address, port 0 for any; answers the address that it got. Furls carry what
    /// [`Self::set_hints`] is given: only the program knows how others reach this machine.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let (listener, address) = bind(address)?;
        super::accept::serve(self, listener);
        Ok(address)
    }

    /// Listens on the tub's own network, where `hint` says; furls carry the hint by which others reach
    /// that place, and no other.
    pub fn listen_at(&self, hint: &Hint) -> io::Result<()> {
        let (listener, hint) = self.0.options.network.listen(hint)?;
        super::accept::serve(self, listener);
        self.set_hints(vec![hint]);
        Ok(())
    }

    /// Listens on the in-process network under `name`, and makes that its hint.
    pub fn listen_loopback(&self, name: &str) -> io::Result<()> {
        self.listen_at(&Hint::Loop(name.to_owned()))
    }

    /// The addresses that furls of this tub will carry.
    pub fn set_hints(&self, hints: Vec<Hint>) {
        *self.0.hints.lock().unwrap_or_else(PoisonError::into_inner) = hints;
    }

    /// See [`Self::set_hints`].
    pub fn hints(&self) -> Vec<Hint> {
        self.0.hints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes an object reachable by furl: under `swissnum`, or under a new one.
    pub fn register<I: Interface>(&self, object: Ref<I>, swissnum: Option<Swissnum>) -> Furl {
        let swissnum = swissnum.unwrap_or_else(fresh_swissnum);
        self.0.sturdy.register(digest(&swissnum), Export::of(object));
        Furl::new(self.id(), self.hints(), swissnum)
    }

    /// Revokes a furl. Live references that were made from it stay until they are dropped; wrap the
    /// object in a [`Forward`](super::Forward) to end those too.
    pub fn unregister(&self, furl: &Furl) {
        self.0.sturdy.unregister(digest(furl.swissnum()));
    }

    /// Asks `restorer`, too, for objects that are not registered.
    pub fn add_restorer(&self, restorer: Arc<dyn Restorer>) {
        self.0.sturdy.add_restorer(restorer);
    }

    /// A live reference to the object of a furl: connects if need be, and asks whether the object
    /// is there and has this interface.
    pub async fn get<I: Interface>(&self, furl: &Furl) -> Result<Ref<I>, RemoteError> {
        if furl.tub() == self.id() {
            return self.own(furl).await;
        }
        // A link that lost the race against a crossing one says so at the first call.
        for _ in 0..3 {
            let conn = self.connect(furl.tub(), furl.hints()).await?;
            match conn.resolve::<I>(furl).await {
                Err(RemoteError::Disconnected) if conn.lost_crossing() => {}
                found => return found.map(|reference| reference.known_as(furl)),
            }
        }
        Err(RemoteError::Disconnected)
    }

    async fn own<I: Interface>(&self, furl: &Furl) -> Result<Ref<I>, RemoteError> {
        let export = match self.0.sturdy.look_up(digest(furl.swissnum())) {
            Lookup::Known(export) => export,
            Lookup::Restoring(export) => export.await,
        };
        let export = export.ok_or(RemoteError::NoSuchObject)?;
        if export.interface() != I::id() {
            return Err(RemoteError::WrongInterface);
        }
        Ok(Ref::from_object(export.object()))
    }

    /// A reference that is dialled when it is first called and again after a loss.
    pub fn sturdy<I: Interface>(&self, furl: &Furl) -> Ref<I> {
        Ref::lazy(LazyRef::new(&self.0, furl.clone()))
    }

    /// A reference that names the object in each call, over a link that stands already: saves the
    /// round trip of asking first.
    pub(super) fn by_name<I: Interface>(&self, furl: &Furl) -> Option<Ref<I>> {
        let conn = self.0.peers.live(furl.tub()).filter(|conn| conn.is_welcoming())?;
        let target = Target::Swissnum(furl.swissnum().clone());
        Some(Ref::remote(Import::by_name(conn, target)).known_as(furl))
    }

    /// Keeps a connection to a furl's object: `connected` is given each live reference as it comes
    /// up. Dropping the reconnector ends it.
    pub fn keep<I: Interface>(
        &self,
        furl: Furl,
        connected: impl Fn(Ref<I>) + Send + Sync + 'static,
    ) -> Reconnector {
        Reconnector::new(self.clone(), furl, connected)
    }

    pub(super) async fn connect(
        &self,
        peer: TubId,
        hints: &[Hint],
    ) -> Result<Arc<Conn>, RemoteError> {
        super::dial::connect(self, peer, hints).await
    }

    /// Tubs that a link is open to.
    pub fn connected(&self) -> Vec<TubId> {
        self.0.peers.connected()
    }

    /// Seconds since `peer` last showed that it is there; `None` if no link is open.
    pub fn silence(&self, peer: TubId) -> Option<u64> {
        let conn = self.0.peers.live(peer)?;
        let heard = conn.heard_ms.load(Ordering::Relaxed);
        Some(self.0.now_ms().saturating_sub(heard) / 1000)
    }

    /// Says goodbye on all links and accepts no more.
    pub fn shutdown(&self) {
        self.0.peers.shutdown();
    }
}

impl TubInner {
    /// Milliseconds since the tub was made.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn forget(&self, conn: &Arc<Conn>) {
        self.peers.forget(conn);
    }
}
