//! A tub: the place where a process's objects live and from which it reaches those of others.

use super::accept::serve;
use super::error::RemoteError;
use super::export::Export;
use super::furl::{Furl, Hint, Swissnum, TubId, digest, fresh_swissnum};
use super::identity::Identity;
use super::inner::TubInner;
use super::interface::Interface;
use super::lazy::LazyRef;
use super::live::Finder;
use super::network::bind;
use super::options::TubOptions;
use super::reconnect::Reconnector;
use super::refs::Ref;
use super::sturdy::Restorer;
use crate::base::lock::locked;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A tub. Clones are the same tub.
#[derive(Clone)]
pub struct Tub(Arc<TubInner>);

impl Tub {
    /// A tub on the calling thread's arbiter, not listening yet.
    pub fn new(identity: Identity, options: TubOptions) -> Self {
        Self(TubInner::new(identity, options))
    }

    /// Its name, by which others know it.
    pub fn id(&self) -> TubId {
        self.0.identity.tub_id()
    }

    /// What proves that name.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Listens on a TCP address, port 0 for any; answers the address that it got. Furls carry what
    /// [`Self::set_hints`] is given: only the program knows how others reach this machine.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let (listener, address) = bind(address)?;
        serve(&self.0, listener);
        Ok(address)
    }

    /// Listens on the tub's own network, where `hint` says; furls carry the hint by which others reach
    /// that place, and no other.
    pub fn listen_at(&self, hint: &Hint) -> io::Result<()> {
        let (listener, hint) = self.0.options.network.listen(hint)?;
        serve(&self.0, listener);
        self.set_hints(vec![hint]);
        Ok(())
    }

    /// Listens on the in-process network under `name`, and makes that its hint.
    pub fn listen_loopback(&self, name: &str) -> io::Result<()> {
        self.listen_at(&Hint::Loop(name.to_owned()))
    }

    /// The addresses that furls of this tub will carry.
    pub fn set_hints(&self, hints: Vec<Hint>) {
        *locked(&self.0.hints) = hints;
    }

    /// See [`Self::set_hints`].
    pub fn hints(&self) -> Vec<Hint> {
        locked(&self.0.hints).clone()
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
        let live = self.0.clone().find(furl.clone(), I::id()).await?;
        Ok(Ref::found(live, Some(furl.clone())))
    }

    /// A reference that is dialled when it is first called and again after a loss.
    pub fn sturdy<I: Interface>(&self, furl: &Furl) -> Ref<I> {
        Ref::lazy(LazyRef::new(&self.finder(), furl.clone(), I::id()))
    }

    fn finder(&self) -> Arc<dyn Finder> {
        self.0.clone()
    }

    /// Keeps a connection to a furl's object: `connected` is given each live reference as it comes
    /// up. Dropping the reconnector ends it.
    pub fn keep<I: Interface>(
        &self,
        furl: Furl,
        connected: impl Fn(Ref<I>) + Send + Sync + 'static,
    ) -> Reconnector {
        Reconnector::new(self.finder(), furl, connected)
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
