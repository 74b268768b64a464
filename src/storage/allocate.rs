//! Making room for new shares.

use super::container::{HEADER_LEN, LEASE_LEN};
use super::error::{Result, StoreError};
use super::journal::record::Key;
use super::space::take;
use super::store::{AllocateRequest, Store, locked};
use super::upload::Upload;
use crate::base::ids::ShareNum;
use crate::base::limits::{SHARE_MAX, WRITERS_CROWD, WRITERS_MAX};
use crate::disk::{File, Mode};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Who the format says asked for a lease that came with an allocation.
const OWNER_ALLOCATE: u32 = 0;

/// The answer to an [`AllocateRequest`]. A share that was asked for and is nowhere here was
/// refused: there is no room for it, or for its lease.
#[derive(Default)]
pub struct Granted {
    /// Every share of the SI that is here, asked for or not, and has the lease now.
    pub already: Vec<ShareNum>,
    /// Another upload is writing these.
    pub in_progress: Vec<ShareNum>,
    pub uploads: Vec<(ShareNum, Upload)>,
}

/// A promise of bytes to one upload; given back when dropped.
pub(super) struct Reservation {
    store: Arc<Store>,
    key: Key,
}

impl Reservation {
    pub fn key(&self) -> Key {
        self.key
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut uploads = locked(&self.store.uploads);
        if let Some(size) = uploads.sizes.remove(&self.key) {
            uploads.reserved = uploads.reserved.saturating_sub(size);
        }
    }
}

impl Store {
    /// Renews the lease on every share that the SI has here, and opens an upload for each other
    /// share that there is room for.
    pub fn allocate(self: &Arc<Self>, ask: &AllocateRequest) -> Result<Granted> {
        self.admit(ask, |store, reserved| store.begin(ask, reserved))
    }

    /// As [`Store::allocate`]; `begin` opens the uploads.
    fn admit(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        begin: impl Fn(&Arc<Self>, Reservation) -> Result<Upload>,
    ) -> Result<Granted> {
        let _change = self.begin_change()?;
        let _bucket = self.lock(&ask.si);
        let bucket = self.scan(&ask.si, Mode::Change)?;
        self.adopt(&ask.si, &bucket)?;
        let already = self.lease_shares(&ask.si, &bucket, OWNER_ALLOCATE, &ask.secrets)?;
        let mut wanted: BTreeSet<ShareNum> = ask.shares.iter().copied().collect();
        for taken in bucket.shares.iter().map(|share| &share.key.1).chain(&bucket.taken) {
            wanted.remove(taken);
        }
        let mut granted = Granted { already, ..Granted::default() };
        for reserved in self.reserve(ask, wanted, &mut granted.in_progress) {
            let num = reserved.key.1;
            match begin(self, reserved) {
                Ok(upload) => granted.uploads.push((num, upload)),
                Err(StoreError::NoSpace | StoreError::ReadOnly) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(granted)
    }

    /// Stores one whole share, whose size is that of `data`: it is among what is here already once
    /// it is durable and visible.
    pub fn put(self: &Arc<Self>, ask: &AllocateRequest, data: &[u8]) -> Result<Granted> {
        let begin = |store: &Arc<Self>, reserved| store.begin_whole(ask, reserved, data);
        let mut granted = self.admit(ask, begin)?;
        for (num, upload) in std::mem::take(&mut granted.uploads) {
            upload.close()?;
            granted.already.push(num);
        }
        Ok(granted)
    }

    /// Whether uploads under way leave too little to those who come: most writers are taken, or
    /// more than half of the room is promised.
    pub(super) fn is_crowded(&self) -> bool {
        let uploads = locked(&self.uploads);
        uploads.sizes.len() >= WRITERS_CROWD || uploads.reserved > self.room_now() / 2
    }

    /// Deducts what is granted from the room, all at once.
    fn reserve(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        wanted: BTreeSet<ShareNum>,
        in_progress: &mut Vec<ShareNum>,
    ) -> Vec<Reservation> {
        let mut granted = Vec::new();
        let mut uploads = locked(&self.uploads);
        // Under the lock: an upload that ends is counted as stored before its promise is given back,
        // so that here it counts once or twice, never not at all.
        let room = self.room_now();
        let cost = self.costs.upload(ask.size.min(SHARE_MAX));
        let mut remaining = room.saturating_sub(uploads.reserved);
        for num in wanted {
            let key = (ask.si, num);
            if uploads.sizes.contains_key(&key) {
                in_progress.push(num);
                continue;
            }
            let full = uploads.sizes.len() >= WRITERS_MAX || room == 0;
            if full || ask.size > SHARE_MAX || take(&mut remaining, cost).is_err() {
                continue;
            }
            uploads.sizes.insert(key, cost);
            uploads.reserved += cost;
            granted.push(Reservation { store: self.clone(), key });
        }
        granted
    }

    fn begin(self: &Arc<Self>, ask: &AllocateRequest, reserved: Reservation) -> Result<Upload> {
        let from = self.paths.incoming_share(&reserved.key);
        let file = self.create_incoming(&reserved.key, &from, Self::new_with_folders)?;
        let mut upload = Upload::new(self.clone(), reserved, ask, (file, from))?;
        upload.write_frame()?;
        Ok(upload)
    }

    fn begin_whole(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        reserved: Reservation,
        data: &[u8],
    ) -> Result<Upload> {
        let from = self.paths.incoming_whole(&reserved.key);
        let new = |store: &Self, _: &Key, path: &Path| store.disk.open(path, Mode::New);
        let file = self.create_incoming(&reserved.key, &from, new)?;
        let mut upload = Upload::new(self.clone(), reserved, ask, (file, from))?;
        upload.write_whole(data)?;
        Ok(upload)
    }

    /// A file under `incoming/`, in the place of what a failure may have left there.
    fn create_incoming(
        &self,
        key: &Key,
        path: &Path,
        new: impl Fn(&Self, &Key, &Path) -> std::io::Result<File>,
    ) -> Result<File> {
        let mut created = new(self, key, path);
        if matches!(&created, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            self.discard_incoming(key, path);
            created = new(self, key, path);
        }
        Ok(created.inspect_err(|_| self.discard_incoming(key, path))?)
    }

    /// A new file, with all folders that it needs now and at the end.
    fn new_with_folders(&self, key: &Key, path: &Path) -> std::io::Result<File> {
        let _tree = locked(&self.tree);
        for bucket in [self.paths.bucket(&key.0).as_path()].into_iter().chain(path.parent()) {
            if let Some(prefix) = bucket.parent() {
                self.disk.mkdir(prefix)?;
            }
            self.disk.mkdir(bucket)?;
        }
        self.disk.open(path, Mode::New)
    }

    /// Removes a file under `incoming/` and the folders that it leaves empty.
    pub(super) fn discard_incoming(&self, key: &Key, path: &Path) {
        let _tree = locked(&self.tree);
        if let Err(error) = self.disk.unlink(path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(si = %key.0, num = %key.1, %error, "an unfinished share stays behind");
        }
        self.prune_incoming(path);
        // Only if nothing else is in it; an upload that needs it makes it again.
        let _ = self.disk.rmdir(&self.paths.bucket(&key.0));
    }

    /// Removes emptied folders under `incoming/`. The caller holds the tree's lock.
    pub(super) fn prune_incoming(&self, path: &Path) {
        let incoming = self.paths.incoming();
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != incoming) {
            if self.disk.rmdir(folder).is_err() {
                break;
            }
        }
    }
}

/// Length of a share file with one lease.
pub(super) const fn file_len(size: u64) -> u64 {
    HEADER_LEN + size + LEASE_LEN
}
