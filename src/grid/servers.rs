//! The storage servers that a client knows and is connected to right now.
//!
//! The pool is fed from outside (by announcements, or by hand in tests and tools); uploads and
//! downloads take a snapshot in the order of their storage index and live with what happens to it.

use super::permute::{permute, position};
use crate::base::StorageIndex;
use crate::storage::api::Storage;
use crate::tub::{Ref, TubId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One storage server and the live reference to it.
#[derive(Clone)]
pub struct Server {
    pub id: TubId,
    /// For people; says nothing about identity.
    pub nickname: String,
    /// Decides where on the ring the server stands.
    pub permutation_seed: Vec<u8>,
    /// What its lease secrets are derived from.
    pub lease_seed: [u8; 20],
    pub storage: Ref<Storage>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}, {:?})", self.id, self.nickname)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.to_string();
        let short = id.get(..8).unwrap_or(&id);
        if self.nickname.is_empty() {
            f.write_str(short)
        } else {
            write!(f, "{} ({short})", self.nickname)
        }
    }
}

#[derive(Default)]
struct Known {
    servers: BTreeMap<TubId, Arc<Server>>,
    preferred: BTreeSet<TubId>,
}

/// The live list. Clones share it.
#[derive(Clone, Default)]
pub struct ServerPool(Arc<Mutex<Known>>);

impl ServerPool {
    pub fn new() -> Self {
        Self::default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a server, or replaces the one with the same tub id (it reconnected).
    pub fn add(&self, server: Server) -> Arc<Server> {
        let server = Arc::new(server);
        self.known().servers.insert(server.id, Arc::clone(&server));
        server
    }

    /// Removes exactly this entry; a newer one with the same tub id stays.
    pub fn remove(&self, server: &Arc<Server>) {
        let mut known = self.known();
        if known.servers.get(&server.id).is_some_and(|current| Arc::ptr_eq(current, server)) {
            known.servers.remove(&server.id);
        }
    }

    /// Servers that every file's order begins with (`peers.preferred`).
    pub fn prefer(&self, ids: impl IntoIterator<Item = TubId>) {
        self.known().preferred = ids.into_iter().collect();
    }

    /// All servers, by tub id.
    pub fn all(&self) -> Vec<Arc<Server>> {
        self.known().servers.values().cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.known().servers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All servers in the order in which `si`'s shares are placed and looked for.
    pub fn in_order(&self, si: &StorageIndex) -> Vec<Arc<Server>> {
        let known = self.known();
        permute(
            known.servers.values().cloned().collect(),
            |server| position(si, &server.permutation_seed),
            |server| known.preferred.contains(&server.id),
        )
    }
}
