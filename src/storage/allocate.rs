//! Making room for new shares.

use super::bucket::Found;
use super::container::{HEADER_LEN, LEASE_LEN};
use super::error::{Result, StoreError};
use super::journal::record::Key;
use super::latency::Operation;
use super::share_store::Grant;
use super::space::take;
use super::store::{AllocateRequest, Store};
use super::upload::Upload;
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{SHARE_MAX, WRITERS_CROWD, WRITERS_MAX};
use crate::base::lock::locked;
use crate::base::system;
use crate::codec::verify::Alone;
use crate::disk::{File, Mode};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Who the format says asked for a lease that came with an allocation.
const OWNER_ALLOCATE: u32 = 0;

/// The answer to an [`AllocateRequest`].
pub type Granted = Grant<Upload>;

/// What an upload must turn out to be, and what is known of it.
#[derive(Clone, Copy, Default)]
struct Terms<'a> {
    /// The hash of its UEB. What stands in its place and has another one gives way.
    proven: Option<Hash>,
    /// All of the share.
    whole: Option<&'a [u8]>,
}

/// What stands where a share is to go.
enum Standing {
    /// As good as what would be written.
    Same,
    /// Nobody has looked at it yet; somebody does.
    Unseen,
    /// Something that stays.
    Other,
    /// Something that gives way.
    Worse,
}

/// A promise of bytes to one upload; given back when dropped.
pub(super) struct Reservation {
    store: Arc<Store>,
    key: Key,
    /// What it counts as, and where it is written: its own key, or a place of its own if nobody may
    /// keep it out.
    slot: Key,
}

impl Reservation {
    pub fn key(&self) -> Key {
        self.key
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut uploads = locked(&self.store.uploads);
        if let Some(size) = uploads.sizes.remove(&self.slot) {
            uploads.reserved = uploads.reserved.saturating_sub(size);
        }
    }
}

impl Store {
    /// Renews the lease on every share that the SI has here, is as long and is what it says itself;
    /// and opens an upload for each other share that there is room and a place for.
    pub fn allocate(self: &Arc<Self>, ask: &AllocateRequest) -> Result<Granted> {
        self.admit(ask, Terms::default())
    }

    /// As [`Store::allocate`], for an SI that belongs to shares of the file with this UEB alone:
    /// whatever else stands there gives way to one that is closed.
    pub fn allocate_proven(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        ueb_hash: Hash,
    ) -> Result<Granted> {
        self.admit(ask, Terms { proven: Some(ueb_hash), whole: None })
    }

