//! A connection as references know it: it carries calls, and numbers the objects that each side has
//! shown the other.

use super::closing::Closed;
use super::error::RemoteError;
use super::export::Export;
use super::frame::Target;
use super::furl::TubId;
use super::live::Finder;
use super::payload::{Payload, RawReply};
use super::traffic::Departure;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A call that is ready to leave.
pub(super) struct OutCall {
    pub target: Target,
    pub interface: u32,
    pub method: u16,
    pub payload: Payload,
    /// Bulk that its answer may bring.
    pub bulk_max: usize,
    /// See [`Call::IN_BULK`](super::Call::IN_BULK).
    pub in_bulk: bool,
}

/// Takes the reply of one call, or the reason why there is none.
pub(super) type ReplyTo = Box<dyn FnOnce(&Arc<dyn Carrier>, Result<RawReply, RemoteError>) + Send>;

/// One connection, from the side of those who hold and pass references.
pub(super) trait Carrier: Send + Sync + 'static {
    /// The tub at the other end, proven by the link.
    fn peer(&self) -> TubId;

    /// Which process of that tub.
    fn incarnation(&self) -> u64;

    fn is_open(&self) -> bool;

    fn closed(&self) -> Closed;

    /// Queues a call. Nothing blocks: it waits in the queue until the peer's credits allow it to
    /// leave. If none come for [`CREDIT_TIME`](crate::base::limits::CREDIT_TIME) it fails with
    /// [`RemoteError::Timeout`], and the link ends: were later calls to leave after all, the order
    /// would have a hole.
    ///
    /// Answers how the call comes forward, unless it failed at once.
    fn call(self: Arc<Self>, call: OutCall, reply: ReplyTo) -> Option<Departure>;

    /// Takes one of the places for answers that the peer keeps; false if it keeps none, or no more.
    fn reserve_answer(&self) -> bool;

    /// Gives back a place for which nothing is asked after all.
    fn give_back_answer(&self);

    /// Queues a call whose answer has a place. Answers what can be called before it is here; `None`
    /// if the call has failed.
    fn ask(self: Arc<Self>, call: OutCall, reply: ReplyTo) -> Option<Import>;

    /// The number under which the peer gets to hold an object of ours, once more.
    fn export(&self, export: Export) -> Result<u32, RemoteError>;

    /// Undoes one [`Carrier::export`] that the peer will not hear of.
    fn take_back(&self, export: u32);

    /// The object of ours that the peer holds under this number.
    fn own(&self, export: u32) -> Option<Export>;

    /// The peer's object of this number, which has come once more.
    fn import(self: Arc<Self>, export: u32) -> Arc<Import>;

    /// Nobody here holds `import` any longer.
    fn let_go(&self, import: &Import);

    /// What finds the objects of third parties, if their furls may be accepted as arguments here.
    fn gifts(&self) -> Option<Arc<dyn Finder>>;
}

/// An object at the other end of a connection, by what the peer knows it by. The connection hears of
/// it when this is dropped.
pub(super) struct Import {
    pub carrier: Arc<dyn Carrier>,
    pub target: Target,
    received: AtomicU32,
}

impl Import {
    pub(super) fn new(carrier: Arc<dyn Carrier>, target: Target) -> Self {
        Self { carrier, target, received: AtomicU32::new(1) }
    }

    /// Counts that the peer has sent it once more.
    pub(super) fn came_again(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it came.
    pub(super) fn received(&self) -> u32 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.carrier.let_go(self);
    }
}
