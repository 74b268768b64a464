//! A vdrive directory: all directories of one server, and the order in which they become safe.
//!
//! A new directory is written under another name, synced, renamed, and its folders are synced;
//! only then is it acknowledged. What changes it later is in `directory`; what becomes of a log that
//! is damaged, in `quarantine`.
//!
//! All calls block and may be made from any thread. One directory is used by one caller at a time.

use super::directory::{Directory, End, first_file, new_path, open_new, short};
use super::error::{Result, VdriveError};
use super::format::DirectoryId;
use super::format::log::{Facts, Found, HEADER_LEN, RECORD_HEAD, Record, Salt};
use super::index::{self, Facet, Index};
use super::paths::{Paths, id_of};
use super::rewrite::read_facts;
use super::table::{Change, Table, Verdict};
use crate::base::hash::Hash;
use crate::base::limits::{OPEN_DIRECTORY_ROWS, OPEN_ROWS_MAX};
use crate::base::lock::locked;
use crate::base::system::{Clock, random};
use crate::base::tally::{Counted, Tally};
use crate::disk::folder::{self, FolderLock};
use crate::disk::kv::Kv;
use crate::disk::{Cache, Disk, Mode};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// How a vdrive directory is used.
#[derive(Clone)]
pub struct StoreConfig {
    /// The vdrive directory; made if its parent exists.
    pub dir: PathBuf,
    pub clock: Clock,
    pub disk: Disk,
    /// Keep the index in sled rather than in memory.
    pub index_on_disk: bool,
}

impl StoreConfig {
    /// The system's disk and clock.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self { dir, clock: Clock::System, disk: Disk::real(), index_on_disk: true }
    }
}

/// One directory in use; loaded when it is first needed.
enum State {
    Idle,
    Open {
        directory: Box<Directory>,
        /// The rows that it is counted as.
        _rows: Counted,
    },
    Corrupt,
}

type Slot = Mutex<State>;

/// A directory that somebody uses. All handles of one directory share what was loaded.
#[derive(Clone)]
pub(super) struct Handle {
    store: Arc<Store>,
    id: DirectoryId,
    slot: Arc<Slot>,
}

/// See the module.
pub struct Store {
    pub(super) disk: Disk,
    pub(super) paths: Paths,
    clock: Clock,
    index: Index,
    slots: Mutex<HashMap<DirectoryId, Weak<Slot>>>,
    /// Rows of what is loaded.
    loaded: Tally,
    /// Prefix folders whose name was synced by this process.
    prefixes: Mutex<HashSet<PathBuf>>,
    /// A directory is being made.
    making: Vec<Mutex<()>>,
    /// Directories whose last write failed: kept loaded, since what their files say may not be on
    /// the disk.
    doubtful: Mutex<HashMap<DirectoryId, Arc<Slot>>>,
    /// The last stop was clean: everything here was synced before it.
    pub(super) trusted: bool,
    _lock: FolderLock,
}

const MAKING_LOCKS: usize = 64;

impl Store {
    /// Opens a vdrive directory; reads the header and the leases of every log if the last stop was not
    /// clean.
    pub fn open(config: StoreConfig) -> Result<Arc<Self>> {
        let (disk, paths) = (config.disk, Paths(config.dir));
        let writable = folder::prepare(&disk, &paths.0, &paths.dirs());
        let lock = folder::lock(&disk, &paths.0)?.ok_or(VdriveError::InUse)?;
        if let Err(error) = &writable {
            tracing::error!(%error, "the vdrive directory takes no writes; serving read-only");
        }
        let (index, trusted) = Index::open(&disk, &paths, config.index_on_disk && writable.is_ok());
        if !trusted {
            index.fill(|kv| fill(&disk, &paths, kv));
        }
        Ok(Arc::new(Self {
            disk,
            paths,
            clock: config.clock,
            index,
            slots: Mutex::default(),
            loaded: Tally::new(OPEN_ROWS_MAX),
            prefixes: Mutex::default(),
            making: (0..MAKING_LOCKS).map(|_| Mutex::default()).collect(),
            doubtful: Mutex::default(),
            trusted,
            _lock: lock,
        }))
    }

