//! One connection between two tubs: what each has handed to the other, and the calls under way.
//!
//! A [`Conn`] is shared by all references that go through it, on any thread; they see a [`Carrier`]. The
//! link itself, its reader and its writer, live on one arbiter ([`drive`]).
//!
//! Order: the calls of one reference leave, and reach its object, in the order in which they were issued;
//! small ones overtake the bulk of other objects ([`lanes`]). A release never overtakes a call or an answer
//! that uses what it releases.

mod answers;
mod carry;
mod dispatch;
mod drive;
mod ends;
mod gate;
mod intake;
mod lanes;
mod pending;
mod queue;
mod standing;
mod tables;

pub(super) use drive::{Wires, drive};
pub(super) use tables::ExportCount;

use super::carrier::{Carrier, ReplyTo};
use super::closing::Closing;
use super::error::RemoteError;
use super::frame::{Head, Hello, OutFrame, Reason, Target};
use super::furl::{self, TubId};
use super::inner::TubInner;
use super::payload::RawReply;
use super::strands::Strands;
use super::traffic::Traffic;
use pending::Pending;
use queue::Queue;
use standing::Standing;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use tables::{Exports, Imports};
use tokio::sync::{Notify, watch};

/// How far a link is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaving {
    No,
    /// Once it has said goodbye.
    Soon,
    /// Now, whether or not there is room for a goodbye.
    AtOnce,
}

/// The shared part of a connection.
pub(super) struct Conn {
    tub: Weak<TubInner>,
    peer: TubId,
    hello: Hello,
    initiated: bool,
    /// The responder is known to keep this connection.
    confirmed: AtomicBool,
    pub(super) standing: Standing,
    /// If the line is long.
    pub(super) strands: Option<Strands>,
    queue: Queue,
    traffic: Arc<Traffic>,
    pending: Pending,
    /// Answers that the peer keeps to be called.
    asked: AtomicUsize,
    imports: Imports,
    exports: Exports,
    leaving: watch::Sender<Leaving>,
    closing: Closing,
    /// Milliseconds on the tub's clock at which the peer was last heard, or seen to take something.
    pub(super) heard_ms: AtomicU64,
    /// The writer waits for the line.
    blocked: AtomicBool,
    /// Nobody looks at the link before its next ping is due, unless it is used.
    resting: AtomicBool,
    used: Notify,
}

impl Conn {
    pub(super) fn new(
        tub: &Arc<TubInner>,
        peer: TubId,
        hello: Hello,
        strands: Option<Strands>,
        initiated: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            tub: Arc::downgrade(tub),
            peer,
            standing: Standing::default(),
            strands,
            queue: Queue::new(hello.calls, hello.call_bytes),
            traffic: Arc::default(),
            hello,
            initiated,
            confirmed: AtomicBool::new(!initiated),
            pending: Pending::default(),
            asked: AtomicUsize::new(0),
            imports: Imports::default(),
            exports: Exports::new(tub.options.limits.exports, tub.exported.clone()),
            leaving: watch::Sender::new(Leaving::No),
            closing: Closing::default(),
            heard_ms: AtomicU64::new(tub.now_ms()),
            blocked: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            used: Notify::new(),
        })
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
            Target::Export(number) => self.exports.get(*number).is_some(),
            Target::Swissnum(swissnum) => {
                let tub = self.tub.upgrade();
                tub.is_some_and(|tub| tub.sturdy.has(furl::digest(swissnum)))
            }
            Target::Answer(_) => false,
        }
    }

    /// The peer keeps another connection and has run nothing of what was sent on this one.
    pub(super) fn lost_crossing(&self) -> bool {
        self.closing.reason() == Some(Reason::Duplicate)
    }

    /// Hands a reply to whoever waits for it; a reply that nobody asked for is a violation.
    fn deliver(
        &self,
        carrier: &Arc<dyn Carrier>,
        id: u32,
        raw: Result<RawReply, RemoteError>,
    ) -> bool {
        let reply = self.pending.take(id);
        let known = reply.is_some();
        if let Some(reply) = reply {
            reply(carrier, raw);
        }
        known
    }

    fn fail(self: Arc<Self>, id: u32, error: RemoteError) {
        let carrier: Arc<dyn Carrier> = self.clone();
        self.deliver(&carrier, id, Err(error));
    }

    /// Tells the peer that this connection is kept.
    pub(super) fn accept(&self) {
        if let Ok(frame) = OutFrame::bare(&Head::Accepted) {
            self.queue.push_reply(frame);
        }
    }

    /// Whether a call waits for its answer.
    fn is_in_use(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The number of a call that is about to be queued. Whoever watches a link at rest looks again.
    fn expect(&self, reply: ReplyTo) -> u32 {
        let id = self.pending.expect(reply);
        if self.resting.load(Ordering::SeqCst) && self.resting.swap(false, Ordering::SeqCst) {
            self.used.notify_one();
        }
        id
    }

    /// The tub's time; 0 once the tub is gone.
    fn now_ms(&self) -> u64 {
        self.tub.upgrade().map_or(0, |tub| tub.now_ms())
    }

    /// Notes that the peer has just taken something.
    fn note_life(&self) {
        self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Notes that the peer has just said something; answers the tub's time.
    fn note_heard(&self) -> u64 {
        let Some(tub) = self.tub.upgrade() else { return 0 };
        let now_ms = tub.now_ms();
        self.heard_ms.store(now_ms, Ordering::Relaxed);
        // All links write there: no more often than it says something new.
        if !self.is_strange() && tub.heard_ms.load(Ordering::Relaxed) != now_ms {
            tub.heard_ms.store(now_ms, Ordering::Relaxed);
        }
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
        if let Ok(frame) = OutFrame::bare(&Head::Bye(reason)) {
            self.queue.push_goodbye(frame);
        }
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
            self.clone().fail(id, RemoteError::Timeout);
        }
    }

    /// Ends the connection: fails what waits, drops what the peer held, then tells.
    /// The tub's table has forgotten the connection before anybody hears of its end.
    fn tear_down(self: &Arc<Self>, reason: Reason) {
        if let Some(tub) = self.tub.upgrade() {
            tub.forget(self);
        }
        self.queue.end();
        let carrier: Arc<dyn Carrier> = self.clone();
        for reply in self.pending.take_all() {
            reply(&carrier, Err(RemoteError::Disconnected));
        }
        self.exports.close();
        self.closing.close(reason);
    }
}
