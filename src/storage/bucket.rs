//! The shares of one SI on this server: finding, reading, setting aside.
//!
//! A bucket is a folder of share files named by their numbers. Shares of mutable files and of
//! versions that we do not know may stand beside ours: they are left alone and not listed. A file
//! that is not what a share file can be is moved to `quarantine/`, never deleted.

use super::api::cut;
use super::container::{HEAD_LEN, HEADER_LEN, Header, Kind, LEASE_LEN, LeaseTable};
use super::error::{Result, StoreError};
use super::journal::record::Key;
use super::latency::Operation;
use super::open_files::{OpenFiles, Place};
use super::paths::share_number;
use super::share_store::read_into;
use super::store::Store;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::LEASES_READ_MAX;
use crate::disk::{Disk, File, Mode};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

/// An immutable share, open.
pub(super) struct Found {
    pub key: Key,
    pub file: File,
    pub header: Header,
}

impl Found {
    /// Whether its data are these bytes.
    pub fn is(&self, data: &[u8]) -> Result<bool> {
        let same_len = self.header.data_len == data.len() as u64;
        Ok(same_len && self.file.read(HEADER_LEN, data.len())? == data)
    }

    /// Reads its leases. `TooManyLeases` if there are more than are held in memory: such a share is
    /// served, and its leases are let alone.
    pub fn table(&self) -> Result<LeaseTable> {
        if self.header.leases > LEASES_READ_MAX {
            return Err(StoreError::TooManyLeases);
        }
        let len = LEASE_LEN as usize * self.header.leases as usize;
        let area = self.file.read(self.header.leases_offset(), len)?;
        let table = LeaseTable::from_bytes(self.header, &area);
        if area.len() < len {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        Ok(table)
    }
}

/// What is in a bucket.
#[derive(Default)]
pub(super) struct Bucket {
    /// Immutable shares, ascending.
    pub shares: Vec<Found>,
    /// Numbers taken by files that are not for us, or that could not be read.
    pub taken: BTreeSet<ShareNum>,
    /// What all its files take.
    pub bytes: u64,
    /// Some could not be read and are not in `bytes`.
    pub unread: bool,
    /// Files that cannot be shares, and were moved to quarantine now.
    pub moved: u64,
}

/// A share, open for reading. Its file may be closed while others are read, see [`OpenFiles`].
pub struct Share {
    store: Weak<Store>,
    files: Arc<OpenFiles>,
    place: Place,
    key: Key,
    len: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.files.forget(&self.place);
    }
}

impl Share {
    pub fn num(&self) -> ShareNum {
        self.key.1
    }

    /// Bytes of share data.
    pub fn data_len(&self) -> u64 {
        self.len
    }

    /// See [`read_into`].
    pub fn read(&self, ranges: &[(u64, u32)]) -> Result<Vec<u8>> {
        read_into(self, ranges, |len| vec![0; len])
    }

    /// Reads what the share has of `ranges` into `to`, which is as long.
    pub fn fill(&self, ranges: &[(u64, u32)], to: &mut [u8]) -> Result<()> {
        let store = self.store.upgrade();
        let _timing = store.map(|store| store.latencies.time(Operation::Read));
        let cut: Vec<_> = ranges.iter().map(|range| (range.0, cut(*range, self.len))).collect();
        let file = self.files.get(&self.place, || {
            let store = self.store.upgrade().ok_or(StoreError::Ended)?;
            store.reopen(&self.key, self.len)
        })?;
        // Several places are fetched at once; the kernel itself looks ahead from one only.
        for (offset, len) in cut.iter().skip(1).filter(|(_, len)| *len > 0) {
            file.will_read(HEADER_LEN + offset, *len);
        }
        let mut rest = to;
        for (offset, len) in cut {
            let Some((place, later)) = rest.split_at_mut_checked(len as usize) else { break };
            if len > 0 && file.read_at(place, HEADER_LEN + offset)? < place.len() {
                return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
            }
            rest = later;
        }
        Ok(())
    }
}

/// A path in `folder` (made if absent) that is not taken: `name`, `name.1`, `name.2` …
pub(super) fn free_name(disk: &Disk, folder: &Path, name: &str) -> Result<PathBuf> {
    disk.mkdir(folder)?;
    let taken: BTreeSet<String> = disk.list(folder)?.into_iter().map(|entry| entry.name).collect();
    let mut free = name.to_owned();
    for n in 1.. {
        if !taken.contains(&free) {
            break;
        }
        free = format!("{name}.{n}");
    }
    Ok(folder.join(free))
}

