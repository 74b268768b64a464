//! Adding, renewing and cancelling leases on the shares of a bucket.
//!
//! A lease covers every share that an SI has here. Whoever knows its renew secret may extend it,
//! whoever knows its cancel secret may end it; both are told by digest, so that a furl made of the
//! secret leads here ([`Store::find_lease`]) without the secret being kept.

use super::bucket::{Bucket, Found};
use super::collection::{Collected, Over, Sum};
use super::container::{Cancelled, Edit, Given, LeaseSecrets, LeaseTable};
use super::error::{Result, StoreError};
use super::index::{Facet, Row};
use super::latency::Operation;
use super::store::Store;
use crate::base::hash::Hash;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::lock::locked;
use crate::disk::Mode;
use std::collections::BTreeSet;
use std::io;

/// Who the format says asked for a lease by itself.
const OWNER_ADD: u32 = 1;
/// Buckets remembered as synced; beyond, they are synced again.
const SETTLED_MAX: usize = 100_000;

/// What is to happen to one share.
enum Wish {
    Keep,
    Edit(Edit),
    Remove,
}

impl From<Cancelled> for Wish {
    fn from(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Nothing => Self::Keep,
            Cancelled::Some(edit, _) => Self::Edit(edit),
            Cancelled::Share(_) => Self::Remove,
        }
    }
}

type Digests = BTreeSet<(Hash, Hash)>;

fn digests<'a>(tables: impl Iterator<Item = &'a LeaseTable>) -> Digests {
    tables.flat_map(LeaseTable::digests).collect()
}

impl Store {
    /// Makes sure that what a stopped process left here survives a power cut, before anybody is
    /// told that we have it. The caller holds the bucket's lock.
    pub(super) fn adopt(&self, si: &StorageIndex, bucket: &Bucket) -> Result<()> {
        self.check_names(si)?;
        if bucket.shares.is_empty() || self.trusted() || locked(&self.settled).buckets.contains(si)
        {
            return Ok(());
        }
        let synced = self.sync_bucket(si, bucket);
        let mut settled = locked(&self.settled);
        if synced.is_err() {
            // A second sync could succeed although the first one lost what it was for.
            settled.doubtful.insert(*si);
            return synced;
        }
        if settled.buckets.len() >= SETTLED_MAX {
            settled.buckets.clear();
        }
        settled.buckets.insert(*si);
        Ok(())
    }

    fn sync_bucket(&self, si: &StorageIndex, bucket: &Bucket) -> Result<()> {
        for share in &bucket.shares {
            share.file.sync()?;
        }
        for folder in self.paths.bucket(si).ancestors().take(3) {
            self.disk.sync_dir(folder)?;
        }
        Ok(())
    }

    /// Fails for a bucket in which a name may not survive.
    pub(super) fn check_names(&self, si: &StorageIndex) -> Result<()> {
        if locked(&self.settled).doubtful.contains(si) {
            return Err(io::Error::other("a folder could not be synced").into());
        }
        Ok(())
    }

    /// Carries out what `wish` says of each share, durably, and tells the index; whether there was
    /// anything to do. The caller holds the bucket's lock.
    fn change(
        &self,
        si: &StorageIndex,
        bucket: &Bucket,
        mut wish: impl FnMut(&Found, &mut LeaseTable) -> Wish,
    ) -> Result<bool> {
        let mut tables = bucket.shares.iter().map(Found::table).collect::<Result<Vec<_>>>()?;
        let before = digests(tables.iter());
        let (mut edits, mut removed) = (Vec::new(), Vec::new());
        for (share, table) in bucket.shares.iter().zip(&mut tables) {
            match wish(share, table) {
                Wish::Keep => {}
                Wish::Edit(edit) => edits.push((share.key, &share.file, edit)),
                Wish::Remove => removed.push(share),
            }
        }
        // Held until the index has counted it.
        let _room = self.grow(self.growth(bucket, &tables))?;
        let changed = !edits.is_empty() || !removed.is_empty();
        self.leases.change(edits)?;
        self.remove(si, &removed)?;
        if changed {
            self.reindex_tables(si, bucket, &tables, &before);
        }
        Ok(changed)
    }

