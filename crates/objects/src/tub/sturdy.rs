//! The sturdy table: which object answers to which swissnum.
//!
//! Keyed by digest, so that neither the table nor a disk holds the secret and a look-up leaks
//! nothing by its timing. Objects that live on disk are brought back by a [`Restorer`] when they
//! are called, and never twice at a time.

use super::error::RemoteError;
use super::furl::SwissnumDigest;
use super::interface::{AnyMessage, BoxFuture, Delivery, Interface, Object};
use super::payload::{Payload, WireCall};
use super::refs::Ref;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

type Invoke = fn(
    &Arc<dyn Object>,
    u16,
    WireCall<'_>,
) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError>;

/// A local object with its interface, ready to be called from the wire.
#[derive(Clone)]
pub struct Export {
    interface: u32,
    held_max: usize,
    invoke: Invoke,
    reply_max: fn(u16) -> usize,
    object: Arc<dyn Object>,
}

impl Export {
    /// What `reference` refers to; a remote object is called on through this tub.
    pub fn of<I: Interface>(reference: Ref<I>) -> Self {
        let object = match reference.local_object() {
            Some(object) => object,
            None => Arc::new(Relay(reference)),
        };
        let (held_max, invoke, reply_max) = (I::HELD_MAX, I::invoke, I::reply_max);
        Self { interface: I::id(), held_max, invoke, reply_max, object }
    }

    pub(super) fn interface(&self) -> u32 {
        self.interface
    }

    /// Objects of its interface that one link may hold.
    pub(super) fn held_max(&self) -> usize {
        self.held_max
    }

    pub(super) fn object(&self) -> Arc<dyn Object> {
        self.object.clone()
    }

    /// Equal for two exports of the same object.
    pub(super) fn key(&self) -> (usize, u32) {
        (Arc::as_ptr(&self.object).cast::<()>() as usize, self.interface)
    }

    /// Bytes that a reply of `method` takes at most.
    pub(super) fn reply_max(&self, method: u16) -> usize {
        (self.reply_max)(method)
    }

    pub(super) fn invoke(
        &self,
        method: u16,
        call: WireCall<'_>,
    ) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError> {
        (self.invoke)(&self.object, method, call)
    }
}

/// A reference that stands for its object: passes every message on.
struct Relay<I: Interface>(Ref<I>);

impl<I: Interface> Object for Relay<I> {
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        I::forward(&self.0, method, message)
    }
}

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

/// An object that was restored and is still in use.
struct Awake {
    interface: u32,
    held_max: usize,
    invoke: Invoke,
    reply_max: fn(u16) -> usize,
    object: Weak<dyn Object>,
}

#[derive(Default)]
struct Table {
    registered: HashMap<SwissnumDigest, Export>,
    awake: HashMap<SwissnumDigest, Awake>,
    restorers: Vec<Arc<dyn Restorer>>,
}

#[derive(Clone, Default)]
pub(super) struct SturdyTable(Arc<Mutex<Table>>);

impl SturdyTable {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, digest: SwissnumDigest, export: Export) {
        let replaced = self.lock().registered.insert(digest, export);
        drop(replaced);
    }

    /// Forgets the object; whoever names it from now on gets [`RemoteError::NoSuchObject`].
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
        let awake = |awake: &Awake| awake.object.strong_count() > 0;
        table.registered.contains_key(&digest) || table.awake.get(&digest).is_some_and(awake)
    }

    pub(super) fn look_up(&self, digest: SwissnumDigest) -> Lookup {
        let table = self.lock();
        if let Some(export) = table.registered.get(&digest) {
            return Lookup::Known(Some(export.clone()));
        }
        if let Some(export) = table.awake.get(&digest).and_then(Awake::export) {
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
        if let Some(export) = table.awake.get(&digest).and_then(Awake::export) {
            return export;
        }
        if table.awake.len() >= 1024 {
            table.awake.retain(|_, awake| awake.object.strong_count() > 0);
        }
        let object = Arc::downgrade(&restored.object);
        let Export { interface, held_max, invoke, reply_max, .. } = restored;
        let awake = Awake { interface, held_max, invoke, reply_max, object };
        table.awake.insert(digest, awake);
        restored
    }
}

impl Awake {
    fn export(&self) -> Option<Export> {
        let object = self.object.upgrade()?;
        let Self { interface, held_max, invoke, reply_max, .. } = *self;
        Some(Export { interface, held_max, invoke, reply_max, object })
    }
}
