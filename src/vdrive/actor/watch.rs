//! Who is told of new heads. Each watcher has at most one call under way; what happens meanwhile
//! comes to one more, with the newest sequence.

use super::directory::DirectoryActor;
use crate::base::limits::WATCHERS_MAX;
use crate::tub::{Ref, RemoteError};
use crate::vdrive::api::{HeadMoved, Watcher, code};
use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use std::collections::BTreeMap;

struct Watching {
    watcher: Ref<Watcher>,
    /// The sequence that it was last told.
    told: u64,
    /// It has not answered yet.
    busy: bool,
}

/// The watchers of one directory, and the newest sequence that is known.
#[derive(Default)]
pub(super) struct Watchers {
    all: BTreeMap<u64, Watching>,
    next: u64,
    newest: u64,
}

impl DirectoryActor {
    /// Takes a watcher on. It is told of heads newer than the newest that is known now.
    pub(super) fn watch(
        &mut self,
        watcher: Ref<Watcher>,
        context: &mut Context<Self>,
    ) -> Result<(), RemoteError> {
        let watchers = &mut self.watchers;
        if watchers.all.len() >= WATCHERS_MAX {
            return Err(RemoteError::app(code::TOO_MANY, "too many watchers"));
        }
        let (number, told) = (watchers.next, watchers.newest);
        watchers.next += 1;
        let lost = watcher.lost().into_actor(self);
        context.spawn(lost.map(move |(), this, _| drop(this.watchers.all.remove(&number))));
        self.watchers.all.insert(number, Watching { watcher, told, busy: false });
        Ok(())
    }

    /// The directory has a head of this sequence.
    pub(super) fn tell_watchers(&mut self, seq: u64, context: &mut Context<Self>) {
        if seq <= self.watchers.newest {
            return;
        }
        self.watchers.newest = seq;
        let all: Vec<u64> = self.watchers.all.keys().copied().collect();
        all.into_iter().for_each(|number| self.tell(number, context));
    }

    fn tell(&mut self, number: u64, context: &mut Context<Self>) {
        let newest = self.watchers.newest;
        let Some(watching) = self.watchers.all.get_mut(&number) else { return };
        if watching.busy || watching.told >= newest {
            return;
        }
        (watching.busy, watching.told) = (true, newest);
        let call = watching.watcher.call(HeadMoved { seq: newest }).into_actor(self);
        context.spawn(call.map(move |heard, this, context| {
            match this.watchers.all.get_mut(&number) {
                Some(watching) if heard.is_ok() => watching.busy = false,
                _ => drop(this.watchers.all.remove(&number)),
            }
            this.tell(number, context);
        }));
    }
}
