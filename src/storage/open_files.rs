//! The files of shares that are open for reading.
//!
//! So many at a time: for one more, that which was unused for longest is closed, and opened again
//! when its share is next read. So nobody can keep others from reading by holding many shares open,
//! and who holds one that is idle costs no file.

use super::error::Result;
use crate::base::lock::locked;
use crate::disk::File;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// A share's place among the open files: when it was last used. Read and changed under the table's
/// lock only.
#[derive(Default)]
pub(super) struct Place(AtomicU64);

#[derive(Default)]
struct Table {
    /// Counts uses; no place has it yet.
    last: u64,
    /// By last use.
    open: BTreeMap<u64, Arc<File>>,
}

/// See the module.
pub(super) struct OpenFiles {
    table: Mutex<Table>,
    max: usize,
}

impl Table {
    /// Notes that a file is used now.
    fn put(&mut self, place: &Place, file: Arc<File>) {
        self.last += 1;
        place.0.store(self.last, Relaxed);
        self.open.insert(self.last, file);
    }

    /// The file of a share, if it is open, as used now.
    fn touch(&mut self, place: &Place) -> Option<Arc<File>> {
        let file = self.open.remove(&place.0.load(Relaxed))?;
        self.put(place, file.clone());
        Some(file)
    }
}

impl OpenFiles {
    pub fn new(max: usize) -> Self {
        Self { table: Mutex::default(), max }
    }

    /// Adds a file, and closes another if that is one too many.
    pub fn add(&self, place: &Place, file: File) -> Arc<File> {
        let file = Arc::new(file);
        let mut table = locked(&self.table);
        if let Some(opened_meanwhile) = table.touch(place) {
            return opened_meanwhile;
        }
        table.put(place, file.clone());
        let closed = if table.open.len() > self.max { table.open.pop_first() } else { None };
        drop(table);
        // Closing may wait for the disk.
        drop(closed);
        file
    }

    /// The file of a share; `open` opens it if it was closed meanwhile.
    pub fn get(&self, place: &Place, open: impl FnOnce() -> Result<File>) -> Result<Arc<File>> {
        let known = locked(&self.table).touch(place);
        known.map_or_else(|| Ok(self.add(place, open()?)), Ok)
    }

    /// Closes the file of a share that nobody holds any more.
    pub fn forget(&self, place: &Place) {
        let closed = locked(&self.table).open.remove(&place.0.load(Relaxed));
        drop(closed);
    }
}
