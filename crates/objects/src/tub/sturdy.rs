//! The sturdy table: which object answers to which swissnum.
//!
//! Keyed by digest, so that neither the table nor a disk holds the secret and a look-up leaks
//! nothing by its timing. Objects that live on disk are brought back by a [`Restorer`] when they
//! are called, and never twice at a time.

use super::export::{Export, WeakExport};
use super::furl::SwissnumDigest;
use super::object::BoxFuture;
use crate::base::lock::locked;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Brings objects back that are not in the table, such as those that live on disk.
pub trait Restorer: Send + Sync {
    /// The object whose swissnum has this BLAKE2b-256 digest, if there is one.
    fn restore(&self, digest: SwissnumDigest) -> BoxFuture<Option<Export>>;
}

/// What a look-up finds.
pub(super) enum Lookup {
    Known(Option<Export>),
    Restoring(BoxFuture<Option<Export>>),
}

#[derive(Default)]
struct Table {
    registered: HashMap<SwissnumDigest, Export>,
    /// Objects that were restored and are still in use.
    awake: HashMap<SwissnumDigest, WeakExport>,
    restorers: Vec<Arc<dyn Restorer>>,
}

#[derive(Clone, Default)]
pub(super) struct SturdyTable(Arc<Mutex<Table>>);

impl SturdyTable {
    fn lock(&self) -> MutexGuard<'_, Table> {
        locked(&self.0)
    }

    pub(super) fn register(&self, digest: SwissnumDigest, export: Export) {
        let replaced = self.lock().registered.insert(digest, export);
        drop(replaced);
    }

    /// Forgets the object; whoever names it from now on finds none.
    pub(super) fn unregister(&self, digest: SwissnumDigest) {
        let dropped = self.lock().registered.remove(&digest);
        drop(dropped);
    }

    pub(super) fn add_restorer(&self, restorer: Arc<dyn Restorer>) {
        self.lock().restorers.push(restorer);
    }

    /// Whether the object is here now; one that would have to be brought back is not.
    pub(super) fn has(&self, digest: SwissnumDigest) -> bool {
        let table = self.lock();
        table.registered.contains_key(&digest)
            || table.awake.get(&digest).is_some_and(WeakExport::is_there)
    }

    pub(super) fn look_up(&self, digest: SwissnumDigest) -> Lookup {
        let table = self.lock();
        if let Some(export) = table.registered.get(&digest) {
            return Lookup::Known(Some(export.clone()));
        }
        if let Some(export) = table.awake.get(&digest).and_then(WeakExport::upgrade) {
            return Lookup::Known(Some(export));
        }
        let restorers = table.restorers.clone();
        drop(table);
        if restorers.is_empty() {
            return Lookup::Known(None);
        }
        // All at once: one that has yet to read what it has keeps no other's object waiting.
        let mut restoring: FuturesUnordered<_> =
            restorers.iter().map(|restorer| restorer.restore(digest)).collect();
        let this = self.clone();
        Lookup::Restoring(Box::pin(async move {
            while let Some(restored) = restoring.next().await {
                if let Some(restored) = restored {
                    return Some(this.wake(digest, restored));
                }
            }
            None
        }))
    }

    /// Notes a restored object; if another link restored it meanwhile, theirs counts.
    fn wake(&self, digest: SwissnumDigest, restored: Export) -> Export {
        let mut table = self.lock();
        if let Some(export) = table.awake.get(&digest).and_then(WeakExport::upgrade) {
            return export;
        }
        if table.awake.len() >= 1024 {
            table.awake.retain(|_, awake| awake.is_there());
        }
        table.awake.insert(digest, restored.downgrade());
        restored
    }
}
