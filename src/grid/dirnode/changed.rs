//! Directories that this node changed: told to who wants to keep what they are now.

use crate::base::limits::CHANGED_MAX;
use crate::base::lock::locked;
use crate::cap::{Cap, DirVerifyCap, VdriveCap};
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Those that were changed and not yet taken, by their verify caps. Of more than [`CHANGED_MAX`] the
/// others are not noted. Clones share them.
#[derive(Clone, Default)]
pub struct Changed(Arc<Inner>);

#[derive(Default)]
struct Inner {
    directories: Mutex<HashMap<DirectoryId, Cap>>,
    wake: Notify,
}

impl Changed {
    pub(super) fn note(&self, verify: &DirVerifyCap) {
        let mut directories = locked(&self.0.directories);
        let id = *verify.directory_id();
        if directories.len() < CHANGED_MAX || directories.contains_key(&id) {
            directories.insert(id, Cap::Vdrive(VdriveCap::Verify(verify.clone())));
        }
        drop(directories);
        self.0.wake.notify_one();
    }

    /// Waits until there are any.
    pub async fn any(&self) {
        while locked(&self.0.directories).is_empty() {
            self.0.wake.notified().await;
        }
    }

    /// All of them.
    pub fn take(&self) -> HashMap<DirectoryId, Cap> {
        std::mem::take(&mut *locked(&self.0.directories))
    }
}
