//! The connection as references know it: calls that leave, and what each side has shown the other.

use super::Conn;
use super::lanes::Callee;
use crate::base::limits::{ANSWERS_KEPT_MAX, BULK_MAX};
use crate::tub::carrier::{Carrier, Import, OutCall, ReplyTo};
use crate::tub::closing::Closed;
use crate::tub::codec;
use crate::tub::error::RemoteError;
use crate::tub::export::Export;
use crate::tub::frame::{CapDesc, Head, KEEPS_ANSWERS, OutFrame, RESOLVE, Target};
use crate::tub::furl::{Furl, TubId};
use crate::tub::live::{Finder, Live};
use crate::tub::payload::Payload;
use crate::tub::traffic::Departure;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

impl Carrier for Conn {
    fn peer(&self) -> TubId {
        self.peer
    }

    fn incarnation(&self) -> u64 {
        self.hello.incarnation
    }

    fn is_open(&self) -> bool {
        self.closing.reason().is_none()
    }

    fn closed(&self) -> Closed {
        self.closing.watch()
    }

    fn call(self: Arc<Self>, call: OutCall, reply: ReplyTo) -> Option<Departure> {
        let id = self.expect(reply);
        self.depart(id, call)
    }

    fn reserve_answer(&self) -> bool {
        let more = |kept| (kept < ANSWERS_KEPT_MAX).then_some(kept + 1);
        self.hello.features & KEEPS_ANSWERS != 0
            && self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back_answer(&self) {
        self.asked.fetch_sub(1, Ordering::Relaxed);
    }

    fn ask(self: Arc<Self>, call: OutCall, reply: ReplyTo) -> Option<Import> {
        let id = self.expect(reply);
        if let Err(error) = self.note(&Head::Keep { id }) {
            self.give_back_answer();
            self.fail(id, error);
            return None;
        }
        let answer = Import::new(self.clone(), Target::Answer(id));
        self.depart(id, call).map(|_| answer)
    }

    fn export(&self, export: Export) -> Result<u32, RemoteError> {
        self.exports.add(export)
    }

    fn take_back(&self, export: u32) {
        self.exports.release(export, 1);
    }

    fn own(&self, export: u32) -> Option<Export> {
        self.exports.get(export)
    }

    fn import(self: Arc<Self>, export: u32) -> Arc<Import> {
        self.imports.receive(self.clone(), export)
    }

    fn let_go(&self, import: &Import) {
        match import.target {
            Target::Export(export) => {
                self.imports.forget(export, import);
                let release = Head::Release { export, count: import.received() };
                if let Ok(frame) = OutFrame::bare(&release) {
                    self.queue.push_release(frame);
                }
            }
            // A peer that does not hear of it keeps the place taken.
            Target::Answer(id) => {
                if self.note(&Head::Forget { id }).is_ok() {
                    self.give_back_answer();
                }
            }
            // The peer holds nothing for one who knows the name.
            Target::Swissnum(_) => {}
        }
    }

    fn gifts(&self) -> Option<Arc<dyn Finder>> {
        let tub = self.tub.upgrade().filter(|tub| tub.options.accept_gifts);
        tub.map(|tub| tub as Arc<dyn Finder>)
    }
}

impl Conn {
    /// Asks for a sturdy object by name; the answer is a live reference to it.
    pub(in crate::tub) async fn resolve(
        self: &Arc<Self>,
        furl: &Furl,
        interface: u32,
    ) -> Result<Live, RemoteError> {
        let (send, receive) = oneshot::channel();
        let conn = self.clone();
        let reply: ReplyTo = Box::new(move |carrier, raw| {
            let found = raw.and_then(|raw| {
                Live::described(&codec::decode::<CapDesc>(raw.value())?, interface, carrier)
            });
            if found.is_ok() {
                conn.standing.make_welcoming();
                conn.make_known();
            }
            let _ = send.send(found);
        });
        let target = Target::Swissnum(furl.swissnum().clone());
        let payload = Payload::default();
        let call =
            OutCall { target, interface, method: RESOLVE, payload, bulk_max: 0, in_bulk: false };
        self.clone().call(call, reply);
        receive.await.unwrap_or(Err(RemoteError::Disconnected))
    }

    fn depart(self: Arc<Self>, id: u32, call: OutCall) -> Option<Departure> {
        let OutCall { target, interface, method, payload, bulk_max, in_bulk } = call;
        let callee = Callee::from(&target);
        let head = Head::Call { id, target, interface, method };
        let queued = OutFrame::new(&head, &payload.body, payload.bulk).and_then(|frame| {
            let most = if in_bulk { BULK_MAX } else { frame.length.max(bulk_max) };
            self.strands.iter().for_each(|strands| strands.expect(most));
            self.queue.push_call(frame.answered_with(bulk_max).in_bulk(in_bulk), callee)
        });
        match queued {
            Ok(place) => Some(Departure::new(self.traffic.clone(), place)),
            Err(error) => {
                self.fail(id, error);
                None
            }
        }
    }

    /// Queues what belongs between calls.
    fn note(&self, head: &Head) -> Result<(), RemoteError> {
        self.queue.push_note(OutFrame::bare(head)?)
    }
}
