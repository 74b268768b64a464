//! The ordered map under an index: sled, or memory where sled cannot be had.
//!
//! Sled may panic on a damaged store, so every call into it is caught; after the first failure the
//! map answers nothing more and says so.

use super::Disk;
use super::marker::Marker;
use crate::base::lock::locked;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Memory that sled may use for pages.
const CACHE: u64 = 1 << 20;
/// Sled's unit of disk space; it keeps a few of these in memory.
const SEGMENT: usize = 256 << 10;

/// Where the nonce of the marker is. Maps of another form have theirs elsewhere, so that they are not
/// taken for ours.
const NONCE: &[u8] = b"N2";

/// The map is gone; what it held must be taken from where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// Key and value.
pub type Pair = (Vec<u8>, Vec<u8>);

enum Map {
    Memory(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>),
    Sled { db: sled::Db, folder: PathBuf },
}

/// Where a map is kept between runs.
pub struct Place {
    pub folder: PathBuf,
    /// The file that a clean stop leaves beside it.
    pub marker: PathBuf,
}

/// See the module.
pub struct Kv {
    map: Map,
    lost: AtomicBool,
}

fn caught<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Lost> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            tracing::warn!(%error, "an index failed; what it was taken from is not affected");
            Err(Lost)
        }
        Err(_) => Err(Lost),
    }
}

impl Kv {
    /// A map that is gone with the process.
    pub fn memory() -> Self {
        Self { map: Map::Memory(Mutex::default()), lost: AtomicBool::new(false) }
    }

    /// The map in `folder`, made if need be.
    fn sled(folder: &Path) -> Result<Self, Lost> {
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE)
            .segment_size(SEGMENT)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None);
        let db = caught(|| config.open())?;
        let map = Map::Sled { db, folder: folder.to_owned() };
        Ok(Self { map, lost: AtomicBool::new(false) })
    }

    /// The map that a clean stop left in `place`, and what `read` finds in it; else an empty one, in
    /// memory if it is not to be on disk or the disk takes no writes.
    pub fn open<T>(
        disk: &Disk,
        place: &Place,
        on_disk: bool,
        read: impl FnOnce(&Self) -> Option<T>,
    ) -> (Self, Option<T>) {
        let (marker, writable) = match Marker::take(disk, &place.marker) {
            Ok(marker) => (marker, true),
            Err(error) => {
                tracing::warn!(%error, "an index cannot be kept on this disk");
                (None, false)
            }
        };
        let kept = marker.filter(|_| on_disk).and_then(|marker| {
            let kv = Self::kept(&place.folder, &marker)?;
            let found = read(&kv)?;
            Some((kv, found))
        });
        match kept {
            Some((kv, found)) => (kv, Some(found)),
            None if on_disk && writable => (Self::fresh(disk, &place.folder), None),
            None => (Self::memory(), None),
        }
    }

    /// Leaves the map such that the next start may trust it; `note` is for whoever reads the marker.
    pub fn shut_down(&self, disk: &Disk, place: &Place, note: u64) {
        let Ok(marker) = self.seal(note) else { return };
        if let Err(error) = marker.leave(disk, &place.marker) {
            tracing::warn!(%error, "an index will be rebuilt at the next start");
        }
    }

    /// The map in `folder`, if it is the one that the marker was left for.
    fn kept(folder: &Path, marker: &Marker) -> Option<Self> {
        let kv = Self::sled(folder).ok()?;
        let same = kv.get(NONCE).ok()?.as_deref() == Some(&marker.nonce);
        same.then_some(kv)
    }

    /// An empty map in `folder`, in memory if the disk does not let us. What was there is not
    /// looked at: it may be damaged.
    fn fresh(disk: &Disk, folder: &Path) -> Self {
        const DEPTH: u32 = 4;
        match disk.remove_tree(folder, DEPTH) {
            Ok(()) => Self::sled(folder).unwrap_or_else(|Lost| Self::memory()),
            Err(_) => Self::memory(),
        }
    }

    /// Makes all of it durable, for a marker that is left last. A map in memory is lost.
    fn seal(&self, note: u64) -> Result<Marker, Lost> {
        let marker = Marker::new(note);
        self.put(NONCE, &marker.nonce)?;
        self.flush()?;
        Ok(marker)
    }

    fn run<T>(
        &self,
        memory: impl FnOnce(&mut BTreeMap<Vec<u8>, Vec<u8>>) -> T,
        sled: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T, Lost> {
        if self.lost.load(Relaxed) {
            return Err(Lost);
        }
        match &self.map {
            Map::Memory(map) => Ok(memory(&mut locked(map))),
            Map::Sled { db, .. } => caught(|| sled(db)).inspect_err(|_| {
                self.lost.store(true, Relaxed);
            }),
        }
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Lost> {
        self.run(|map| map.get(key).cloned(), |db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Lost> {
        self.run(
            |map| drop(map.insert(key.to_vec(), value.to_vec())),
            |db| db.insert(key, value).map(drop),
        )
    }

    pub fn remove(&self, key: &[u8]) -> Result<(), Lost> {
        self.run(|map| drop(map.remove(key)), |db| db.remove(key).map(drop))
    }

    pub fn clear(&self) -> Result<(), Lost> {
        self.run(BTreeMap::clear, |db| db.clear())
    }

    /// At most `most` pairs from `from` on, in order.
    pub fn range(&self, from: &[u8], most: usize) -> Result<Vec<Pair>, Lost> {
        self.run(
            |map| {
                let pairs = map.range(from.to_vec()..).take(most);
                pairs.map(|(key, value)| (key.clone(), value.clone())).collect()
            },
            |db| {
                let pairs = db.range(from..).take(most);
                pairs.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
            },
        )
    }

    /// Makes all of it durable. Sled's own flush does not wait for the disk on Linux, so its file
    /// is synced by hand.
    fn flush(&self) -> Result<(), Lost> {
        let Map::Sled { folder, .. } = &self.map else {
            return Err(Lost);
        };
        let file = folder.join("db");
        let sync = |db: &sled::Db| {
            db.flush()?;
            std::fs::File::open(&file)?.sync_data()?;
            Ok(())
        };
        self.run(|_| (), sync)
    }
}
