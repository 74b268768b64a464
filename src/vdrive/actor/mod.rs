//! The actors that answer peers.
//!
//! None touches the disk itself. A [`directory`] has one job with the disk at a time and a queue of
//! its own, since neither a thread pool nor an actor's pending answers keep order; [`Jobs`] bounds
//! how many run at once in all.

mod directory;
mod parse;
mod room;
mod service;
mod staging;
mod watch;

pub use service::VdriveServer;

use super::api::code;
use super::error::VdriveError;
use super::format::DirectoryId;
use super::store::Store;
use crate::base::lock::locked;
use crate::disk::jobs::Jobs;
use crate::tub::RemoteError;
use actix::{Actor, Addr, ArbiterHandle, WeakAddr};
use directory::DirectoryActor;
use room::Room;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What the actors of one server share.
#[derive(Clone)]
struct Shared {
    store: Arc<Store>,
    jobs: Jobs,
    version: Arc<str>,
    /// Where directories live.
    arbiter: ArbiterHandle,
    directories: Arc<Mutex<HashMap<DirectoryId, WeakAddr<DirectoryActor>>>>,
    /// Memory of all staged changes.
    room: Room,
}

impl Shared {
    /// The actor of a directory, started if nobody holds it yet.
    fn directory(&self, id: &DirectoryId) -> Addr<DirectoryActor> {
        let mut known = locked(&self.directories);
        if let Some(address) = known.get(id).and_then(WeakAddr::upgrade) {
            return address;
        }
        if known.len() >= 1_024 {
            known.retain(|_, address| address.upgrade().is_some());
        }
        let actor = DirectoryActor::new(self.clone(), self.store.directory(id));
        let address = DirectoryActor::start_in_arbiter(&self.arbiter, |context| {
            context.set_mailbox_capacity(0);
            actor
        });
        known.insert(*id, address.downgrade());
        address
    }
}

/// What a peer is told: one word, no path.
fn told(error: VdriveError) -> RemoteError {
    let code = match &error {
        VdriveError::Exists => code::EXISTS,
        VdriveError::BadChange => code::BAD_CHANGE,
        VdriveError::TooMuch => code::TOO_MUCH,
        VdriveError::NoSpace => code::NO_SPACE,
        VdriveError::ReadOnly => code::READ_ONLY,
        VdriveError::Salvaged => code::SALVAGED,
        VdriveError::Disk(cause) => {
            tracing::error!(%cause, "a disk call failed");
            code::DISK
        }
        VdriveError::Corrupt => code::CORRUPT,
        VdriveError::NoSuchLease => code::NO_SUCH_LEASE,
        VdriveError::TooMany => code::TOO_MANY,
        VdriveError::InUse => code::DISK,
        VdriveError::NoSuchDirectory => return RemoteError::NoSuchObject,
    };
    RemoteError::app(code, error.to_string())
}