    fn refill(&self) -> impl FnOnce(&Kv) {
        |kv| fill(&self.disk, &self.paths, kv)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    /// The directory, and which facet of it, that a swissnum of this digest leads to.
    pub fn find(&self, digest: &Hash) -> Result<Option<(Facet, DirectoryId)>> {
        self.index.find(digest, self.refill())
    }

    /// Directories whose leases have all ended, a page of them; see where the next one begins.
    pub fn due(&self, from: &[u8]) -> (Vec<DirectoryId>, Option<Vec<u8>>) {
        self.index.due(from, self.now())
    }

    /// A directory, to be loaded when it is used.
    pub(super) fn directory(self: &Arc<Self>, id: &DirectoryId) -> Handle {
        let mut slots = locked(&self.slots);
        let known = slots.get(id).and_then(Weak::upgrade);
        let slot = known.unwrap_or_else(|| {
            if slots.len() >= 1_024 {
                slots.retain(|_, slot| slot.strong_count() > 0);
            }
            let slot = Arc::new(Mutex::new(State::Idle));
            slots.insert(*id, Arc::downgrade(&slot));
            slot
        });
        Handle { store: self.clone(), id: *id, slot }
    }

    /// Makes a directory, durably; false if it is there already, made by the same change.
    pub(super) fn create(self: &Arc<Self>, facts: &Facts, change: &Change) -> Result<bool> {
        match Table::default().judge(facts, change)? {
            Verdict::Sound(_) => {}
            _ => return Err(VdriveError::BadChange),
        }
        let _making = self.making(&facts.id);
        self.claim(facts)?;
        if self.is_there(facts, change)? {
            return Ok(false);
        }
        self.write_new(facts, |salt| first_file(facts, salt, change)).inspect_err(|_| {
            if let Err(error) = self.index.disclaim(facts, self.refill()) {
                tracing::warn!(%error, "a directory that was not made stays in the index");
            }
        })?;
        Ok(true)
    }

    /// Keeps others from making a directory of this id.
    pub(super) fn making(&self, id: &DirectoryId) -> Option<MutexGuard<'_, ()>> {
        let number = id.first().map_or(0, |byte| usize::from(*byte) % MAKING_LOCKS);
        self.making.get(number).map(locked)
    }

    /// Notes that the facets are this directory's.
    pub(super) fn claim(&self, facts: &Facts) -> Result<()> {
        self.index.claim(facts, self.refill())
    }

