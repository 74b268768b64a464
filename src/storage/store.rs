//! A storage directory: what is kept, and the order in which it becomes safe.
//!
//! A share becomes visible whole or not at all: it is written in `incoming/`, synced, renamed into
//! its bucket, and the folders whose entries are new are synced; only then is it acknowledged. A
//! lease is acknowledged when the journal and then the share file are synced. After a failed sync
//! nothing is tried again with the same bytes: the upload is void.
//!
//! All calls block and may be made from any thread. The files of one bucket change under one lock;
//! names under `shares/` are made, moved and removed under one more, held for no sync.

use super::clock::StoreClock;
use super::collection::Collected;
use super::container::LeaseSecrets;
use super::error::{Result, StoreError};
use super::index::Index;
use super::journal::record::Key;
use super::judge::Judged;
use super::latency::{Latencies, Latency};
use super::leases::Leases;
use super::open_files::OpenFiles;
use super::paths::{INCOMING_DEPTH, Paths};
use super::scrub::Scrubbing;
use super::space::{Costs, Room, take};
use crate::base::blocking;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{READER_FILES_MAX, SCRUB_RECORD_MAX, WRITE_GATHER_MAX};
use crate::base::lock::{locked, unpoisoned};
use crate::base::system::Clock;
use crate::base::tally::Tally;
use crate::disk::folder::{self, FolderLock};
use crate::disk::{Disk, Mode};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a storage directory is used.
#[derive(Clone)]
pub struct StoreConfig {
    /// The storage directory; made if its parent exists.
    pub dir: PathBuf,
    /// Bytes of the disk that may be taken in all.
    pub size_limit: Option<u64>,
    /// Bytes of the file system to leave free.
    pub reserved_space: u64,
    /// Take no new shares.
    pub read_only: bool,
    pub clock: Clock,
    /// A file by which the owner says that the clock is right, or that most of what is stored may be
    /// collected. It is removed when that is needed, and holds once.
    pub owners_word: PathBuf,
    pub disk: Disk,
    /// Keep the index in sled rather than in memory.
    pub index_on_disk: bool,
}

/// The usual name of [`StoreConfig::owners_word`].
pub const OWNERS_WORD: &str = "expire_confirmed";

impl StoreConfig {
    /// No limit, the system's disk and clock.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            owners_word: dir.join(OWNERS_WORD),
            dir,
            size_limit: None,
            reserved_space: 0,
            read_only: false,
            clock: Clock::System,
            disk: Disk::real(),
            index_on_disk: true,
        }
    }
}

/// Room and state of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// Bytes of the disk that new shares may take, open uploads deducted.
    pub available: u64,
    /// Bytes of the largest share that is taken.
    pub largest: u64,
    /// Bytes of the disk that is taken; `None` while that is being counted.
    pub used: Option<u64>,
    /// Bytes that open uploads may still take.
    pub allocated: u64,
    pub read_only: bool,
}

/// A client asks to store shares.
#[derive(Clone)]
pub struct AllocateRequest {
    pub si: StorageIndex,
    pub shares: Vec<ShareNum>,
    /// Bytes of each share.
    pub size: u64,
    pub secrets: LeaseSecrets,
}

/// Uploads under way.
#[derive(Default)]
pub(super) struct Uploads {
    pub sizes: HashMap<Key, u64>,
    pub reserved: u64,
}

/// What is known of names on disk.
#[derive(Default)]
pub(super) struct Settled {
    /// Prefix folders whose entry in `shares/` was synced by this process.
    pub prefixes: HashSet<PathBuf>,
    /// Buckets whose shares from before this start were synced by it.
    pub buckets: HashSet<StorageIndex>,
    /// Buckets in which something may not survive: a sync failed and what it was for is still there.
    pub doubtful: HashSet<StorageIndex>,
}

/// See the module.
pub struct Store {
    pub(super) disk: Disk,
    pub(super) paths: Paths,
    pub(super) costs: Costs,
    /// Bytes in `quarantine/` and `corruption-advisories/`.
    pub(super) set_aside: AtomicU64,
    pub(super) time: StoreClock,
    pub(super) owners_word: PathBuf,
    pub(super) leases: Leases,
    pub(super) index: Index,
    pub(super) uploads: Mutex<Uploads>,
    pub(super) tree: Mutex<()>,
    pub(super) settled: Mutex<Settled>,
    pub(super) gathered: Tally,
    pub(super) files: Arc<OpenFiles>,
    pub(super) advisories: Mutex<Option<usize>>,
    pub(super) collected: Mutex<Option<Collected>>,
    pub(super) judged: Mutex<Judged>,
    pub(super) scrubbing: Mutex<Scrubbing>,
    pub(super) latencies: Arc<Latencies>,
    buckets: Vec<Mutex<()>>,
    size_limit: Option<u64>,
    reserved_space: u64,
    read_only: bool,
    /// The last stop was clean: every name here was synced before it.
    trusted: bool,
    stopping: AtomicBool,
    /// Held shared by whatever changes the store; [`Store::shut_down`] waits for it.
    changing: RwLock<()>,
    filler: Mutex<Option<JoinHandle<()>>>,
    _lock: FolderLock,
}

