//! A storage directory as the store of a server.

use super::bucket::Share;
use super::collection::Collection;
use super::container::LeaseSecrets;
use super::error::Result;
use super::expiry::LeaseAge;
use super::index::Facet;
use super::scrub::Scrub;
use super::share_store::{Allocation, Grant, ShareStore, ShareUpload, Steps, StoredShare};
use super::store::{AllocateRequest, Space, Store};
use super::upload::Upload;
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use std::sync::Arc;

impl ShareStore for Store {
    fn space(&self) -> Space {
        self.space()
    }

    fn is_limited(&self) -> bool {
        self.is_limited()
    }

    fn indexed(&self) -> bool {
        self.indexed()
    }

    fn allocate(self: Arc<Self>, ask: &AllocateRequest, of: Option<Hash>) -> Result<Allocation> {
        let granted = match of {
            Some(hash) => self.allocate_proven(ask, hash),
            None => Self::allocate(&self, ask),
        };
        granted.map(Grant::boxed)
    }

    fn put(
        self: Arc<Self>,
        ask: &AllocateRequest,
        of: Option<Hash>,
        data: &[u8],
    ) -> Result<Allocation> {
        let granted = match of {
            Some(hash) => self.put_proven(ask, hash, data),
            None => Self::put(&self, ask, data),
        };
        granted.map(Grant::boxed)
    }

    fn list(&self, si: &StorageIndex) -> Result<Vec<ShareNum>> {
        self.list(si)
    }

    fn open_bucket(self: Arc<Self>, si: &StorageIndex) -> Result<Vec<Box<dyn StoredShare>>> {
        let shares = Self::open_bucket(&self, si)?.into_iter();
        Ok(shares.map(|share| Box::new(share) as Box<dyn StoredShare>).collect())
    }

    fn add_lease(&self, si: &StorageIndex, secrets: &LeaseSecrets) -> Result<u32> {
        self.add_lease(si, secrets)
    }

    fn renew(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        self.renew(si, digest)
    }

    fn lease_expires(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        self.lease_expires(si, digest)
    }

    fn cancel(&self, si: &StorageIndex, digest: &Hash) -> Result<u32> {
        self.cancel(si, digest)
    }

    fn find_lease(&self, digest: &Hash) -> Option<(Facet, StorageIndex)> {
        self.find_lease(digest)
    }

    fn advise_corrupt(
        self: Arc<Self>,
        si: &StorageIndex,
        num: ShareNum,
        reason: &str,
    ) -> Result<()> {
        Store::advise_corrupt(&self, si, num, reason)
    }

    fn date(&self) -> u64 {
        self.date()
    }

    fn tick(&self) {
        self.tick();
    }

    fn scrub(self: Arc<Self>, scrub: Scrub) {
        Store::scrub(&self, scrub);
    }

    fn collection(self: Arc<Self>, age: LeaseAge) -> Steps {
        let mut pass = Collection::new(self, age);
        Box::new(move || pass.step())
    }
}

impl ShareUpload for Upload {
    fn size(&self) -> u64 {
        self.size()
    }

    fn write_now(&mut self, offset: u64, data: &[u8]) -> Option<Result<()>> {
        self.write_now(offset, data)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.write(offset, data)
    }

    fn resume(&mut self) -> u64 {
        self.resume()
    }

    fn close(self: Box<Self>) -> Result<()> {
        Self::close(*self)
    }

    fn is_in_the_way(&self) -> bool {
        self.is_in_the_way()
    }
}

impl StoredShare for Share {
    fn num(&self) -> ShareNum {
        self.num()
    }

    fn data_len(&self) -> u64 {
        self.data_len()
    }

    fn fill(&self, ranges: &[(u64, u32)], to: &mut [u8]) -> Result<()> {
        self.fill(ranges, to)
    }
}