    /// Whether this very directory is there, durably. `Exists`: another one is, under the same id.
    fn is_there(self: &Arc<Self>, facts: &Facts, change: &Change) -> Result<bool> {
        let handle = self.directory(&facts.id);
        let same = handle.with(|directory| {
            let known = directory.table.recent.contains(&change.head.head.change)
                || directory.head()?.head.seq > 1;
            if directory.facts != *facts || !known {
                return Err(VdriveError::Exists);
            }
            Ok(directory.settle()?)
        });
        match same {
            Ok(()) => Ok(true),
            Err(VdriveError::NoSuchDirectory) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the log of a directory that has none, durably.
    pub(super) fn write_new(&self, facts: &Facts, log: impl FnOnce(Salt) -> Vec<u8>) -> Result<()> {
        self.make_prefix(&facts.id)?;
        let path = self.paths.log(&facts.id);
        let new = new_path(&path);
        let file = open_new(&self.disk, &new)?;
        file.write_at(&log(Salt(random())), 0, Cache::Keep)?;
        file.sync()?;
        self.disk.rename_new(&new, &path)?;
        Ok(self.disk.sync_dir(&self.paths.prefix(&facts.id))?)
    }

    pub(super) fn make_prefix(&self, id: &DirectoryId) -> Result<()> {
        let prefix = self.paths.prefix(id);
        let mut synced = locked(&self.prefixes);
        if !synced.contains(&prefix) {
            self.disk.mkdir(&prefix)?;
            self.disk.sync_dir(&self.paths.dirs())?;
            synced.insert(prefix);
        }
        Ok(())
    }

    /// Keeps the index for the next start.
    pub fn shut_down(&self) {
        if locked(&self.doubtful).is_empty() {
            self.index.shut_down(&self.disk, &self.paths);
        }
    }
}

impl Handle {
    /// Runs `work` on the directory, which nobody else uses meanwhile.
    pub fn with<T>(&self, work: impl FnOnce(&mut Directory) -> Result<T>) -> Result<T> {
        let mut state = locked(&self.slot);
        if let State::Idle = *state {
            *state = match self.store.load(&self.id) {
                Ok(directory) => {
                    if directory.end == End::Unknown {
                        self.note_doubt(true);
                    }
                    let rows =
                        (directory.table.rows.len() as u64).saturating_add(OPEN_DIRECTORY_ROWS);
                    let counted = self.store.loaded.count(rows);
                    State::Open { directory: Box::new(directory), _rows: counted }
                }
                Err(VdriveError::Corrupt) => State::Corrupt,
                Err(error) => return Err(error),
            };
        }
        match &mut *state {
            State::Open { directory, .. } => {
                let before = directory.end;
                let done = work(directory);
                if directory.end != before {
                    self.note_doubt(directory.end == End::Unknown);
                }
                // What rotted while it was loaded is read past when it is loaded again.
                let rotten = matches!(done, Err(VdriveError::Corrupt));
                let again = rotten || directory.end == End::Replaced;
                if (self.store.loaded.is_over() || again) && directory.end != End::Unknown {
                    *state = State::Idle;
                }
                done
            }
            _ => Err(VdriveError::Corrupt),
        }
    }

    /// What the disk has now counts from now on.
    pub fn load_again(&self) {
        *locked(&self.slot) = State::Idle;
    }

    fn note_doubt(&self, doubtful: bool) {
        let mut all = locked(&self.store.doubtful);
        match doubtful {
            true => all.insert(self.id, self.slot.clone()),
            false => all.remove(&self.id),
        };
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        self.store.now()
    }

    /// Notes in the index when the directory's last lease ends.
    pub fn note_lease_end(&self, end: Option<u64>) {
        self.store.index.note_lease(&self.id, end, self.store.refill());
    }
}

/// Takes the index from the logs, those moved aside too: what they answer is that they are damaged.
fn fill(disk: &Disk, paths: &Paths, kv: &Kv) {
    let folder = |path: PathBuf| {
        disk.list(&path)
            .unwrap_or_default()
            .into_iter()
            .map(move |entry| (path.join(&entry.name), entry))
    };
    let prefixes = folder(paths.dirs()).filter(|(_, entry)| entry.is_dir);
    // What is served counts, so it comes last.
    let logs = folder(paths.quarantine()).chain(prefixes.flat_map(|(path, _)| folder(path)));
    for (path, entry) in logs {
        let Some(id) = id_of(&entry.name) else { continue };
        match read_facts(disk, &path) {
            Ok((facts, salt)) if facts.id == id => {
                let end = lease_end(disk, &path, salt).ok().flatten();
                let noted = index::put(kv, &facts).and_then(|()| index::note_lease(kv, &id, end));
                if noted.is_err() {
                    return;
                }
            }
            Ok(_) | Err(_) => tracing::error!(id = short(&id), "a log has no readable header"),
        }
    }
}

/// When the last lease in a log ends: rows are passed over unread, so that a start after a crash
/// does not read every directory. Who is about to delete one loads it first.
fn lease_end(disk: &Disk, path: &Path, salt: Salt) -> io::Result<Option<u64>> {
    let file = disk.open(path, Mode::Read)?;
    let (mut leases, mut at) = (BTreeMap::new(), HEADER_LEN as u64);
    while let Some((len, is_lease)) = Record::skim(&file.read(at, RECORD_HEAD)?) {
        if is_lease {
            let found = Record::find(salt, at, &file.read(at, len)?.into());
            let Found::Whole(Record::Lease { renew, end, .. }, _) = found else { break };
            leases.insert(renew, end);
        }
        at = at.saturating_add(len as u64);
    }
    // One that ends at 0 is no more.
    Ok(leases.into_values().max().filter(|end| *end > 0))
}