/// See [`Store::grow`].
pub(super) struct Growth<'a> {
    store: &'a Store,
    bytes: u64,
}

impl Drop for Growth<'_> {
    fn drop(&mut self) {
        let mut uploads = locked(&self.store.uploads);
        uploads.reserved = uploads.reserved.saturating_sub(self.bytes);
    }
}

/// Locks for buckets; which one is decided by the storage index.
const BUCKET_LOCKS: usize = 256;

impl Store {
    /// Opens a storage directory, ours or one of Tahoe-LAFS 1.20, and completes what a crash left
    /// half done. On a disk that takes no writes it opens read-only. `InUse` if another process has
    /// it open.
    pub fn open(config: StoreConfig) -> Result<Arc<Self>> {
        let (disk, paths) = (config.disk, Paths(config.dir));
        let writable = folder::prepare(&disk, &paths.0, &paths.shares());
        let lock = folder::lock(&disk, &paths.0)?.ok_or(StoreError::InUse)?;
        let writable = writable.and_then(|()| empty_incoming(&disk, &paths));
        if let Err(error) = &writable {
            tracing::error!(%error, "the storage directory takes no writes; serving read-only");
        }
        let leases = Leases::open(disk.clone(), paths.clone())?;
        let costs = Costs { block: disk.block(&paths.0)? };
        let aside = set_aside(&disk, &paths, costs);
        let on_disk = config.index_on_disk && writable.is_ok();
        let (index, trusted) = Index::open(&disk, &paths, costs, on_disk);
        let record = disk.open(&paths.scrub(), Mode::Read);
        let record = record.and_then(|file| file.read(0, SCRUB_RECORD_MAX + 1)).ok();
        let (scrubbing, condemned) = Scrubbing::open(record);
        let (time, known) = StoreClock::open(&disk, &paths, config.clock, writable.is_ok());
        let store = Arc::new(Self {
            disk,
            paths,
            costs,
            set_aside: AtomicU64::new(aside),
            time,
            owners_word: config.owners_word,
            leases,
            index,
            uploads: Mutex::default(),
            tree: Mutex::default(),
            settled: Mutex::default(),
            gathered: Tally::new(WRITE_GATHER_MAX as u64),
            files: Arc::new(OpenFiles::new(READER_FILES_MAX)),
            advisories: Mutex::default(),
            collected: Mutex::default(),
            judged: Mutex::new(Judged::with(condemned)),
            scrubbing: Mutex::new(scrubbing),
            latencies: Arc::default(),
            buckets: (0..BUCKET_LOCKS).map(|_| Mutex::default()).collect(),
            size_limit: config.size_limit,
            reserved_space: config.reserved_space,
            read_only: config.read_only || writable.is_err(),
            trusted,
            stopping: AtomicBool::new(false),
            changing: RwLock::default(),
            filler: Mutex::default(),
            _lock: lock,
        });
        // Filling it reads all leases, and with them what they say of time.
        if !trusted || !known {
            store.fill_index();
        }
        Ok(store)
    }