    /// Bytes of the disk that a bucket takes more than before, where its leases became these.
    fn growth(&self, bucket: &Bucket, tables: &[LeaseTable]) -> u64 {
        let headers = bucket.shares.iter().map(|share| share.header);
        let both = headers.zip(tables.iter().map(|table| table.header));
        let grown = |(old, new)| self.costs.share(new).saturating_sub(self.costs.share(old));
        both.map(grown).sum()
    }

    /// Deletes shares that nobody holds a lease on any more.
    fn remove(&self, si: &StorageIndex, shares: &[&Found]) -> Result<()> {
        for share in shares {
            self.disk.unlink(&self.paths.share(&share.key))?;
        }
        if !shares.is_empty() {
            self.disk.sync_dir(&self.paths.bucket(si))?;
            let _tree = locked(&self.tree);
            // Only if nothing else is in it.
            let _ = self.disk.rmdir(&self.paths.bucket(si));
        }
        Ok(())
    }

    fn reindex_tables(
        &self,
        si: &StorageIndex,
        bucket: &Bucket,
        tables: &[LeaseTable],
        before: &Digests,
    ) {
        let old: u64 = bucket.shares.iter().map(|share| self.costs.share(share.header)).sum();
        let kept = || tables.iter().filter(|table| !table.leases.is_empty());
        let new: u64 = kept().map(|table| self.costs.share(table.header)).sum();
        let files = bucket.bytes.saturating_sub(old).saturating_add(new);
        let bytes = if files > 0 { files + self.costs.bucket() } else { 0 };
        let earliest = kept().filter_map(LeaseTable::earliest).min().unwrap_or(u32::MAX);
        let shares = kept().count() as u32;
        self.index.put(si, (bytes > 0).then_some(Row { bytes, shares, earliest }));
        let after = digests(tables.iter());
        after.difference(before).for_each(|pair| self.index.add_lease(si, pair));
        before.difference(&after).for_each(|pair| self.index.remove_lease(si, pair));
    }

    /// Takes what the index says of a bucket from its files. The caller holds the bucket's lock.
    pub(super) fn reindex(&self, si: &StorageIndex, bucket: &Bucket) -> Result<()> {
        match bucket.shares.iter().map(Found::table).collect::<Result<Vec<_>>>() {
            Ok(tables) => {
                if let Some(latest) = tables.iter().filter_map(LeaseTable::latest).max() {
                    self.time.note_given(latest);
                }
                self.reindex_tables(si, bucket, &tables, &Digests::new());
            }
            Err(StoreError::TooManyLeases) => {
                let shares = bucket.shares.len() as u32;
                let bytes = bucket.bytes + self.costs.bucket();
                let row = Row { bytes, shares, earliest: u32::MAX };
                self.index.put(si, Some(row));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Adds or renews a lease on every share of a bucket; which shares carry it now.
    pub(super) fn lease_shares(
        &self,
        si: &StorageIndex,
        bucket: &Bucket,
        owner: u32,
        secrets: &LeaseSecrets,
    ) -> Result<Vec<ShareNum>> {
        if bucket.shares.is_empty() {
            return Ok(Vec::new());
        }
        let expires = self.time.lease_end()?;
        let (mut carrying, mut kept) = (Vec::new(), Vec::new());
        self.change(si, bucket, |share, table| {
            let Given { edit, expires } = table.add_or_renew(owner, secrets, expires);
            carrying.push(share.key.1);
            kept.extend(edit.is_none().then_some(expires));
            edit.map_or(Wish::Keep, Wish::Edit)
        })?;
        self.give_again(kept)?;
        Ok(carrying)
    }

    /// Adds a lease to every share of an SI, or renews it; how many shares carry it now.
    pub fn add_lease(&self, si: &StorageIndex, secrets: &LeaseSecrets) -> Result<u32> {
        let _timing = self.latencies.time(Operation::AddLease);
        let _change = self.begin_change()?;
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Change)?;
        self.adopt(si, &bucket)?;
        Ok(self.lease_shares(si, &bucket, OWNER_ADD, secrets)?.len() as u32)
    }

    /// Extends the lease whose renew secret has this digest, on every share of the SI; when it ends
    /// now, in seconds since 1970. `NoSuchShare` if there is no such lease.
    pub fn renew(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        let _timing = self.latencies.time(Operation::Renew);
        let _change = self.begin_change()?;
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Change)?;
        self.adopt(si, &bucket)?;
        let (end, mut ends) = (self.time.lease_end()?, Vec::new());
        self.change(si, &bucket, |_, table| match table.renew(digest, end) {
            None => Wish::Keep,
            Some(Given { edit, expires }) => {
                ends.push(expires);
                edit.map_or(Wish::Keep, Wish::Edit)
            }
        })?;
        let first = ends.iter().min().copied();
        self.give_again(ends.into_iter().filter(|kept| *kept > end))?;
        first.map(u64::from).ok_or(StoreError::NoSuchShare)
    }

    /// Leases with these ends were asked for again and last so long already: they are as young as if
    /// they had been written.
    fn give_again(&self, ends: impl IntoIterator<Item = u32>) -> Result<()> {
        ends.into_iter().try_for_each(|end| self.time.given_again(end))
    }

    /// When the lease with this renew digest ends, in seconds since 1970: on the share where it
    /// ends first.
    pub fn lease_expires(&self, si: &StorageIndex, digest: &Hash) -> Result<u64> {
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Read)?;
        let tables = bucket.shares.iter().map(Found::table).collect::<Result<Vec<_>>>()?;
        let ends = tables.iter().filter_map(|table| table.expires(digest)).min();
        ends.map(u64::from).ok_or(StoreError::NoSuchShare)
    }

