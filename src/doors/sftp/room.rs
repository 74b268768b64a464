//! What all sessions together may take of a node, so that none takes it from the others, or from the other
//! doors.

use super::reply::Refusal;
use crate::base::budget::{Budget, Share};
use crate::base::limits::{SFTP_BYTES_MAX, SFTP_WRITTEN_MAX, SFTP_WRITTEN_OF_SESSION_MAX};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Room {
    /// The memory of messages,
    pub(super) asked: Budget,
    /// of long answers,
    pub(super) told: Budget,
    /// and of names in directories that are open.
    names: Budget,
    /// Files that are open to be written.
    written: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self::new(SFTP_BYTES_MAX)
    }
}

impl Room {
    /// So much memory for each.
    pub fn new(bytes: usize) -> Self {
        let [asked, told, names] = [(); 3].map(|()| Budget::new(bytes));
        Self { asked, told, names, written: Arc::new(Semaphore::new(SFTP_WRITTEN_MAX)) }
    }

    /// Bytes that nobody has for answers.
    pub fn free(&self) -> usize {
        self.told.free()
    }

    /// The right to write one more file, for a session that writes so many.
    pub(super) fn write(&self, now: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = Arc::clone(&self.written).try_acquire_owned().ok();
        let turn = turn.filter(|_| now < SFTP_WRITTEN_OF_SESSION_MAX);
        turn.ok_or_else(|| {
            Refusal::said("as many files are being written as may be; try again later")
        })
    }

    /// Memory for the names in a directory.
    pub(super) fn names(&self, bytes: usize) -> Result<Share, Refusal> {
        Ok(self.names.try_take(bytes)?)
    }
}
