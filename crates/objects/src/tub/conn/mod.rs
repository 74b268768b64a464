//! One connection between two tubs: what each has handed to the other, and the calls under way.
//!
//! A [`Conn`] is shared by all references that go through it, on any thread. The link itself, its
//! reader and its writer, live on one arbiter ([`drive`]).
//!
//! Order: calls leave in the order in which they were issued, and reach one object in that order.
//! A release never overtakes a call that uses what it releases.

mod answers;
mod asked;
mod closing;
mod dispatch;
mod drive;
mod ends;
mod gate;
mod intake;
mod queue;
mod standing;
mod tables;
mod traffic;

pub(super) use drive::{Wires, drive};

use super::error::RemoteError;
use super::frame::{CapDesc, Head, Hello, OutFrame, Reason, Target};
use super::furl::{self, Furl, TubId};
use super::interface::{Call, Interface};
use super::payload::{Payload, WireCall};
use super::refs::Ref;
use super::sturdy::Export;
use super::tub::TubInner;
use super::wire::Wire;
use crate::base::limits::BULK_MAX;
use crate::base::lock::locked;
use bytes::Bytes;
use closing::{Closed, Closing};
use queue::Queue;
use standing::Standing;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use tables::{Exports, Imports};
use tokio::sync::{oneshot, watch};
use traffic::Traffic;

pub(super) use asked::Asked;
pub(super) use tables::{ExportCount, Import};
pub(super) use traffic::Departure;

/// Takes the reply of one call, or the reason why there is none.
type ReplyTo = Box<dyn FnOnce(&Arc<Conn>, Result<RawReply, RemoteError>) + Send>;

/// An encoded reply.
pub(super) struct RawReply {
    pub body: Vec<u8>,
    pub at: usize,
    pub bulk: Bytes,
}

impl RawReply {
    fn decode<T: Wire>(self, conn: &Arc<Conn>) -> Result<T, RemoteError> {
        let body = self.body.get(self.at..).unwrap_or_default();
        WireCall { conn, body, bulk: self.bulk }.decode()
    }
}

/// How far a link is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaving {
    No,
    /// Once it has said goodbye.
    Soon,
    /// Now, whether or not there is room for a goodbye.
    AtOnce,
}

#[derive(Default)]
struct Pending {
    last_id: u32,
    replies: HashMap<u32, ReplyTo>,
}

/// The shared part of a connection.
pub struct Conn {
    tub: Weak<TubInner>,
    peer: TubId,
    hello: Hello,
    initiated: bool,
    /// The responder is known to keep this connection.
    confirmed: AtomicBool,
    pub(super) standing: Standing,
    queue: Queue,
    traffic: Arc<Traffic>,
    pending: Mutex<Pending>,
    /// Answers that the peer keeps to be called.
    asked: AtomicUsize,
    imports: Imports,
    exports: Exports,
    leaving: watch::Sender<Leaving>,
    closing: Closing,
    /// Milliseconds on the tub's clock at which the peer was last heard, or seen to take something.
    pub(super) heard_ms: AtomicU64,
}

