//! Calls that wait for their replies.

use crate::base::lock::locked;
use crate::tub::carrier::ReplyTo;
use std::collections::HashMap;
use std::sync::Mutex;

#[derive(Default)]
struct Table {
    last_id: u32,
    replies: HashMap<u32, ReplyTo>,
}

#[derive(Default)]
pub(super) struct Pending(Mutex<Table>);

impl Pending {
    /// The number of a call that is about to be queued.
    pub(super) fn expect(&self, reply: ReplyTo) -> u32 {
        let mut table = locked(&self.0);
        table.last_id = table.last_id.wrapping_add(1);
        let id = table.last_id;
        table.replies.insert(id, reply);
        id
    }

    /// What takes the reply of the call `id`, once.
    pub(super) fn take(&self, id: u32) -> Option<ReplyTo> {
        locked(&self.0).replies.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.0).replies.is_empty()
    }

    pub(super) fn take_all(&self) -> Vec<ReplyTo> {
        let replies = std::mem::take(&mut locked(&self.0).replies);
        replies.into_values().collect()
    }
}
