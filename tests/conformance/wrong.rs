//! Stores that are wrong in one way each, made of one that is right.

use super::places::{Fresh, Place};
use std::sync::{Arc, Mutex};
use tahoe::base::hash::{Hash, blake2b};
use tahoe::base::{ShareNum, StorageIndex};
use tahoe::storage::{
    AllocateRequest, Allocation, Facet, LeaseAge, LeaseSecrets, Scrub, ShareStore, ShareUpload,
    Space, Steps, StoreError, StoredShare,
};
use tahoe_testing::memory::{MemoryStore, SharedDisk};

type Result<T> = std::result::Result<T, StoreError>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Of many shares it keeps the latest.
    Forgets,
    /// A lease that is added lies on all shares but the last.
    TearsLeases,
    /// A cancel secret of a lease that is added leads nowhere.
    LosesCancelSecrets,
    /// What is closed is written down when the next one is.
    AnswersEarly,
}

pub struct Wrong(Fault);

impl Wrong {
    pub fn new(fault: Fault) -> Self {
        Self(fault)
    }
}

impl Place for Wrong {
    fn fresh(&self) -> Fresh {
        let disk = SharedDisk::default();
        let open = {
            let (disk, fault) = (disk, self.0);
            move || -> Arc<dyn ShareStore> {
                let right = Arc::new(MemoryStore(Arc::clone(&disk)));
                Arc::new(WrongStore { right, fault, late: Late::default() })
            }
        };
        Fresh { store: open(), cut: Box::new(move |_| open()) }
    }
}

/// More shares than this are too many for a forgetful store.
const REMEMBERED: usize = 20;

/// An upload whose close was answered.
type Late = Arc<Mutex<Option<Box<dyn ShareUpload>>>>;

struct WrongStore {
    right: Arc<MemoryStore>,
    fault: Fault,
    late: Late,
}

impl WrongStore {
    fn right(&self) -> Arc<MemoryStore> {
        if self.fault == Fault::Forgets {
            let mut disk = self.right.disk();
            while disk.shares.len() > REMEMBERED {
                disk.shares.pop_first();
            }
        }
        Arc::clone(&self.right)
    }

    /// Whatever looks finds what should have been there long ago.
    fn caught_up(&self) -> Arc<MemoryStore> {
        if let Some(late) = self.late.lock().unwrap().take() {
            late.close().unwrap();
        }
        self.right()
    }
}

impl ShareStore for WrongStore {
    fn space(&self) -> Space {
        self.caught_up().space()
    }

    fn is_limited(&self) -> bool {
        self.right.is_limited()
    }

    fn indexed(&self) -> bool {
        self.right.indexed()
    }

    fn allocate(self: Arc<Self>, ask: &AllocateRequest, of: Option<Hash>) -> Result<Allocation> {
        let mut granted = self.caught_up().allocate(ask, of)?;
        if self.fault == Fault::AnswersEarly && of.is_none() {
            for (_, upload) in &mut granted.uploads {
                let inner = std::mem::replace(upload, Box::new(Nothing));
                *upload = Box::new(Early {
                    inner: Some(inner),
                    missing: ask.size,
                    late: self.late.clone(),
                });
            }
        }
        Ok(granted)
    }

    fn put(
        self: Arc<Self>,
        ask: &AllocateRequest,
        of: Option<Hash>,
        data: &[u8],
    ) -> Result<Allocation> {
        self.caught_up().put(ask, of, data)
    }

    fn list(&self, si: &StorageIndex) -> Result<Vec<ShareNum>> {
        self.caught_up().list(si)
    }

    fn open_bucket(self: Arc<Self>, si: &StorageIndex) -> Result<Vec<Box<dyn StoredShare>>> {
        self.caught_up().open_bucket(si)
    }

    fn add_lease(&self, si: &StorageIndex, secrets: &LeaseSecrets) -> Result<u32> {
        let count = self.caught_up().add_lease(si, secrets)?;
        let renew = blake2b(secrets.renew.reveal());
        let mut disk = self.right.disk();
        let mut of_si = disk.leases.iter_mut().filter(|((of, _), _)| of == si);
        match self.fault {
            Fault::TearsLeases if count > 1 => {
                of_si.next_back().unwrap().1.retain(|lease| lease.renew != renew);
            }
            Fault::LosesCancelSecrets if count == 1 => of_si.for_each(|(_, leases)| {
                leases.iter_mut().filter(|l| l.renew == renew).for_each(|l| l.cancel = [0; 32]);
            }),
            _ => {}
        }
        Ok(count)
    }

    fn renew(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        self.caught_up().renew(si, digest)
    }

    fn lease_expires(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        self.caught_up().lease_expires(si, digest)
    }

    fn cancel(&self, si: &StorageIndex, digest: &Hash) -> Result<u32> {
        self.caught_up().cancel(si, digest)
    }

    fn find_lease(&self, digest: &Hash) -> Option<(Facet, StorageIndex)> {
        self.caught_up().find_lease(digest)
    }

    fn advise_corrupt(
        self: Arc<Self>,
        si: &StorageIndex,
        num: ShareNum,
        reason: &str,
    ) -> Result<()> {
        self.right.clone().advise_corrupt(si, num, reason)
    }

    fn date(&self) -> u64 {
        self.right.date()
    }

    fn tick(&self) {}

    fn scrub(self: Arc<Self>, scrub: Scrub) {
        self.right().scrub(scrub);
    }

    fn collection(self: Arc<Self>, age: LeaseAge) -> Steps {
        self.right().collection(age)
    }
}

/// Says that it is closed when it has all bytes, and closes later.
struct Early {
    inner: Option<Box<dyn ShareUpload>>,
    missing: u64,
    late: Late,
}

impl ShareUpload for Early {
    fn size(&self) -> u64 {
        self.inner.as_ref().map_or(0, |inner| inner.size())
    }

    fn write_now(&mut self, _: u64, _: &[u8]) -> Option<Result<()>> {
        None
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let Some(inner) = &mut self.inner else { return Err(StoreError::Ended) };
        inner.write(offset, data)?;
        self.missing = self.missing.saturating_sub(data.len() as u64);
        Ok(())
    }

    fn resume(&mut self) -> u64 {
        self.inner.as_mut().map_or(0, |inner| inner.resume())
    }

    fn close(mut self: Box<Self>) -> Result<()> {
        let Some(inner) = self.inner.take() else { return Err(StoreError::Ended) };
        if self.missing > 0 {
            return inner.close();
        }
        *self.late.lock().unwrap() = Some(inner);
        Ok(())
    }

    fn is_in_the_way(&self) -> bool {
        false
    }
}

/// Stands where an upload is taken out.
struct Nothing;

impl ShareUpload for Nothing {
    fn size(&self) -> u64 {
        0
    }

    fn write_now(&mut self, _: u64, _: &[u8]) -> Option<Result<()>> {
        None
    }

    fn write(&mut self, _: u64, _: &[u8]) -> Result<()> {
        Err(StoreError::Ended)
    }

    fn resume(&mut self) -> u64 {
        0
    }

    fn close(self: Box<Self>) -> Result<()> {
        Err(StoreError::Ended)
    }

    fn is_in_the_way(&self) -> bool {
        false
    }
}
