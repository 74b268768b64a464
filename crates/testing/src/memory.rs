//! A store that keeps its shares in memory, for tests that are about the client: real storage servers
//! stand on it, and a test sees and changes what it has. `tests/conformance` holds it to what the
//! storage directory promises.

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use tahoe::base::hash::{Hash, blake2b};
use tahoe::base::limits::LEASE_SECONDS;
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::codec::verify::{Alone, verify_alone};
use tahoe::storage::api::{Storage, cut};
use tahoe::storage::{
    AllocateRequest, Allocation, Facet, Grant, LeaseAge, LeaseSecrets, Scrub, ServerOptions,
    ShareStore, ShareUpload, Space, Steps, StorageServer, StoreError, StoredShare,
};
use tahoe::tub::Ref;

type Name = (StorageIndex, ShareNum);
type Result<T> = std::result::Result<T, StoreError>;

/// A lease: the digests of its secrets, and when it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    pub renew: Hash,
    pub cancel: Hash,
    pub expires: u64,
}

/// What is stored, shared with the test.
#[derive(Default)]
pub struct Disk {
    pub shares: BTreeMap<Name, Bytes>,
    pub leases: BTreeMap<Name, Vec<Lease>>,
    /// Bytes of shares that were brought, those among them that were brought again too.
    pub brought: u64,
    /// Shares being written whose names nobody else may have.
    writing: BTreeSet<Name>,
    /// Bytes promised to uploads.
    promised: u64,
    /// What clients reported.
    pub advisories: Vec<(StorageIndex, ShareNum, String)>,
    pub read_only: bool,
    /// No lease is taken, for this reason.
    pub lease_refusal: Option<StoreError>,
    /// How often a client asked for the shares of a file.
    pub opened: usize,
    /// Bytes that still fit.
    pub room: Option<u64>,
}

/// Clones are the same disk.
pub type SharedDisk = Arc<Mutex<Disk>>;

/// See the module.
pub struct MemoryStore(pub SharedDisk);

/// A storage server on such a store.
pub struct MemoryServer;

impl MemoryServer {
    pub fn start(disk: &SharedDisk) -> Ref<Storage> {
        let store = Arc::new(MemoryStore(Arc::clone(disk)));
        StorageServer::start(store, ServerOptions::default()).0
    }
}

impl Disk {
    fn takes(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.lease_refusal.clone().map_or(Ok(()), Err)
    }

    fn of(&self, si: &StorageIndex) -> Vec<(ShareNum, Bytes)> {
        let here = self.shares.range((*si, ShareNum(0))..=(*si, ShareNum(255)));
        here.map(|((_, num), bytes)| (*num, bytes.clone())).collect()
    }

    fn left(&self) -> u64 {
        let room = if self.read_only { 0 } else { self.room.unwrap_or(u64::MAX) };
        room.saturating_sub(self.promised)
    }

    /// Adds or renews a lease on one share.
    fn lease(&mut self, name: Name, secrets: &LeaseSecrets) {
        let (renew, cancel) = (blake2b(secrets.renew.reveal()), blake2b(secrets.cancel.reveal()));
        let leases = self.leases.entry(name).or_default();
        leases.retain(|lease| lease.renew != renew);
        leases.push(Lease { renew, cancel, expires: LEASE_SECONDS });
    }

    /// Ends of the leases of an SI that `which` chooses.
    fn ends(&self, si: &StorageIndex, which: impl Fn(&Lease) -> bool) -> Vec<u64> {
        let of_si = self.leases.iter().filter(|((of, _), _)| of == si);
        of_si
            .flat_map(|(_, leases)| leases.iter().filter(|l| which(l)).map(|l| l.expires))
            .collect()
    }

    fn keep(&mut self, name: Name, bytes: Bytes) {
        let size = bytes.len() as u64;
        let before = self.shares.insert(name, bytes).map_or(0, |old| old.len() as u64);
        self.room = self.room.map(|room| (room + before).saturating_sub(size));
    }
}

impl MemoryStore {
    pub fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }
}

/// Whether a share's own sums hold, as far as anybody can tell without a cap; and, if `of`, for
/// the file with that UEB.
fn is_whole(num: ShareNum, bytes: &Bytes, of: Option<Hash>) -> bool {
    let read =
        |range: Range<u64>| Ok::<_, ()>(bytes.slice(range.start as usize..range.end as usize));
    match (verify_alone(num, bytes.len() as u64, read).unwrap(), of) {
        (Alone::Sound(hash), Some(of)) => hash == of,
        (verdict, None) => verdict != Alone::Broken,
        _ => false,
    }
}

