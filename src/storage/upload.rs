//! One share being written.
//!
//! The file in `incoming/` has its header and its lease from the start; data goes between them, in
//! any order, within the allocated size. The first failure is final. Dropping an upload that was
//! not closed removes the file.

use super::allocate::{Reservation, file_len};
use super::bucket::{Found, free_name};
use super::container::{
    COUNT_OFFSET, HEADER_LEN, Header, Lease, LeaseSecrets, LeaseTable, Version,
};
use super::coverage::Coverage;
use super::error::{Result, StoreError};
use super::gather::Gather;
use super::journal::record::Key;
use super::judge::judge_file;
use super::latency::Operation;
use super::store::{AllocateRequest, Store};
use crate::base::hash::Hash;
use crate::base::lock::locked;
use crate::codec::verify::Alone;
use crate::disk::{Cache, File, Mode};
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A header, a small share and its lease are written in one piece up to this.
const ONE_PIECE_MAX: u64 = 64 << 10;

/// See the module.
pub struct Upload {
    store: Arc<Store>,
    key: Key,
    size: u64,
    secrets: LeaseSecrets,
    lease: Lease,
    file: File,
    /// Where the file is until it is whole.
    from: PathBuf,
    coverage: Coverage,
    gather: Gather,
    failed: Option<StoreError>,
    /// The hash of the UEB that it must turn out to have.
    pub(super) proven: Option<Hash>,
    /// Its bytes came from two uploads, and may not belong together.
    resumed: bool,
    done: bool,
    /// Last: the share counts as in progress until its file is gone.
    _reserved: Option<Reservation>,
}

impl Upload {
    pub(super) fn new(
        store: Arc<Store>,
        reserved: Reservation,
        ask: &AllocateRequest,
        (file, from): (File, PathBuf),
    ) -> Result<Self> {
        let expires = store.time.lease_end();
        let expires = expires.inspect_err(|_| store.discard_incoming(&reserved.key(), &from))?;
        let lease = Lease::new(Version::Two, 0, &ask.secrets, expires);
        let gather = Gather::new(store.gathered.clone(), file_len(ask.size));
        Ok(Self {
            key: reserved.key(),
            store,
            size: ask.size,
            secrets: ask.secrets.clone(),
            lease,
            file,
            from,
            coverage: Coverage::default(),
            gather,
            failed: None,
            proven: None,
            resumed: false,
            done: false,
            _reserved: Some(reserved),
        })
    }

    /// Writes what surrounds the data.
    pub(super) fn write_frame(&mut self) -> Result<()> {
        let header = self.header();
        let (head, lease) = (header.to_bytes(), self.lease.to_bytes());
        if file_len(self.size) > ONE_PIECE_MAX {
            self.file.write_at(&head, 0, Cache::Keep)?;
            return Ok(self.file.write_at(&lease, header.leases_offset(), Cache::Keep)?);
        }
        let mut whole = Vec::with_capacity(file_len(self.size) as usize);
        whole.extend_from_slice(&head);
        whole.resize(header.leases_offset() as usize, 0);
        whole.extend_from_slice(&lease);
        Ok(self.file.write_at(&whole, 0, Cache::Keep)?)
    }

    fn header(&self) -> Header {
        Header { version: Version::Two, leases: 1, data_len: self.size }
    }

    /// Writes a share with what surrounds it.
    pub(super) fn write_whole(&mut self, data: &[u8]) -> Result<()> {
        let _timing = self.store.latencies.time(Operation::Write);
        self.coverage.add(self.range(0, data)?).map_err(|_| StoreError::OutOfRange)?;
        let whole = [&self.header().to_bytes(), data, &self.lease.to_bytes()].concat();
        Ok(self.file.write_at(&whole, 0, Cache::Keep)?)
    }

    /// Takes bytes for `offset` if that needs no call to the disk; `None`: use [`Upload::write`].
    pub fn write_now(&mut self, offset: u64, data: &[u8]) -> Option<Result<()>> {
        let range = self.range(offset, data).ok()?;
        let quick = self.failed.is_none()
            && self.coverage.overlaps(&range).is_empty()
            && self.gather.takes(HEADER_LEN + offset, data.len());
        quick.then(|| self.write(offset, data))
    }

    /// Writes `data` at `offset` of the share. Bytes that were written before must be the same.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let _timing = self.store.latencies.time(Operation::Write);
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.try_write(offset, data).inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// Bytes from the beginning on that were written: somebody who did not write them goes on there.
    pub fn resume(&mut self) -> u64 {
        self.resumed |= self.coverage.front() > 0;
        self.coverage.front()
    }

