//! Calls that came in: found their object, run in order, answered.

use super::Conn;
use super::answers::Answers;
use super::gate::Pings;
use super::queue::Beat;
use crate::base::limits::{CALLS_RUNNING_MAX, REPLY_BYTES_MAX};
use crate::tub::budget::Held;
use crate::tub::carrier::Carrier;
use crate::tub::codec;
use crate::tub::error::RemoteError;
use crate::tub::export::Export;
use crate::tub::frame::{CapDesc, Head, InFrame, OutFrame, RESOLVE, Target, Violation};
use crate::tub::furl::{self, Swissnum, SwissnumDigest};
use crate::tub::payload::{Payload, RawReply, WireCall};
use crate::tub::sturdy::Lookup;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The object that is called, or why there is none.
type Found = Result<Export, RemoteError>;

/// Whom a call is for.
enum For {
    Named(Swissnum),
    /// Looked up; there may be no such object.
    Found(Found),
}

/// A call whose head has been read.
pub(super) struct Incoming {
    id: u32,
    interface: u32,
    method: u16,
    frame: InFrame,
}

/// What one link owes its peer: calls taken in and not answered.
#[derive(Default)]
struct Owed {
    calls: AtomicU32,
    bytes: AtomicUsize,
}

/// The receiving side of one link; lives on the link's arbiter.
pub(super) struct Dispatcher {
    conn: Arc<Conn>,
    /// The same, for calls and their answers.
    carrier: Arc<dyn Carrier>,
    owed: Arc<Owed>,
    calls_max: u32,
    bytes_max: usize,
    inbox: RefCell<VecDeque<(For, Incoming)>>,
    /// Calls that objects have and have not answered.
    running: Cell<u32>,
    /// Bytes that their replies may come to.
    expected: Cell<usize>,
    /// Calls for objects that are being brought back from disk, in order.
    restoring: RefCell<HashMap<SwissnumDigest, VecDeque<Incoming>>>,
    answers: RefCell<Answers>,
    pings: RefCell<Pings>,
}