impl ShareStore for MemoryStore {
    fn space(&self) -> Space {
        let disk = self.disk();
        Space {
            available: disk.left(),
            largest: disk.left(),
            used: Some(disk.shares.values().map(|share| share.len() as u64).sum()),
            allocated: disk.promised,
            read_only: disk.read_only,
        }
    }

    fn is_limited(&self) -> bool {
        false
    }

    fn indexed(&self) -> bool {
        true
    }

    fn allocate(self: Arc<Self>, ask: &AllocateRequest, of: Option<Hash>) -> Result<Allocation> {
        let mut disk = self.disk();
        disk.takes()?;
        let same = |(num, bytes): &(ShareNum, Bytes)| {
            bytes.len() as u64 == ask.size && is_whole(*num, bytes, of)
        };
        let here = disk.of(&ask.si).into_iter().filter(same);
        let already: Vec<ShareNum> = here.map(|(num, _)| num).collect();
        already.iter().for_each(|num| disk.lease((ask.si, *num), &ask.secrets));
        let (mut in_progress, mut uploads) = (Vec::new(), Vec::new());
        for share in ask.shares.iter().copied().filter(|share| !already.contains(share)) {
            let name = (ask.si, share);
            if of.is_none() && disk.writing.contains(&name) {
                in_progress.push(share);
            } else if (of.is_some() || !disk.shares.contains_key(&name)) && disk.left() >= ask.size
            {
                disk.promised += ask.size;
                if of.is_none() {
                    disk.writing.insert(name);
                }
                uploads.push((share, MemoryUpload::new(&self.0, name, ask, of)));
            }
        }
        Ok(Grant { already, in_progress, uploads }.boxed())
    }

    fn put(
        self: Arc<Self>,
        ask: &AllocateRequest,
        of: Option<Hash>,
        data: &[u8],
    ) -> Result<Allocation> {
        let mut disk = self.disk();
        disk.takes()?;
        let mut granted = Allocation::default();
        for share in ask.shares.iter().copied() {
            let (name, data) = ((ask.si, share), Bytes::copy_from_slice(data));
            if of.is_some() && !is_whole(share, &data, of) {
                return Err(StoreError::Unproven);
            }
            let stands = disk.shares.get(&name).is_some_and(|there| *there != data);
            if of.is_none() && disk.writing.contains(&name) {
                granted.in_progress.push(share);
            } else if (of.is_some() || !stands) && disk.left() >= ask.size {
                disk.keep(name, data);
                disk.lease(name, &ask.secrets);
                granted.already.push(share);
            }
        }
        Ok(granted)
    }

    fn list(&self, si: &StorageIndex) -> Result<Vec<ShareNum>> {
        Ok(self.disk().of(si).into_iter().map(|(num, _)| num).collect())
    }

    fn open_bucket(self: Arc<Self>, si: &StorageIndex) -> Result<Vec<Box<dyn StoredShare>>> {
        let mut disk = self.disk();
        disk.opened += 1;
        let open = |(num, bytes)| Box::new(MemoryShare { num, bytes }) as Box<dyn StoredShare>;
        Ok(disk.of(si).into_iter().map(open).collect())
    }

    fn add_lease(&self, si: &StorageIndex, secrets: &LeaseSecrets) -> Result<u32> {
        let mut disk = self.disk();
        disk.lease_refusal.clone().map_or(Ok(()), Err)?;
        let here = disk.of(si);
        here.iter().for_each(|(num, _)| disk.lease((*si, *num), secrets));
        Ok(here.len() as u32)
    }

    fn renew(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        self.lease_expires(si, digest)
    }

    fn lease_expires(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        let ends = self.disk().ends(si, |lease| lease.renew == *digest);
        ends.into_iter().min().ok_or(StoreError::NoSuchShare)
    }

    fn cancel(&self, si: &StorageIndex, digest: &Hash) -> Result<u32> {
        let mut disk = self.disk();
        let gone = disk.ends(si, |lease| lease.cancel == *digest).len();
        let Disk { shares, leases, .. } = &mut *disk;
        for (name, leases) in leases.iter_mut().filter(|((of, _), _)| of == si) {
            leases.retain(|lease| lease.cancel != *digest);
            if leases.is_empty() {
                shares.remove(name);
            }
        }
        leases.retain(|_, leases| !leases.is_empty());
        if gone == 0 { Err(StoreError::NoSuchShare) } else { Ok(gone as u32) }
    }