    fn range(&self, offset: u64, data: &[u8]) -> Result<Range<u64>> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= self.size);
        Ok(offset..end.ok_or(StoreError::OutOfRange)?)
    }

    fn try_write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let range = self.range(offset, data)?;
        self.compare(&range, data)?;
        self.coverage.add(range).map_err(|_| StoreError::OutOfRange)?;
        let file = &self.file;
        let mut sink = |bytes: &[u8], at, cache| file.write_at(bytes, at, cache);
        Ok(self.gather.push(HEADER_LEN + offset, data, &mut sink)?)
    }

    fn flush(&mut self) -> Result<()> {
        let file = &self.file;
        Ok(self.gather.flush(&mut |bytes, at, cache| file.write_at(bytes, at, cache))?)
    }

    /// Refuses other bytes where some were written already.
    fn compare(&mut self, range: &Range<u64>, data: &[u8]) -> Result<()> {
        const STEP: usize = 64 << 10;
        let overlaps = self.coverage.overlaps(range);
        if !overlaps.is_empty() {
            self.flush()?;
        }
        for known in overlaps {
            let from = (known.start - range.start) as usize;
            let new = data.get(from..(known.end - range.start) as usize).unwrap_or_default();
            for (step, new) in new.chunks(STEP).enumerate() {
                let at = HEADER_LEN + known.start + (step * STEP) as u64;
                if self.file.read(at, new.len())? != new {
                    return Err(StoreError::Conflict);
                }
            }
        }
        Ok(())
    }

    /// Makes the share durable and visible. `Incomplete` unless every byte was written. After any
    /// error the share is not here, and the upload is void.
    pub fn close(mut self) -> Result<()> {
        let timing = self.store.latencies.time(Operation::Close);
        let closed = self.finish();
        drop(timing);
        if let Err(error) = &closed {
            tracing::warn!(si = %self.key.0, num = %self.key.1, %error, "an upload failed");
        }
        closed
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.flush()?;
        if !self.coverage.is_whole(self.size) {
            return Err(StoreError::Incomplete);
        }
        self.file.sync()?;
        let succeeds = self.prove()?;
        let store = self.store.clone();
        let _change = store.begin_change()?;
        let _bucket = store.lock(&self.key.0);
        store.check_names(&self.key.0)?;
        store.leases.forget(&self.key)?;
        let succeeds = succeeds && store.is_condemned(&self.key);
        if !store.place(&self.key, &self.from)? {
            return self.meet_existing(succeeds);
        }
        store.forget_judgement(&self.key);
        self.done = true;
        if let Err(error) = store.sync_names(&self.key) {
            store.unplace(&self.key);
            return Err(error);
        }
        store.index.add_share(&self.key.0, store.costs.share(self.header()), self.lease.expires);
        store.index.add_lease(&self.key.0, &self.digests());
        Ok(())
    }

    fn digests(&self) -> (Hash, Hash) {
        (self.lease.renew, self.lease.cancel)
    }

    /// Reads a share that was promised to be of a certain file, that was gone on with, or that is to take
    /// the place of a condemned one; whether it is.
    fn prove(&self) -> Result<bool> {
        let succeeds = self.proven.is_none() && self.store.is_condemned(&self.key);
        if self.proven.is_none() && !succeeds && !self.resumed {
            return Ok(false);
        }
        match judge_file(&self.file, self.key.1, self.size)? {
            Alone::Sound(found) if self.proven.is_none_or(|hash| hash == found) => Ok(succeeds),
            _ => Err(StoreError::Unproven),
        }
    }

    /// There is a share in this place. It gets the lease, if it is the same; a proven one takes the
    /// place of anything else, a sound one that of a condemned one, which `succeeds` says it is.
    fn meet_existing(&mut self, succeeds: bool) -> Result<()> {
        let (si, num) = self.key;
        let mut bucket = self.store.scan(&si, Mode::Change)?;
        bucket.shares.retain(|share| share.key.1 == num);
        let found = bucket.shares.first().ok_or(StoreError::Conflict)?;
        if !self.is_as(found)? {
            return match self.proven.is_some() || succeeds {
                true => self.replace(found),
                false => Err(StoreError::Conflict),
            };
        }
        self.store.sync_names(&self.key)?;
        self.store.lease_shares(&si, &bucket, self.lease.owner, &self.secrets).map(drop)
    }

    /// Whether a share that is here has the same bytes.
    fn is_as(&self, found: &Found) -> Result<bool> {
        const STEP: u64 = 256 << 10;
        if found.header.data_len != self.size {
            return Ok(false);
        }
        for at in (0..self.size).step_by(STEP as usize) {
            let (at, len) = (HEADER_LEN + at, STEP.min(self.size - at) as usize);
            if self.file.read(at, len)? != found.file.read(at, len)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes the place of a share that is not what belongs there, and its leases: whoever keeps what
    /// stood here wants to keep this.
    fn replace(&mut self, found: &Found) -> Result<()> {
        let (store, (si, num)) = (self.store.clone(), self.key);
        let mut table = LeaseTable { header: self.header(), leases: vec![self.lease.clone()] };
        table.inherit(&found.table()?);
        // Held until the index has counted it; one lease is promised already.
        let more = store.costs.share(table.header) - store.costs.share(self.header());
        let _room = store.grow(more)?;
        self.write_leases(&table)?;
        match self.proven {
            Some(_) => store.replace(&self.key, &self.from)?,
            None => store.succeed(&self.key, &self.from, found.file.size()?)?,
        }
        store.forget_judgement(&self.key);
        self.done = true;
        tracing::warn!(%si, %num, "a share took the place of one that does not belong there");
        store.reindex(&si, &store.scan(&si, Mode::Read)?)
    }

    fn write_leases(&self, table: &LeaseTable) -> Result<()> {
        let area: Vec<u8> = table.leases.iter().flat_map(Lease::to_bytes).collect();
        self.file.write_at(&area, table.header.leases_offset(), Cache::Keep)?;
        self.file.write_at(&table.header.leases.to_be_bytes(), COUNT_OFFSET, Cache::Keep)?;
        Ok(self.file.sync()?)
    }

    /// Bytes of the share.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether others may need what this upload holds.
    pub fn is_in_the_way(&self) -> bool {
        self.store.is_crowded()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.done {
            self.store.discard_incoming(&self.key, &self.from);
        }
    }
}

impl Store {
    /// Renames a finished share into its bucket. False: a file of that name is there already.
    fn place(&self, key: &Key, from: &Path) -> Result<bool> {
        let _tree = locked(&self.tree);
        let to = self.paths.share(key);
        let mut renamed = self.disk.rename_new(from, &to);
        if matches!(&renamed, Err(error) if error.kind() == ErrorKind::NotFound) {
            let bucket = self.paths.bucket(&key.0);
            if let Some(prefix) = bucket.parent() {
                self.disk.mkdir(prefix)?;
            }
            self.disk.mkdir(&bucket)?;
            renamed = self.disk.rename_new(from, &to);
        }
        match renamed {
            Ok(()) => {
                self.prune_incoming(from);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames a finished share into the place of one that is damaged, which its owner may want to see. All
    /// of the new one is on the disk; the names are synced together.
    fn succeed(&self, key: &Key, from: &Path, damaged_len: u64) -> Result<()> {
        let (to, folder) = (self.paths.share(key), self.paths.quarantine());
        let tree = locked(&self.tree);
        let aside = free_name(&self.disk, &folder, &format!("{}-{}", key.0, key.1))?;
        self.disk.rename_new(&to, &aside)?;
        if let Err(error) = self.disk.rename_new(from, &to) {
            self.disk.rename_new(&aside, &to)?;
            return Err(error.into());
        }
        self.prune_incoming(from);
        drop(tree);
        self.set_aside.fetch_add(self.costs.file(damaged_len), Relaxed);
        self.sync_names(key).inspect_err(|_| {
            locked(&self.settled).doubtful.insert(key.0);
        })?;
        for folder in [&folder, &self.paths.0] {
            self.disk.sync_dir(folder)?;
        }
        Ok(())
    }

    /// Renames a finished share over one that is there.
    fn replace(&self, key: &Key, from: &Path) -> Result<()> {
        let tree = locked(&self.tree);
        self.disk.rename_over(from, &self.paths.share(key))?;
        self.prune_incoming(from);
        drop(tree);
        self.sync_names(key).inspect_err(|_| {
            locked(&self.settled).doubtful.insert(key.0);
        })
    }

    /// Syncs every folder that a new share's name depends on.
    fn sync_names(&self, key: &Key) -> Result<()> {
        let bucket = self.paths.bucket(&key.0);
        self.disk.sync_dir(&bucket)?;
        let Some(prefix) = bucket.parent() else { return Ok(()) };
        self.disk.sync_dir(prefix)?;
        if !locked(&self.settled).prefixes.contains(prefix) {
            self.disk.sync_dir(&self.paths.shares())?;
            locked(&self.settled).prefixes.insert(prefix.to_owned());
        }
        Ok(())
    }

    /// Takes a share back whose name could not be synced: nobody may be told that it is here.
    fn unplace(&self, key: &Key) {
        if let Err(error) = self.disk.unlink(&self.paths.share(key)) {
            tracing::error!(si = %key.0, num = %key.1, %error, "a share's name is in doubt");
            locked(&self.settled).doubtful.insert(key.0);
        }
    }
}