    fn admit(self: &Arc<Self>, ask: &AllocateRequest, terms: Terms<'_>) -> Result<Granted> {
        let _timing = self.latencies.time(Operation::Allocate);
        let _change = self.begin_change()?;
        let _bucket = self.lock(&ask.si);
        let mut bucket = self.scan(&ask.si, Mode::Change)?;
        self.adopt(&ask.si, &bucket)?;
        let mut granted = Granted::default();
        let mut wanted: BTreeSet<ShareNum> = ask.shares.iter().copied().collect();
        wanted.retain(|num| !bucket.taken.contains(num));
        let mut same = BTreeSet::new();
        for found in &bucket.shares {
            let (num, standing) = (found.key.1, self.standing(found, ask, terms));
            let asked = !matches!(standing, Standing::Worse) && wanted.remove(&num);
            match standing {
                Standing::Same => drop(same.insert(num)),
                Standing::Unseen if asked => granted.in_progress.push(num),
                _ => {}
            }
        }
        bucket.shares.retain(|found| same.contains(&found.key.1));
        granted.already = self.lease_shares(&ask.si, &bucket, OWNER_ALLOCATE, &ask.secrets)?;
        for reserved in self.reserve(ask, terms, wanted, &mut granted.in_progress) {
            let num = reserved.key.1;
            match self.begin(ask, terms, reserved) {
                Ok(upload) => granted.uploads.push((num, upload)),
                Err(StoreError::NoSpace | StoreError::ReadOnly) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(granted)
    }

    /// Compares a share that is here with what is to be written. Whole shares are compared as they
    /// are, and those that were not asked for not at all.
    fn standing(
        self: &Arc<Self>,
        found: &Found,
        ask: &AllocateRequest,
        terms: Terms<'_>,
    ) -> Standing {
        let other = || match terms.proven.is_some() || self.is_condemned(&found.key) {
            true => Standing::Worse,
            false => Standing::Other,
        };
        if let Some(data) = terms.whole {
            let same =
                ask.shares.contains(&found.key.1) && told(found, found.is(data)).unwrap_or(false);
            return if same { Standing::Same } else { other() };
        }
        if found.header.data_len != ask.size {
            return other();
        }
        let Some(judged) = told(found, self.judge(found)) else { return other() };
        match (judged, terms.proven) {
            (None, _) => Standing::Unseen,
            (Some(Alone::Sound(hash)), Some(proven)) if hash == proven => Standing::Same,
            // Of what no server can judge, the uploader can: it has it shown.
            (Some(Alone::Sound(_) | Alone::Unknown), None) => Standing::Same,
            _ => other(),
        }
    }

    /// Stores one whole share, whose size is that of `data`: it is among what is here already once
    /// it is durable and visible.
    pub fn put(self: &Arc<Self>, ask: &AllocateRequest, data: &[u8]) -> Result<Granted> {
        self.put_on(ask, Terms { proven: None, whole: Some(data) })
    }

    /// As [`Store::put`], in the way of [`Store::allocate_proven`].
    pub fn put_proven(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        ueb_hash: Hash,
        data: &[u8],
    ) -> Result<Granted> {
        self.put_on(ask, Terms { proven: Some(ueb_hash), whole: Some(data) })
    }

    fn put_on(self: &Arc<Self>, ask: &AllocateRequest, terms: Terms<'_>) -> Result<Granted> {
        let mut granted = self.admit(ask, terms)?;
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
        terms: Terms<'_>,
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
            let slot = match terms.proven {
                Some(_) => (StorageIndex(system::random()), num),
                None => key,
            };
            if uploads.sizes.contains_key(&slot) {
                in_progress.push(num);
                continue;
            }
            let full = uploads.sizes.len() >= WRITERS_MAX || room == 0;
            if full || ask.size > SHARE_MAX || take(&mut remaining, cost).is_err() {
                continue;
            }
            uploads.sizes.insert(slot, cost);
            uploads.reserved += cost;
            granted.push(Reservation { store: self.clone(), key, slot });
        }
        granted
    }

    fn begin(
        self: &Arc<Self>,
        ask: &AllocateRequest,
        terms: Terms<'_>,
        reserved: Reservation,
    ) -> Result<Upload> {
        let (from, file) = match terms.whole {
            Some(_) => {
                let from = self.paths.incoming_whole(&reserved.slot);
                let new = |store: &Self, _: &Key, path: &Path| store.disk.open(path, Mode::New);
                (from.clone(), self.create_incoming(&reserved.key, &from, new)?)
            }
            None => {
                let from = self.paths.incoming_share(&reserved.slot);
                let new = Self::new_with_folders;
                (from.clone(), self.create_incoming(&reserved.key, &from, new)?)
            }
        };
        let mut upload = Upload::new(self.clone(), reserved, ask, (file, from))?;
        upload.proven = terms.proven;
        match terms.whole {
            Some(data) => upload.write_whole(data)?,
            None => upload.write_frame()?,
        }
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

/// What was read of a share that is here. One that cannot be read is none, and no reason to refuse
/// others.
fn told<T>(found: &Found, read: std::result::Result<T, impl Display>) -> Option<T> {
    let (si, num) = found.key;
    read.inspect_err(|error| tracing::warn!(%si, %num, %error, "a share cannot be read")).ok()
}

/// Length of a share file with one lease.
pub(super) const fn file_len(size: u64) -> u64 {
    HEADER_LEN + size + LEASE_LEN
}