    /// Ends the lease whose cancel secret has this digest; how many lease records went. A share
    /// without leases is deleted.
    pub fn cancel(&self, si: &StorageIndex, digest: &Hash) -> Result<u32> {
        let _timing = self.latencies.time(Operation::Cancel);
        let _change = self.begin_change()?;
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Change)?;
        let mut gone = 0;
        self.change(si, &bucket, |_, table| {
            let cancelled = table.cancel(digest);
            if let Cancelled::Some(_, count) | Cancelled::Share(count) = &cancelled {
                gone += count;
            }
            cancelled.into()
        })?;
        if gone == 0 { Err(StoreError::NoSuchShare) } else { Ok(gone) }
    }

    /// Removes the leases of a bucket that are over, and the shares that have none left; counts them in
    /// `sum`.
    pub(super) fn expire(
        &self,
        si: &StorageIndex,
        over: &Over<'_>,
        sum: &mut Collected,
    ) -> Result<()> {
        let _change = self.begin_change()?;
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Change)?;
        let mut after = *sum;
        let changed = self.change(si, &bucket, |share, table| {
            let expired = table.expire(|expires| over.is(expires));
            match &expired {
                Cancelled::Nothing => {}
                Cancelled::Some(_, count) => {
                    after.leases += u64::from(*count);
                    let left = self.costs.share(table.header);
                    after.bytes += self.costs.share(share.header).saturating_sub(left);
                }
                Cancelled::Share(count) => {
                    after.leases += u64::from(*count);
                    after.shares += 1;
                    after.bytes += self.costs.share(share.header);
                }
            }
            expired.into()
        });
        match changed {
            Ok(true) => *sum = after,
            Ok(false) | Err(StoreError::TooManyLeases) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The shares of a bucket that have no lease but such as are over; `None` if no lease of it is.
    pub(super) fn find_over(&self, si: &StorageIndex, over: &Over<'_>) -> Result<Option<Sum>> {
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Read)?;
        let (mut found, mut going) = (false, Sum::default());
        for share in &bucket.shares {
            let expired = match share.table() {
                Ok(mut table) => table.expire(|expires| over.is(expires)),
                Err(StoreError::TooManyLeases) => continue,
                Err(error) => return Err(error),
            };
            found |= expired != Cancelled::Nothing;
            if matches!(expired, Cancelled::Share(_)) {
                going.add(self.costs.share(share.header));
            }
        }
        if !found {
            // The index may have sent us here for nothing: it learns better.
            self.reindex(si, &bucket)?;
        }
        Ok(found.then_some(going))
    }

    /// The bucket that a secret with this digest has a lease on, and what the secret allows. Not
    /// every lease is found before [`Store::indexed`].
    pub fn find_lease(&self, digest: &Hash) -> Option<(Facet, StorageIndex)> {
        self.index.find(digest)
    }
}
