//! Whose turn it is to change a directory, within this node.

use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One queue a directory, gone when nobody waits in it. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<DirectoryId, Weak<tokio::sync::Mutex<()>>>>>);

/// Queues beyond which those without a use are swept out.
const SWEEP_ABOVE: usize = 256;

impl Turns {
    pub fn of(&self, directory: &DirectoryId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() > SWEEP_ABOVE {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        if let Some(turn) = turns.get(directory).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(*directory, Arc::downgrade(&turn));
        turn
    }
}