    fn find_lease(&self, digest: &Hash) -> Option<(Facet, StorageIndex)> {
        let disk = self.disk();
        disk.leases.iter().find_map(|((si, _), leases)| {
            let is = |facet: fn(&Lease) -> Hash| leases.iter().any(|lease| facet(lease) == *digest);
            match (is(|lease| lease.renew), is(|lease| lease.cancel)) {
                (true, _) => Some((Facet::Renew, *si)),
                (_, true) => Some((Facet::Cancel, *si)),
                _ => None,
            }
        })
    }

    fn advise_corrupt(
        self: Arc<Self>,
        si: &StorageIndex,
        num: ShareNum,
        reason: &str,
    ) -> Result<()> {
        self.disk().advisories.push((*si, num, reason.to_owned()));
        Ok(())
    }

    fn date(&self) -> u64 {
        0
    }

    fn tick(&self) {}

    fn scrub(self: Arc<Self>, _: Scrub) {}

    fn collection(self: Arc<Self>, _: LeaseAge) -> Steps {
        Box::new(|| false)
    }
}

struct MemoryUpload {
    disk: SharedDisk,
    name: Name,
    secrets: LeaseSecrets,
    of: Option<Hash>,
    bytes: Vec<u8>,
    written: Vec<bool>,
    failed: Option<StoreError>,
}

impl MemoryUpload {
    fn new(disk: &SharedDisk, name: Name, ask: &AllocateRequest, of: Option<Hash>) -> Self {
        let (bytes, written) = (vec![0; ask.size as usize], vec![false; ask.size as usize]);
        let secrets = ask.secrets.clone();
        Self { disk: Arc::clone(disk), name, secrets, of, bytes, written, failed: None }
    }

    fn try_write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= self.size());
        let range = offset as usize..end.ok_or(StoreError::OutOfRange)? as usize;
        let (bytes, written) = (&mut self.bytes[range.clone()], &mut self.written[range]);
        let mut known = written.iter().zip(bytes.iter().zip(data));
        if known.any(|(known, (old, new))| *known && old != new) {
            return Err(StoreError::Conflict);
        }
        bytes.copy_from_slice(data);
        written.fill(true);
        self.disk.lock().unwrap().brought += data.len() as u64;
        Ok(())
    }
}

impl ShareUpload for MemoryUpload {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write_now(&mut self, offset: u64, data: &[u8]) -> Option<Result<()>> {
        Some(self.write(offset, data))
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)?;
        self.try_write(offset, data).inspect_err(|error| self.failed = Some(error.clone()))
    }

    fn resume(&mut self) -> u64 {
        self.written.iter().take_while(|written| **written).count() as u64
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)?;
        if self.written.contains(&false) {
            return Err(StoreError::Incomplete);
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        if self.of.is_some() && !is_whole(self.name.1, &bytes, self.of) {
            return Err(StoreError::Unproven);
        }
        let mut disk = self.disk.lock().unwrap();
        let other = disk.shares.get(&self.name).is_some_and(|there| *there != bytes);
        if other && self.of.is_none() {
            return Err(StoreError::Conflict);
        }
        disk.keep(self.name, bytes);
        disk.lease(self.name, &self.secrets);
        Ok(())
    }

    fn is_in_the_way(&self) -> bool {
        let disk = self.disk.lock().unwrap();
        disk.promised > disk.left()
    }
}

impl Drop for MemoryUpload {
    fn drop(&mut self) {
        let mut disk = self.disk.lock().unwrap();
        disk.promised -= self.written.len() as u64;
        if self.of.is_none() {
            disk.writing.remove(&self.name);
        }
    }
}

struct MemoryShare {
    num: ShareNum,
    bytes: Bytes,
}

impl StoredShare for MemoryShare {
    fn num(&self) -> ShareNum {
        self.num
    }

    fn data_len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn fill(&self, ranges: &[(u64, u32)], to: &mut [u8]) -> Result<()> {
        let mut rest = to;
        for range in ranges {
            let len = cut(*range, self.data_len()) as usize;
            let (place, later) = rest.split_at_mut(len);
            if len > 0 {
                place.copy_from_slice(&self.bytes[range.0 as usize..][..len]);
            }
            rest = later;
        }
        Ok(())
    }
}