impl Conn {
    pub(super) fn new(
        tub: &Arc<TubInner>,
        peer: TubId,
        hello: Hello,
        initiated: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            tub: Arc::downgrade(tub),
            peer,
            standing: Standing::default(),
            queue: Queue::new(hello.calls, hello.call_bytes),
            traffic: Arc::default(),
            hello,
            initiated,
            confirmed: AtomicBool::new(!initiated),
            pending: Mutex::default(),
            asked: AtomicUsize::new(0),
            imports: Imports::default(),
            exports: Exports::new(tub.options.limits.exports, tub.exported.clone()),
            leaving: watch::Sender::new(Leaving::No),
            closing: Closing::default(),
            heard_ms: AtomicU64::new(tub.now_ms()),
        })
    }

    /// The tub at the other end, proven by the link.
    pub fn peer(&self) -> TubId {
        self.peer
    }

    pub(super) fn incarnation(&self) -> u64 {
        self.hello.incarnation
    }

    pub(super) fn initiated(&self) -> bool {
        self.initiated
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// It came from outside, and its peer has not yet shown that it knows anything here.
    pub(super) fn is_strange(&self) -> bool {
        !self.initiated && !self.is_known()
    }

    fn is_known(&self) -> bool {
        self.standing.is_known()
    }

    /// Ends the peer's probation. It takes a place among those who are known.
    fn make_known(&self) {
        if self.standing.make_known()
            && let Some(tub) = self.tub.upgrade()
        {
            tub.peers.keep_within(tub.options.limits.links, self);
        }
    }

    /// Whether an object of the peer's may be called by its name without asking first whether it is
    /// there. Asked for one that is, a peer knows us.
    pub(super) fn is_welcoming(&self) -> bool {
        self.is_confirmed() && self.standing.is_welcoming()
    }

    /// Whether this names an object that exists, as far as can be told at once.
    fn has(&self, target: &Target) -> bool {
        match target {
            Target::Export(number) => self.own(*number).is_some(),
            Target::Swissnum(swissnum) => {
                let tub = self.tub.upgrade();
                tub.is_some_and(|tub| tub.sturdy.has(furl::digest(swissnum)))
            }
            Target::Answer(_) => false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.closing.reason().is_none()
    }

    /// The peer keeps another connection and has run nothing of what was sent on this one.
    pub(super) fn lost_crossing(&self) -> bool {
        self.closing.reason() == Some(Reason::Duplicate)
    }

    pub(super) fn closed(&self) -> Closed {
        self.closing.watch()
    }

    /// Whether a third party's furl may be accepted as an argument here.
    pub(super) fn gifts(&self) -> Option<Arc<TubInner>> {
        self.tub.upgrade().filter(|tub| tub.options.accept_gifts)
    }

    /// Queues a call; the answer arrives in `reply`. Nothing blocks: a call waits in the queue
    /// until the peer's credits allow it to leave. If none come for
    /// [`CREDIT_TIME`](crate::base::limits::CREDIT_TIME) it fails with [`RemoteError::Timeout`], and
    /// the link ends: were later calls to leave after all, the order would have a hole.
    ///
    /// Answers how the call comes forward, unless it failed at once.
    pub(super) fn call<I: Interface, M: Call<I>>(
        self: &Arc<Self>,
        target: Target,
        message: M,
        reply: oneshot::Sender<Result<M::Reply, RemoteError>>,
    ) -> Option<Departure> {
        let mut payload = match Payload::encode(message, self) {
            Ok(payload) => payload,
            Err(error) => {
                let _ = reply.send(Err(error));
                return None;
            }
        };
        let lent = std::mem::take(&mut payload.lent);
        let deliver: ReplyTo = Box::new(move |conn, raw| {
            let value = raw.and_then(|raw| raw.decode(conn));
            drop(lent);
            let _ = reply.send(value);
        });
        let bulk_max = if M::Reply::HAS_BULK { BULK_MAX } else { 0 };
        self.issue((target, I::id(), M::METHOD), (payload, bulk_max), deliver)
    }

    /// Asks for a sturdy object by name; the answer is a live reference to it.
    pub(super) async fn resolve<I: Interface>(
        self: &Arc<Self>,
        furl: &Furl,
    ) -> Result<Ref<I>, RemoteError> {
        let (send, receive) = oneshot::channel();
        let deliver: ReplyTo = Box::new(move |conn, raw| {
            let value = raw.and_then(|raw| raw.decode::<Ref<I>>(conn));
            if value.is_ok() {
                conn.standing.make_welcoming();
                conn.make_known();
            }
            let _ = send.send(value);
        });
        let target = Target::Swissnum(furl.swissnum().clone());
        self.issue((target, I::id(), dispatch::RESOLVE), (Payload::default(), 0), deliver);
        receive.await.unwrap_or(Err(RemoteError::Disconnected))
    }

    fn issue(
        self: &Arc<Self>,
        head: (Target, u32, u16),
        payload: (Payload, usize),
        deliver: ReplyTo,
    ) -> Option<Departure> {
        let id = self.expect(deliver);
        self.depart(id, head, payload)
    }

    /// The number of a call that is about to be queued.
    fn expect(&self, deliver: ReplyTo) -> u32 {
        let mut pending = locked(&self.pending);
        pending.last_id = pending.last_id.wrapping_add(1);
        let id = pending.last_id;
        pending.replies.insert(id, deliver);
        id
    }

    fn depart(
        self: &Arc<Self>,
        id: u32,
        (target, interface, method): (Target, u32, u16),
        (payload, bulk_max): (Payload, usize),
    ) -> Option<Departure> {
        let head = Head::Call { id, target: target.clone(), interface, method };
        let queued = OutFrame::new(&head, &payload.body, payload.bulk)
            .and_then(|frame| self.queue.push_call(frame.answered_with(bulk_max), target));
        match queued {
            Ok(place) => Some(Departure::new(self.traffic.clone(), place)),
            Err(error) => {
                self.deliver(id, Err(error));
                None
            }
        }
    }

    /// Hands a reply to whoever waits for it; a reply that nobody asked for is a violation.
    fn deliver(self: &Arc<Self>, id: u32, raw: Result<RawReply, RemoteError>) -> bool {
        let reply = locked(&self.pending).replies.remove(&id);
        let known = reply.is_some();
        if let Some(reply) = reply {
            reply(self, raw);
        }
        known
    }

    /// Queues a frame that needs no credit.
    pub(super) fn send(&self, head: &Head) {
        if let Ok(frame) = OutFrame::bare(head) {
            self.queue.push_urgent(frame);
        }
    }

    /// Describes a local object to the peer and remembers that the peer has it.
    pub(super) fn export(&self, export: Export) -> Result<CapDesc, RemoteError> {
        let interface = export.interface();
        let export = self.exports.add(export)?;
        Ok(CapDesc::SenderHosted { export, interface })
    }

    /// Undoes one [`Conn::export`] that the peer will not hear of.
    pub(super) fn take_back(&self, export: u32) {
        self.exports.release(export, 1);
    }

    /// The object of ours that the peer holds under this number.
    pub(super) fn own(&self, export: u32) -> Option<Export> {
        self.exports.get(export)
    }

    /// A reference to the peer's object.
    pub(super) fn import(self: &Arc<Self>, export: u32) -> Arc<Import> {
        self.imports.receive(self, export)
    }

    /// Whether a call waits for its answer.
    pub(super) fn is_in_use(&self) -> bool {
        !locked(&self.pending).replies.is_empty()
    }

    /// The tub's time; 0 once the tub is gone.
    fn now_ms(&self) -> u64 {
        self.tub.upgrade().map_or(0, |tub| tub.now_ms())
    }

    /// Notes that the peer has just shown that it is there; answers the tub's time.
    fn note_life(&self) -> u64 {
        let Some(tub) = self.tub.upgrade() else { return 0 };
        let now_ms = tub.now_ms();
        self.heard_ms.store(now_ms, Ordering::Relaxed);
        tub.heard_ms.store(now_ms, Ordering::Relaxed);
        now_ms
    }

    /// Says goodbye; the link ends when it has been sent, or when its peer has had
    /// [`GOODBYE_TIME`](crate::base::limits::GOODBYE_TIME) to take it.
    pub(super) fn close(&self, reason: Reason) {
        self.leave(reason, Leaving::Soon);
    }

    /// The same without waiting for the peer: one that reads nothing holds nothing from here on.
    pub(super) fn evict(&self, reason: Reason) {
        self.leave(reason, Leaving::AtOnce);
    }

    fn leave(&self, reason: Reason, how: Leaving) {
        self.send(&Head::Bye(reason));
        self.queue.finish();
        self.leaving.send_if_modified(|leaving| {
            let sooner = how > *leaving;
            *leaving = how.max(*leaving);
            sooner
        });
    }

    /// Fails the calls that have waited too long to leave, and those behind them.
    fn give_up_waiting(self: &Arc<Self>) {
        for id in self.queue.give_up() {
            self.deliver(id, Err(RemoteError::Timeout));
        }
    }

    /// Ends the connection: fails what waits, drops what the peer held, then tells.
    /// The tub's table has forgotten the connection before anybody hears of its end.
    fn tear_down(self: &Arc<Self>, reason: Reason) {
        if let Some(tub) = self.tub.upgrade() {
            tub.forget(self);
        }
        self.queue.end();
        let waiting = std::mem::take(&mut locked(&self.pending).replies);
        for (_, reply) in waiting {
            reply(self, Err(RemoteError::Disconnected));
        }
        self.exports.close();
        self.closing.close(reason);
    }
}
