//! The right to have one batch in memory, from its plaintext to the last server's answer.

use crate::grid::progress::Meter;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Given back when the last piece of the batch has been answered.
pub struct Hold {
    _permit: OwnedSemaphorePermit,
    plaintext: u64,
    meter: Meter,
}

impl Hold {
    /// Bytes of plaintext in the batch.
    pub fn plaintext(&self) -> usize {
        self.plaintext as usize
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.meter.sent(self.plaintext);
    }
}

/// Where one upload gets its holds: one is always its own, more are shared by the whole client, so
/// that many uploads at once do not multiply the memory of one.
#[derive(Clone)]
pub struct Holds {
    own: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    meter: Meter,
}

impl Holds {
    pub fn new(spare: Arc<Semaphore>, meter: Meter) -> Self {
        Self { own: Arc::new(Semaphore::new(1)), spare, meter }
    }

    /// Waits for the right to begin a batch of `plaintext` bytes. `None` when the client is gone.
    pub async fn next(&self, plaintext: u64) -> Option<Hold> {
        let own = Arc::clone(&self.own).acquire_owned();
        let spare = Arc::clone(&self.spare).acquire_owned();
        let permit = tokio::select! {
            biased;
            permit = own => permit,
            permit = spare => permit,
        };
        Some(Hold { _permit: permit.ok()?, plaintext, meter: self.meter.clone() })
    }
}