impl Store {
    /// Opens the shares of a bucket. The caller holds its lock.
    pub(super) fn scan(&self, si: &StorageIndex, mode: Mode) -> Result<Bucket> {
        let names = self.disk.list(&self.paths.bucket(si))?;
        let mut numbers: Vec<ShareNum> = names
            .iter()
            .filter(|entry| !entry.is_dir)
            .filter_map(|entry| share_number(&entry.name))
            .collect();
        numbers.sort();
        let mut bucket = Bucket::default();
        for num in numbers {
            match self.look(&(*si, num), mode) {
                Ok((file, _, Kind::Immutable(header))) => {
                    bucket.bytes += self.costs.share(header);
                    bucket.shares.push(Found { key: (*si, num), file, header });
                }
                Ok((_, len, Kind::Mutable | Kind::Incompatible)) => {
                    bucket.bytes += self.costs.file(len);
                    bucket.taken.insert(num);
                }
                Ok((_, len, Kind::Damaged)) => {
                    bucket.moved += 1;
                    if let Err(error) = self.quarantine(&(*si, num), len) {
                        tracing::error!(%si, %num, %error, "a damaged share cannot be moved");
                        bucket.taken.insert(num);
                        bucket.unread = true;
                    }
                }
                Err(error) if mode == Mode::Read => {
                    tracing::error!(%si, %num, %error, "a share cannot be read");
                    bucket.taken.insert(num);
                    bucket.unread = true;
                }
                Err(error) => return Err(error),
            }
        }
        if bucket.moved > 0 {
            // It takes its room elsewhere now.
            self.reindex(si, &bucket)?;
        }
        Ok(bucket)
    }

    /// Opens one share file and says what it is.
    pub(super) fn look(&self, key: &Key, mode: Mode) -> Result<(File, u64, Kind)> {
        let file = self.disk.open(&self.paths.share(key), mode)?;
        if mode == Mode::Change {
            self.leases.settle(key, &file)?;
        }
        let len = file.size()?;
        let head = file.read(0, HEAD_LEN)?;
        let kind = self.leases.kind(key, &head, len);
        Ok((file, len, kind))
    }

    /// Opens an immutable share; none if something else is there. Its bytes of data, too.
    pub(super) fn immutable(&self, key: &Key, mode: Mode) -> Result<Option<(File, u64)>> {
        Ok(match self.look(key, mode)? {
            (file, _, Kind::Immutable(header)) => Some((file, header.data_len)),
            _ => None,
        })
    }

    /// Moves a share file that cannot be one, or is damaged, out of the way.
    pub(super) fn quarantine(&self, key: &Key, len: u64) -> Result<()> {
        let (si, num) = key;
        let folder = self.paths.quarantine();
        let to = free_name(&self.disk, &folder, &format!("{si}-{num}"))?;
        self.disk.rename_new(&self.paths.share(key), &to)?;
        self.set_aside.fetch_add(self.costs.file(len), Relaxed);
        tracing::error!(%si, %num, "a damaged share was moved to quarantine/");
        for folder in [folder, self.paths.bucket(si), self.paths.0.clone()] {
            self.disk.sync_dir(&folder)?;
        }
        Ok(())
    }

    /// The numbers of the shares that are here, ascending, without those that are condemned.
    pub fn list(&self, si: &StorageIndex) -> Result<Vec<ShareNum>> {
        let _bucket = self.lock(si);
        let bucket = self.scan(si, Mode::Read)?;
        let told =
            bucket.shares.iter().map(|share| share.key).filter(|key| !self.is_condemned(key));
        Ok(told.map(|(_, num)| num).collect())
    }

    /// Opens every share of a bucket for reading, ascending.
    pub fn open_bucket(self: &Arc<Self>, si: &StorageIndex) -> Result<Vec<Share>> {
        let _timing = self.latencies.time(Operation::Get);
        let _bucket = self.lock(si);
        let shares = self.scan(si, Mode::Read)?.shares.into_iter();
        let open = |found: Found| {
            let place = Place::default();
            self.files.add(&place, found.file);
            Share {
                store: Arc::downgrade(self),
                files: self.files.clone(),
                place,
                key: found.key,
                len: found.header.data_len,
            }
        };
        Ok(shares.map(open).collect())
    }

    /// Opens the file of a share again that had so many bytes of data.
    fn reopen(&self, key: &Key, len: u64) -> Result<File> {
        let _bucket = self.lock(&key.0);
        match self.immutable(key, Mode::Read) {
            Ok(Some((file, data_len))) if data_len == len => Ok(file),
            Ok(_) => Err(StoreError::NoSuchShare),
            Err(StoreError::Disk(cause)) if cause.kind() == ErrorKind::NotFound => {
                Err(StoreError::NoSuchShare)
            }
            Err(error) => Err(error),
        }
    }
}
