//! What each side of a connection holds of the other's.

use crate::base::limits::EXPORTS_MIN;
use crate::base::lock::locked;
use crate::tub::carrier::{Carrier, Import};
use crate::tub::error::RemoteError;
use crate::tub::export::Export;
use crate::tub::frame::Target;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

#[derive(Default)]
pub(super) struct Imports(Mutex<HashMap<u32, Weak<Import>>>);

impl Imports {
    /// The one import of the peer's object `export`, counting that it came once more.
    pub(super) fn receive(&self, carrier: Arc<dyn Carrier>, export: u32) -> Arc<Import> {
        let mut table = locked(&self.0);
        if let Some(import) = table.get(&export).and_then(Weak::upgrade) {
            import.came_again();
            return import;
        }
        let import = Arc::new(Import::new(carrier, Target::Export(export)));
        table.insert(export, Arc::downgrade(&import));
        import
    }

    /// Removes `import`, unless a younger one has taken its place.
    pub(super) fn forget(&self, export: u32, import: &Import) {
        let mut table = locked(&self.0);
        if table.get(&export).is_some_and(|entry| std::ptr::eq(entry.as_ptr(), import)) {
            table.remove(&export);
        }
    }
}

struct Exported {
    export: Export,
    /// References sent and not yet released.
    count: u32,
}

#[derive(Default)]
struct ExportTable {
    by_number: HashMap<u32, Exported>,
    /// An object is exported once, however often it is sent.
    by_object: HashMap<(usize, u32), u32>,
    /// How many of each interface.
    by_interface: HashMap<u32, usize>,
    last: u32,
    /// The link is gone: what would be added now, nobody could ever release.
    closed: bool,
}

/// What all links of a tub hold together.
pub(crate) struct ExportCount {
    now: AtomicUsize,
    max: usize,
}

impl ExportCount {
    pub(crate) const fn new(max: usize) -> Self {
        Self { now: AtomicUsize::new(0), max }
    }

    /// Whether a link that holds `own` may hold one more.
    fn has_room(&self, own: usize) -> bool {
        own < EXPORTS_MIN || self.now.load(Ordering::Relaxed) < self.max
    }
}

pub(super) struct Exports {
    table: Mutex<ExportTable>,
    max: usize,
    all: Arc<ExportCount>,
}

impl Exports {
    pub(super) fn new(max: usize, all: Arc<ExportCount>) -> Self {
        Self { table: Mutex::default(), max, all }
    }

    pub(super) fn add(&self, export: Export) -> Result<u32, RemoteError> {
        let mut table = locked(&self.table);
        if table.closed {
            return Err(RemoteError::Disconnected);
        }
        let key = export.key();
        if let Some(number) = table.by_object.get(&key).copied()
            && let Some(exported) = table.by_number.get_mut(&number)
        {
            exported.count = exported.count.checked_add(1).ok_or(RemoteError::TooBig)?;
            return Ok(number);
        }
        let held = table.by_interface.get(&export.interface()).copied().unwrap_or(0);
        let own = table.by_number.len();
        if own >= self.max || held >= export.held_max() || !self.all.has_room(own) {
            return Err(RemoteError::Busy);
        }
        self.all.now.fetch_add(1, Ordering::Relaxed);
        table.by_interface.insert(export.interface(), held + 1);
        while {
            table.last = table.last.wrapping_add(1);
            table.by_number.contains_key(&table.last)
        } {}
        let number = table.last;
        table.by_object.insert(key, number);
        table.by_number.insert(number, Exported { export, count: 1 });
        Ok(number)
    }

    pub(super) fn get(&self, number: u32) -> Option<Export> {
        locked(&self.table).by_number.get(&number).map(|exported| exported.export.clone())
    }

    /// The peer has dropped `count` references. The object itself is dropped outside the lock: its
    /// end may drop references of its own.
    pub(super) fn release(&self, number: u32, count: u32) {
        let dropped = {
            let mut table = locked(&self.table);
            match table.by_number.get_mut(&number) {
                Some(exported) if exported.count > count => {
                    exported.count -= count;
                    None
                }
                Some(exported) => {
                    let key = exported.export.key();
                    table.by_object.remove(&key);
                    if let Some(held) = table.by_interface.get_mut(&key.1) {
                        *held = held.saturating_sub(1);
                    }
                    self.all.now.fetch_sub(1, Ordering::Relaxed);
                    table.by_number.remove(&number)
                }
                None => None,
            }
        };
        drop(dropped);
    }

    /// Drops everything and takes no more.
    pub(super) fn close(&self) {
        let closed = ExportTable { closed: true, ..ExportTable::default() };
        let dropped = std::mem::replace(&mut *locked(&self.table), closed);
        self.all.now.fetch_sub(dropped.by_number.len(), Ordering::Relaxed);
        drop(dropped);
    }
}
