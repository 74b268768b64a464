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
        self.put(*verify.directory_id(), Cap::Vdrive(VdriveCap::Verify(verify.clone())));
    }

    fn put(&self, id: DirectoryId, cap: Cap) {
        let mut directories = locked(&self.0.directories);
        if directories.len() < CHANGED_MAX || directories.contains_key(&id) {
            directories.insert(id, cap);
        }
        drop(directories);
        self.0.wake.notify_one();
    }

    /// Puts one back that was taken.
    pub fn put_back(&self, cap: Cap) {
        if let Some(id) = cap.vdrive().map(VdriveCap::directory_id) {
            self.put(id, cap);
        }
    }

    /// Waits until there are any.
    pub async fn any(&self) {
        while locked(&self.0.directories).is_empty() {
            self.0.wake.notified().await;
        }
    }

    /// All of them.
    pub fn take(&self) -> Vec<Cap> {
        std::mem::take(&mut *locked(&self.0.directories)).into_values().collect()
    }
}
