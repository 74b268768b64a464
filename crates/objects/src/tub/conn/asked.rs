//! Calls whose answers are called before they are here.

use super::Conn;
use crate::base::limits::ANSWERS_KEPT_MAX;
use crate::tub::error::RemoteError;
use crate::tub::frame::{Head, KEEPS_ANSWERS, OutFrame, Target};
use crate::tub::interface::{Call, Interface};
use crate::tub::payload::Payload;
use crate::tub::promise::{Promise, Settle};
use crate::tub::refs::Ref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A call whose answer the peer keeps. Dropped, it tells the peer so, behind all that was called
/// through it.
pub(in crate::tub) struct Asked {
    conn: Arc<Conn>,
    id: u32,
}

impl Asked {
    /// Whether the peer keeps one more answer; if so, its place is taken.
    pub(super) fn take_place(conn: &Conn) -> bool {
        let more = |kept| (kept < ANSWERS_KEPT_MAX).then_some(kept + 1);
        conn.hello.features & KEEPS_ANSWERS != 0
            && conn.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn give_back_place(conn: &Conn) {
        conn.asked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Announces the call `id`, which has a place.
    pub(super) fn announce(conn: &Arc<Conn>, id: u32) -> Result<Self, RemoteError> {
        let queued = note(conn, &Head::Keep { id });
        if queued.is_err() {
            Self::give_back_place(conn);
        }
        queued.map(|()| Self { conn: conn.clone(), id })
    }

    /// What is called for this goes through here,
    pub(in crate::tub) fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    /// to this.
    pub(in crate::tub) fn target(&self) -> Target {
        Target::Answer(self.id)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // A peer that does not hear of it keeps the place taken.
        if note(&self.conn, &Head::Forget { id: self.id }).is_ok() {
            Self::give_back_place(&self.conn);
        }
    }
}

fn note(conn: &Conn, head: &Head) -> Result<(), RemoteError> {
    conn.queue.push_note(OutFrame::bare(head)?)
}

impl Conn {
    /// Queues a call for a reference that is called before it is there. The message comes back if the
    /// peer keeps no answers, or no more.
    pub(in crate::tub) fn promise<I: Interface, J: Interface, M: Call<I, Reply = Ref<J>>>(
        self: &Arc<Self>,
        target: Target,
        message: M,
    ) -> Result<Promise<J>, M> {
        if !Asked::take_place(self) {
            return Err(message);
        }
        let settle = Settle::default();
        let ahead = match Payload::encode(message, self) {
            Ok(payload) => self.ask((target, I::id(), M::METHOD), payload, settle.clone()),
            Err(error) => {
                Asked::give_back_place(self);
                settle.settle(Err(error));
                None
            }
        };
        Ok(Promise::new(settle, ahead))
    }

    /// Announces such a call and queues it; `None` if it has failed.
    fn ask<J: Interface>(
        self: &Arc<Self>,
        head: (Target, u32, u16),
        mut payload: Payload,
        settle: Settle<J>,
    ) -> Option<Asked> {
        let lent = std::mem::take(&mut payload.lent);
        let id = self.expect(Box::new(move |conn, raw| {
            let found = raw.and_then(|raw| raw.decode(conn));
            drop(lent);
            settle.settle(found);
        }));
        match Asked::announce(self, id) {
            Ok(asked) => self.depart(id, head, (payload, 0)).map(|_| asked),
            Err(error) => {
                self.deliver(id, Err(error));
                None
            }
        }
    }
}