    /// The lock of a bucket: whoever reads or changes the files of an SI holds it.
    pub(super) fn lock(&self, si: &StorageIndex) -> Option<MutexGuard<'_, ()>> {
        let number = usize::from(*si.0.first()?);
        self.buckets.get(number % BUCKET_LOCKS).map(locked)
    }

    /// The right to change what is stored, for one operation; taken before the bucket's lock, and
    /// only once by a thread. `Ended` when the store is shut down.
    pub(super) fn begin_change(&self) -> Result<RwLockReadGuard<'_, ()>> {
        let change = unpoisoned(self.changing.read());
        // Looked at under the lock: who sees no stop is waited for by it.
        if self.stopping.load(Relaxed) { Err(StoreError::Ended) } else { Ok(change) }
    }

    /// Whether long work should end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Bytes left for new shares.
    pub fn space(&self) -> Space {
        let uploads = locked(&self.uploads);
        let allocated = uploads.reserved;
        drop(uploads);
        let available = self.room_now().saturating_sub(allocated);
        let (used, largest) = (self.used(), self.costs.largest(available));
        Space { available, largest, used, allocated, read_only: self.read_only }
    }

    fn used(&self) -> Option<u64> {
        Some(self.index.bytes()?.saturating_add(self.set_aside.load(Relaxed)))
    }

    /// Bytes of the disk that may still be taken, open uploads not deducted.
    fn room(&self) -> u64 {
        let free = self.disk.free(&self.paths.0).unwrap_or_else(|error| {
            tracing::error!(%error, "free space is unknown; taken for none");
            0
        });
        let limit = self.size_limit.map(|limit| (limit, self.used()));
        Room { free, reserved: self.reserved_space, limit }.available()
    }

    /// Bytes for new shares, open uploads not deducted.
    pub(super) fn room_now(&self) -> u64 {
        if self.read_only { 0 } else { self.room() }
    }

    /// Takes room for what is to grow by so many bytes, until the answer is dropped: by then it must be
    /// counted as stored. Also where no new shares are taken.
    pub(super) fn grow(&self, bytes: u64) -> Result<Growth<'_>> {
        if bytes > 0 {
            let mut uploads = locked(&self.uploads);
            let mut left = self.room().saturating_sub(uploads.reserved);
            take(&mut left, bytes)?;
            uploads.reserved += bytes;
        }
        Ok(Growth { store: self, bytes })
    }

    /// Whether the bytes in use are known, and every lease can be found by its secrets.
    pub fn indexed(&self) -> bool {
        self.index.bytes().is_some()
    }

    /// How long what was asked of it took lately.
    pub fn latencies(&self) -> Vec<Latency> {
        self.latencies.summary()
    }

    /// Whether room depends on the bytes in use; until they are known such a store is full.
    pub fn is_limited(&self) -> bool {
        self.size_limit.is_some()
    }

    /// Whether shares from before this start are known to survive a power cut.
    pub(super) fn trusted(&self) -> bool {
        self.trusted
    }

    /// Waits for changes under way, and refuses later ones; then empties the journal and keeps the
    /// index for the next start. Uploads under way are void.
    pub fn shut_down(&self) {
        if !self.stopping.swap(true, Relaxed) {
            if let Some(filler) = locked(&self.filler).take() {
                let _ = filler.join();
            }
            let _none = unpoisoned(self.changing.write());
            self.leases.shut_down();
            if !self.read_only {
                self.time.shut_down();
                self.leave_scrub_round();
            }
            if locked(&self.settled).doubtful.is_empty() {
                self.index.shut_down(&self.disk, &self.paths);
            }
        }
    }

    /// Waits until the index is filled, at most so long. True: it is.
    pub fn wait_indexed(&self, most: Duration) -> bool {
        self.index.bytes_within(most).is_some()
    }

    fn fill_index(self: &Arc<Self>) {
        self.index.clear();
        let store = Arc::downgrade(self);
        match blocking::thread("storage-index", move || fill(&store)) {
            Ok(filler) => *locked(&self.filler) = filler,
            Err(error) => tracing::error!(%error, "the storage index cannot be rebuilt"),
        }
    }

    /// Takes what the index says of a bucket from its files; whether that was all of it.
    fn index_bucket(&self, si: &StorageIndex) -> bool {
        let _bucket = self.lock(si);
        let read = self.scan(si, Mode::Read);
        let indexed = read.and_then(|bucket| {
            self.reindex(si, &bucket)?;
            Ok(!bucket.unread)
        });
        indexed.unwrap_or_else(|error| {
            tracing::error!(%si, %error, "a bucket cannot be indexed");
            false
        })
    }

    /// Puts every bucket of a prefix folder into the index. `None`: the store stops; false: something
    /// could not be read.
    fn index_prefix(&self, prefix: &Path) -> Option<bool> {
        let names = match self.disk.list(prefix) {
            Ok(names) => names,
            Err(error) => {
                tracing::error!(%error, "a folder of shares cannot be indexed");
                return Some(false);
            }
        };
        let mut whole = true;
        for si in names.iter().filter_map(|entry| StorageIndex::from_base32(&entry.name).ok()) {
            if self.stopping.load(Relaxed) {
                return None;
            }
            whole &= self.index_bucket(&si);
        }
        Some(whole)
    }
}

/// What files take that are kept for the owner to look at. What cannot be looked at is not counted.
fn set_aside(disk: &Disk, paths: &Paths, costs: Costs) -> u64 {
    let of_folder = |folder: PathBuf| {
        let names = disk.list(&folder).unwrap_or_default();
        let size = |name: String| disk.open(&folder.join(name), Mode::Read)?.size();
        names
            .into_iter()
            .map(|entry| size(entry.name).map_or(0, |len| costs.file(len)))
            .sum::<u64>()
    };
    of_folder(paths.quarantine()) + of_folder(paths.advisories())
}

/// Uploads that a stop cut off are void.
fn empty_incoming(disk: &Disk, paths: &Paths) -> std::io::Result<()> {
    disk.remove_tree(&paths.incoming(), INCOMING_DEPTH)?;
    disk.mkdir(&paths.incoming()).map(drop)
}

/// Puts every bucket into the index, unless the store stops first. What cannot be read leaves the
/// bytes in use unknown: a store with a limit counts as full rather than be overfilled.
fn fill(store: &Weak<Store>) {
    let Some(prefixes) = store.upgrade().and_then(|store| {
        let shares = store.paths.shares();
        let listed = store.disk.list(&shares).inspect_err(
            |error| tracing::error!(%error, "the shares cannot be listed to be indexed"),
        );
        let folders = listed.ok()?.into_iter().filter(|entry| entry.is_dir);
        Some(folders.map(|entry| shares.join(entry.name)).collect::<Vec<_>>())
    }) else {
        return;
    };
    let mut whole = true;
    for prefix in prefixes {
        match store.upgrade().and_then(|store| store.index_prefix(&prefix)) {
            Some(read) => whole &= read,
            None => return,
        }
    }
    match store.upgrade() {
        Some(store) if whole => store.index.filled(),
        _ => tracing::error!("some shares could not be read: the bytes in use are not known"),
    }
}
