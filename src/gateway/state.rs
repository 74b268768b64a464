//! What a gateway has: everything that answering a request may take.

use super::guard::Guard;
use super::node_status::{Status, StorageStatus};
use super::owner::Owner;
use super::shown::Shown;
use super::work::handles::Operations;
use crate::files::Files;
use crate::http::spool::Spool;
use crate::keeper::Keeper;
use std::path::PathBuf;
use std::sync::Arc;

/// What a gateway needs to answer.
pub struct Gateway {
    pub files: Files,
    pub spool: Spool,
    pub guard: Guard,
    pub owner: Owner,
    /// The owner may have the node read and write files on its own disk.
    pub allow_localfile: bool,
    pub operations: Operations,
    pub pages: Pages,
    /// The state of this node, for the welcome page.
    pub status: Arc<dyn Fn() -> Status + Send + Sync>,
    /// What keeps the owner's files alive.
    pub keeper: Option<Keeper>,
    /// What this node has stored for others, if it offers space.
    pub storage: Option<StorageLook>,
}

/// The state of what a node has stored for others, now.
pub type StorageLook = Arc<dyn Fn() -> StorageStatus + Send + Sync>;

/// What only the pages need of a node.
#[derive(Clone, Default)]
pub struct Pages {
    pub shown: Shown,
    /// How this node joins a grid; none if it has no way to.
    pub join: Option<Arc<dyn Join>>,
    /// The folder of the owner's own files.
    pub public: Option<PathBuf>,
}

/// How a node joins a grid.
pub trait Join: Send + Sync {
    /// Writes the introducer's furl down and follows it from now on; says why not, in a sentence. A
    /// grid may keep its directories elsewhere: then `vdrive` says where.
    fn join(&self, furl: &str, vdrive: Option<&str>) -> Result<(), String>;
}