/// One call's place in the credits; given back when the answer is queued.
struct Place {
    owed: Arc<Owed>,
    bytes: usize,
    _held: Option<Held>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.owed.calls.fetch_sub(1, Ordering::Relaxed);
        self.owed.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Dispatcher {
    pub(super) fn new(conn: Arc<Conn>, calls_max: u32, bytes_max: usize) -> Rc<Self> {
        let pings = RefCell::new(Pings::new(conn.now_ms()));
        Rc::new(Self {
            carrier: conn.clone(),
            conn,
            pings,
            owed: Arc::default(),
            calls_max,
            bytes_max,
            inbox: RefCell::default(),
            running: Cell::new(0),
            expected: Cell::new(0),
            restoring: RefCell::default(),
            answers: RefCell::default(),
        })
    }

    /// Takes in one frame.
    pub(super) fn frame(self: &Rc<Self>, mut frame: InFrame) -> Result<(), Violation> {
        match std::mem::replace(&mut frame.head, Head::Ping) {
            Head::Call { id, target, interface, method } => {
                self.take_in(target, Incoming { id, interface, method, frame })
            }
            Head::Return { id, error } => self.answered(id, error, frame),
            Head::Release { export, count } => {
                self.conn.exports.release(export, count);
                Ok(())
            }
            Head::Accepted => {
                self.conn.confirmed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Head::Ping => {
                self.pings.borrow_mut().take(self.conn.now_ms())?;
                self.conn.queue.push_beat(Beat::Pong);
                Ok(())
            }
            Head::Keep { id } => self.answers.borrow_mut().keep(id),
            Head::Forget { id } => self.forget(id),
            Head::Pong | Head::Bye(_) => Ok(()),
        }
    }

    fn answered(
        &self,
        id: u32,
        error: Option<RemoteError>,
        frame: InFrame,
    ) -> Result<(), Violation> {
        let raw = match error {
            Some(error) => Err(error),
            None => Ok(RawReply { at: frame.arguments_at, body: frame.body, bulk: frame.bulk }),
        };
        if self.conn.deliver(&self.carrier, id, raw) { Ok(()) } else { Err(Violation) }
    }

    /// Queues a call, if the peer has kept to its credits.
    fn take_in(self: &Rc<Self>, target: Target, call: Incoming) -> Result<(), Violation> {
        let calls = self.owed.calls.fetch_add(1, Ordering::Relaxed);
        let bytes = self.owed.bytes.fetch_add(call.frame.length(), Ordering::Relaxed);
        if calls >= self.calls_max || bytes + call.frame.length() > self.bytes_max {
            return Err(Violation);
        }
        let call_id = call.id;
        // Found at once: what is released or forgotten behind a call is there for the call.
        let held = |number| self.known(self.conn.own(number));
        let taken = match target {
            Target::Export(number) => Some((For::Found(held(number)), call)),
            Target::Swissnum(swissnum) => Some((For::Named(swissnum), call)),
            Target::Answer(id) => {
                let routed = self.answers.borrow_mut().route(id, call)?;
                routed.map(|(outcome, call)| (For::Found(outcome.and_then(held)), call))
            }
        };
        self.answers.borrow_mut().called(call_id);
        self.inbox.borrow_mut().extend(taken);
        self.pump();
        Ok(())
    }

    /// The peer calls an answer no more.
    fn forget(&self, id: u32) -> Result<(), Violation> {
        let outcome = self.answers.borrow_mut().forget(id)?;
        if let Some(Ok(number)) = outcome {
            self.conn.exports.release(number, 1);
        }
        Ok(())
    }

    /// Runs queued calls, in order, while the peer takes its replies and few enough are running.
    pub(super) fn pump(self: &Rc<Self>) {
        loop {
            let Some((target, call)) = self.inbox.borrow_mut().pop_front() else { return };
            let Some((object, call)) = self.find(target, call) else { continue };
            if !self.has_room(object.as_ref().ok(), call.method) {
                return self.inbox.borrow_mut().push_front((For::Found(object), call));
            }
            self.run(object, call);
        }
    }

    /// Whether a call may run now: whatever it answers must be within what may wait to leave. One
    /// may always, so that no limit stops a link for ever.
    fn has_room(&self, object: Option<&Export>, method: u16) -> bool {
        let answer = object.map_or(0, |object| object.reply_max(method));
        let waiting = self.conn.queue.reply_bytes() + self.expected.get();
        self.running.get() < CALLS_RUNNING_MAX
            && (waiting == 0 || waiting + answer <= REPLY_BYTES_MAX)
    }

    /// Bytes of calls that the peer has made and that are not answered.
    pub(super) fn held(&self) -> usize {
        self.owed.bytes.load(Ordering::Relaxed)
    }

    /// Drops the calls that no object has yet; what objects have, they finish.
    pub(super) fn end(&self) {
        let dropped = (self.inbox.take(), self.restoring.take(), self.answers.take());
        drop(dropped);
    }

    /// The object that a call is for; `None` if it must be brought back first, and the call waits.
    fn find(self: &Rc<Self>, target: For, call: Incoming) -> Option<(Found, Incoming)> {
        let digest = match target {
            For::Found(object) => return Some((object, call)),
            For::Named(swissnum) => furl::digest(&swissnum),
        };
        if let Some(waiting) = self.restoring.borrow_mut().get_mut(&digest) {
            waiting.push_back(call);
            return None;
        }
        let Some(tub) = self.conn.tub.upgrade() else { return Some((self.known(None), call)) };
        match tub.sturdy.look_up(digest) {
            Lookup::Known(object) => Some((self.known(object), call)),
            Lookup::Restoring(object) => {
                self.restoring.borrow_mut().insert(digest, VecDeque::from([call]));
                let this = self.clone();
                actix_rt::spawn(async move { this.restored(digest, object.await) });
                None
            }
        }
    }

    /// An object that the peer has named; who can do that is no stranger.
    fn known(&self, object: Option<Export>) -> Found {
        if object.is_some() {
            self.conn.make_known();
        }
        object.ok_or(RemoteError::NoSuchObject)
    }

    /// Puts the calls that waited for an object before those that came later.
    fn restored(self: &Rc<Self>, digest: SwissnumDigest, object: Option<Export>) {
        let object = self.known(object);
        let waiting = self.restoring.borrow_mut().remove(&digest);
        for call in waiting.into_iter().flatten().rev() {
            self.inbox.borrow_mut().push_front((For::Found(object.clone()), call));
        }
        self.pump();
    }

    /// Queues the call on its object and answers when the object has.
    fn run(self: &Rc<Self>, object: Found, call: Incoming) {
        let Incoming { id, interface, method, mut frame, .. } = call;
        let place =
            Place { owed: self.owed.clone(), bytes: frame.length(), _held: frame.held.take() };
        let refused = place._held.is_none();
        let expected = object.as_ref().map_or(0, |object| object.reply_max(method));
        let outcome = match object {
            _ if refused => Err(RemoteError::Busy),
            Err(error) => Err(error),
            Ok(object) if object.interface() != interface => Err(RemoteError::WrongInterface),
            Ok(object) if method == RESOLVE => {
                return self.reply(id, place, self.resolved(object));
            }
            Ok(object) => {
                let bulk = std::mem::take(&mut frame.bulk);
                let body = frame.arguments();
                object.invoke(method, WireCall { carrier: &self.carrier, body, bulk })
            }
        };
        match outcome {
            Err(error) => self.reply(id, place, Err(error)),
            Ok(answer) => {
                drop(frame);
                let this = self.clone();
                this.running.set(this.running.get() + 1);
                this.expected.set(this.expected.get() + expected);
                actix_rt::spawn(async move {
                    let answer = answer.await;
                    this.running.set(this.running.get() - 1);
                    this.expected.set(this.expected.get() - expected);
                    this.reply(id, place, answer);
                    this.pump();
                });
            }
        }
    }

    fn resolved(&self, object: Export) -> Result<Payload, RemoteError> {
        let export = self.conn.export(object.clone())?;
        let descriptor = CapDesc::SenderHosted { export, interface: object.interface() };
        let mut body = Vec::new();
        codec::encode(&descriptor, &mut body)?;
        Ok(Payload { body, object: Some(object), ..Payload::default() })
    }

    /// Gives what a call is answered to those who have called it ahead. They go before whatever came
    /// later.
    fn settle(&self, id: u32, answer: &Result<Payload, RemoteError>) {
        if !self.answers.borrow().are_waiting_for(id) {
            return;
        }
        let mut found = match answer {
            Ok(payload) => payload.object.clone().ok_or(RemoteError::WrongInterface),
            Err(error) => Err(error.clone()),
        };
        // Counted among what the peer holds, so that no more can be kept than it may hold.
        let number = found.clone().and_then(|object| self.conn.exports.add(object));
        if let Err(error) = &number {
            found = Err(error.clone());
        }
        let (waiting, not_kept) = self.answers.borrow_mut().settle(id, number);
        for call in waiting.into_iter().rev() {
            self.inbox.borrow_mut().push_front((For::Found(found.clone()), call));
        }
        if let Some(Ok(number)) = not_kept {
            self.conn.exports.release(number, 1);
        }
    }

    fn reply(&self, id: u32, place: Place, answer: Result<Payload, RemoteError>) {
        self.settle(id, &answer);
        let (error, payload) = match answer {
            Ok(payload) => (None, payload),
            Err(error) => (Some(error), Payload::default()),
        };
        let head = Head::Return { id, error };
        let frame = OutFrame::new(&head, &payload.body, payload.bulk)
            .or_else(|error| OutFrame::bare(&Head::Return { id, error: Some(error) }));
        drop(place);
        if let Ok(frame) = frame {
            self.conn.queue.push_reply(frame);
        }
    }
}
