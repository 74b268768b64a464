//! What a storage server stands on: something that keeps shares and their leases.
//!
//! The actors know nothing else of it; the storage directory of [`Store`](super::Store) is one such
//! thing. What every one of them promises:
//!
//! - a share is there whole or not at all. Until its upload is closed nobody sees it, and an upload that
//!   is dropped leaves nothing;
//! - what was answered with `Ok` is true after a power cut: a share that was closed or put is there, a
//!   lease is there with both of its secrets, and what was cancelled is gone;
//! - a lease lies on every share that its storage index has, or on none;
//! - the shares of one storage index change one after the other.
//!
//! All calls may block and may be made from any thread. `tests/conformance` holds whoever makes these
//! promises to them.

use super::error::{Result, StoreError};
use super::expiry::LeaseAge;
use super::index::Facet;
use super::scrub::Scrub;
use super::store::{AllocateRequest, Space};
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::BULK_MAX;
use crate::storage::api::cut;
use crate::storage::container::LeaseSecrets;
use std::sync::Arc;

/// See the module.
pub trait ShareStore: Send + Sync {
    /// Bytes left for new shares.
    fn space(&self) -> Space;

    /// Whether room depends on the bytes in use; until they are known such a store is full.
    fn is_limited(&self) -> bool;

    /// Whether the bytes in use are known, and every lease can be found by its secrets.
    fn indexed(&self) -> bool;

    /// Renews the lease on every share that the SI has here and that is as long and sound; opens an
    /// upload for each other share that there is room and a place for. With the hash of a UEB the SI
    /// belongs to shares of that file alone, and whatever else stands there gives way to one that is
    /// closed.
    fn allocate(self: Arc<Self>, ask: &AllocateRequest, of: Option<Hash>) -> Result<Allocation>;

    /// Stores the one share that `data` is: it is among those that are here already once it is durable
    /// and visible.
    fn put(
        self: Arc<Self>,
        ask: &AllocateRequest,
        of: Option<Hash>,
        data: &[u8],
    ) -> Result<Allocation>;

    /// The numbers of the shares that are here, ascending.
    fn list(&self, si: &StorageIndex) -> Result<Vec<ShareNum>>;

    /// Opens every share that the SI has here, ascending.
    fn open_bucket(self: Arc<Self>, si: &StorageIndex) -> Result<Vec<Box<dyn StoredShare>>>;

    /// Adds a lease to every share that the SI has here, or renews it; how many carry it now.
    fn add_lease(&self, si: &StorageIndex, secrets: &LeaseSecrets) -> Result<u32>;

    /// Extends the lease whose renew secret has this digest; when it ends now, in seconds since 1970.
    /// `NoSuchShare` if there is no such lease.
    fn renew(&self, si: &StorageIndex, digest: &Hash) -> Result<u64>;

    /// When the lease with this renew digest ends, in seconds since 1970.
    fn lease_expires(&self, si: &StorageIndex, digest: &Hash) -> Result<u64>;

    /// Ends the lease whose cancel secret has this digest; from how many shares it went. A share
    /// without leases is deleted.
    fn cancel(&self, si: &StorageIndex, digest: &Hash) -> Result<u32>;

    /// Where a secret with this digest has a lease, and what it allows. Not every lease is found before
    /// [`ShareStore::indexed`].
    fn find_lease(&self, digest: &Hash) -> Option<(Facet, StorageIndex)>;

    /// Takes a report of damage, for the owner to read. A share that is broken by its own sums gives way
    /// to a sound one from then on.
    fn advise_corrupt(
        self: Arc<Self>,
        si: &StorageIndex,
        num: ShareNum,
        reason: &str,
    ) -> Result<()>;

    /// The time by which leases are dated now, in seconds since 1970.
    fn date(&self) -> u64;

    /// To be called every hour or so.
    fn tick(&self);

    /// Goes on with reading all that is kept, on a thread of its own, if it is time for that.
    fn scrub(self: Arc<Self>, scrub: Scrub);

    /// One pass that collects leases which ended, in steps: each says whether there is one more.
    fn collection(self: Arc<Self>, age: LeaseAge) -> Steps;
}

/// See [`ShareStore::collection`].
pub type Steps = Box<dyn FnMut() -> bool + Send>;

/// The answer to an [`AllocateRequest`], of a store that writes uploads of this kind. A share that was
/// asked for and is nowhere here was refused: there is no room for it, or for its lease, or something
/// else stands in its place.
pub struct Grant<U> {
    /// Shares of the SI that are here, asked for or not, and have the lease now.
    pub already: Vec<ShareNum>,
    /// Another upload is writing these, or they are being judged.
    pub in_progress: Vec<ShareNum>,
    pub uploads: Vec<(ShareNum, U)>,
}

impl<U> Default for Grant<U> {
    fn default() -> Self {
        Self { already: Vec::new(), in_progress: Vec::new(), uploads: Vec::new() }
    }
}

/// The same of any store.
pub type Allocation = Grant<Box<dyn ShareUpload>>;

impl<U: ShareUpload + 'static> Grant<U> {
    /// The same, whatever kind its uploads are of.
    pub fn boxed(self) -> Allocation {
        let boxed = |(num, upload): (ShareNum, U)| (num, Box::new(upload) as Box<dyn ShareUpload>);
        let Self { already, in_progress, uploads } = self;
        Grant { already, in_progress, uploads: uploads.into_iter().map(boxed).collect() }
    }
}

/// A share that is being written; given up when it is dropped.
pub trait ShareUpload: Send {
    /// Bytes of the share.
    fn size(&self) -> u64;

    /// Takes bytes for `offset` if that needs no waiting; `None`: use [`ShareUpload::write`].
    fn write_now(&mut self, offset: u64, data: &[u8]) -> Option<Result<()>>;

    /// Writes `data` at `offset`. Bytes that were written before must be the same. The first error is
    /// final.
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()>;

    /// Bytes from the share's beginning on that were written, up to the first that were not: where
    /// somebody who did not write them goes on. What it comes to is judged when it is closed.
    fn resume(&mut self) -> u64;

    /// Makes the share durable and visible. `Incomplete` unless every byte was written. After any
    /// error the share is not here.
    fn close(self: Box<Self>) -> Result<()>;

    /// Whether others may need what this upload holds.
    fn is_in_the_way(&self) -> bool;
}

/// A share that is open for reading.
pub trait StoredShare: Send + Sync {
    fn num(&self) -> ShareNum;

    /// Bytes of share data.
    fn data_len(&self) -> u64;

    /// Reads what the share has of ranges (offset, length), one after the other and each cut where it
    /// ends, into `to`, which is as long. `NoSuchShare` if it was deleted meanwhile.
    fn fill(&self, ranges: &[(u64, u32)], to: &mut [u8]) -> Result<()>;
}

/// As [`StoredShare::fill`], into what `buffer` gives for that many bytes. `OutOfRange` if they would
/// be more than one answer may carry.
pub fn read_into(
    share: &dyn StoredShare,
    ranges: &[(u64, u32)],
    buffer: impl FnOnce(usize) -> Vec<u8>,
) -> Result<Vec<u8>> {
    let total: u64 = ranges.iter().map(|range| cut(*range, share.data_len())).sum();
    if total > BULK_MAX as u64 {
        return Err(StoreError::OutOfRange);
    }
    let mut bytes = buffer(total as usize);
    share.fill(ranges, &mut bytes)?;
    Ok(bytes)
}
