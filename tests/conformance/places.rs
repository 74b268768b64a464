//! Where stores are opened, each new, and what is left of one when the power goes.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tahoe::storage::{ShareStore, Store};
use tahoe_testing::memory::{MemoryStore, SharedDisk};
use tahoe_testing::store::open;

pub type Keeper = Arc<dyn ShareStore>;

/// An empty store.
pub struct Fresh {
    pub store: Keeper,
    /// What is there after a power cut now. Nobody else has the store any more.
    pub cut: Box<dyn FnOnce(Keeper) -> Keeper>,
}

impl Fresh {
    pub fn after_power_cut(self) -> Keeper {
        (self.cut)(self.store)
    }
}

pub trait Place {
    fn fresh(&self) -> Fresh;
}

fn indexed(store: Arc<Store>) -> Keeper {
    assert!(store.wait_indexed(Duration::from_secs(60)));
    store
}

/// Storage directories on this machine's disk. The machine goes on, so of a power cut it shows only that
/// nothing depends on a clean stop.
pub struct OnDisk {
    folder: tempfile::TempDir,
    next: Cell<u32>,
}

impl OnDisk {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), next: Cell::new(0) }
    }
}

impl Place for OnDisk {
    fn fresh(&self) -> Fresh {
        self.next.set(self.next.get() + 1);
        let path: PathBuf = self.folder.path().join(self.next.get().to_string());
        let reopen = move |path: &Path| indexed(open(&Disk::real(), path));
        let cut = {
            let path = path.clone();
            move |store: Keeper| {
                drop(store);
                reopen(&path)
            }
        };
        Fresh { store: reopen(&path), cut: Box::new(cut) }
    }
}

/// The same on a disk in memory that forgets what was not synced.
pub struct InMemory;

impl InMemory {
    pub fn new() -> Self {
        Self
    }
}

impl Place for InMemory {
    fn fresh(&self) -> Fresh {
        let memory = MemoryDisk::new();
        let reopen = |memory: &MemoryDisk| {
            indexed(open(&Disk::new(Arc::new(memory.clone())), Path::new("/storage")))
        };
        let store = reopen(&memory);
        let cut = move |store: Keeper| {
            drop(store);
            memory.lose_power(7);
            reopen(&memory)
        };
        Fresh { store, cut: Box::new(cut) }
    }
}

/// The store that tests of clients stand on; what it has said that it keeps is in its maps.
pub struct OfTests;

impl Place for OfTests {
    fn fresh(&self) -> Fresh {
        let disk = SharedDisk::default();
        let open = move || -> Keeper { Arc::new(MemoryStore(Arc::clone(&disk))) };
        Fresh { store: open(), cut: Box::new(move |_| open()) }
    }
}
