//! Directories: names for caps, immutable in files or changing on a vdrive server.
//!
//! Promises: what is listed is what a holder of the write cap signed, whatever the server or another
//! reader does, or there is an error; nothing older than what was seen before passes silently; a
//! change that was acknowledged is durable, and one that meets somebody else's is merged with it or
//! refused, never lost.
//!
//! - [`table`], [`metadata`], `json`, `names`, `target`: the format that is shared with Tahoe-LAFS 1.20
//! - `seal`: rows as the vdrive server has them; `place`, `recent`: how to reach it, and which of its
//!   answers to believe
//! - [`Memory`]: how much of it all of this takes
//! - `list`, `change`, `create`, `watch`: a directory as a whole, changed, made, followed
//! - `directory`: what every kind of directory does; `kept` on a vdrive server, `fixed` in a file
//! - `edit`, `missing`: the calls of [`Directories`]
//! - [`Unreadable`]: what a writer put there that does not open
//! - [`SeenHeads`], [`KnownTubs`]: what a node remembers; [`Keeper`]: what it keeps of what goes
//! - [`Snapshot`]: a directory as a file, and back; [`Changed`]: of which one is to be made

mod change;
mod changed;
mod create;
mod directory;
mod edit;
mod error;
mod fixed;
#[doc(hidden)]
pub mod fuzz;
mod json;
mod kept;
mod list;
mod locks;
mod lost;
mod memory;
pub mod metadata;
mod missing;
mod names;
mod place;
mod recent;
mod seal;
mod seen;
mod snapshot;
pub mod table;
mod target;
mod tubs;
mod unreadable;
mod watch;

pub use changed::Changed;
pub use directory::{Seen, Start, writable};
pub use error::{ChildError, DirError};
pub use lost::{Keeper, Lost};
pub use memory::Memory;
pub use metadata::Metadata;
pub use names::normalise;
pub use seen::{SeenCounts, SeenHeads};
pub use snapshot::{Restored, Snapshot};
pub use tubs::{KnownTubs, TubBook};
pub use unreadable::{Nameless, Unopened, Unreadable};

use super::Client;
use crate::base::budget::Share;
use crate::base::limits::{DIRECTORY_ROOM_TIME, ROWS_IN_PLACE};
use crate::base::lock::locked;
use crate::base::system::Clock;
use crate::cap::{Cap, VdriveCap};
use crate::tub::{Furl, Tub};
use locks::DirectoryLocks;
use recent::Held;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A cap that this program can use: the write cap if there is write access.
    Known(Cap),
    /// Kept for others: caps of mutable files, of later versions, or of nothing that is known.
    Unknown {
        rw: Option<String>,
        /// With its prefix `ro.` or `imm.`, unless it is known to be a read cap.
        ro: Option<String>,
    },
}

/// One link.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub target: Target,
    pub metadata: Metadata,
}

/// A link and its name in NFC.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub child: Child,
}

/// A link to be set.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    pub name: String,
    pub target: Target,
    /// `None` keeps what the link had; the system's times are its own either way.
    pub metadata: Option<Metadata>,
}

/// All links of a directory.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Sorted by name.
    pub entries: Vec<Entry>,
    /// What there is beside them.
    pub unreadable: Unreadable,
    /// Whether the cap that listed it also changes it.
    pub writable: bool,
    pub mutable: bool,
    /// Bytes that keep it: of its sealed rows, or of its table.
    pub size: u64,
    /// The memory that the entries take, for as long as there are any.
    pub room: Arc<Share>,
}

/// What may be replaced by a new link of the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    Yes,
    No,
    /// Anything but a directory.
    OnlyFiles,
}

/// What has to hold of a link, as it is at the moment of a change, for the change to be made. Without
/// a child there is no link; one that does not open leads nowhere.
pub type Condition<'a> = &'a (dyn Fn(Option<&Child>) -> bool + Sync);

/// The directories that a client can reach. Clones share everything.
#[derive(Clone)]
pub struct Directories {
    grid: Client,
    tub: Tub,
    vdrive: Arc<Mutex<Option<Furl>>>,
    known: Arc<dyn KnownTubs>,
    seen: SeenHeads,
    locks: DirectoryLocks,
    held: Held,
    clock: Clock,
    memory: Memory,
    /// How long memory is waited for.
    wait: Duration,
    allow_new_tubs: bool,
    keeper: Option<Arc<dyn Keeper>>,
    changed: Changed,
}

impl Directories {
    /// `vdrive` is the service on which new directories are made; `known` says which tubs may be
    /// dialled, and where.
    pub fn new(
        grid: Client,
        tub: Tub,
        vdrive: Option<Furl>,
        known: Arc<dyn KnownTubs>,
        seen: SeenHeads,
    ) -> Self {
        Self {
            grid,
            tub,
            vdrive: Arc::new(Mutex::new(vdrive)),
            known,
            seen,
            locks: DirectoryLocks::default(),
            held: Held::default(),
            clock: Clock::System,
            memory: Memory::default(),
            wait: DIRECTORY_ROOM_TIME,
            allow_new_tubs: false,
            keeper: None,
            changed: Changed::default(),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The same with other memory.
    #[must_use]
    pub fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The same, for who has taken memory already: with none left, nothing is waited for.
    #[must_use]
    pub fn without_waiting(&self) -> Self {
        Self { wait: Duration::ZERO, ..self.clone() }
    }

    /// The client that keeps files, and tables of directories.
    pub const fn grid(&self) -> &Client {
        &self.grid
    }

    /// What all that is listed and changed here may take.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The same, for a user who said yes to dialling servers that only a cap names. They are known
    /// from then on.
    #[must_use]
    pub fn allowing_new_tubs(&self) -> Self {
        Self { allow_new_tubs: true, ..self.clone() }
    }

    /// How many directories are protected against being shown older than they were seen.
    pub fn seen(&self) -> SeenCounts {
        self.seen.counts()
    }

    /// The newest version of a directory that was seen.
    pub fn version_seen(&self, dir: &VdriveCap) -> Option<u64> {
        self.seen.newest(&dir.directory_id())
    }

    /// New directories are made there from now on.
    pub fn set_vdrive(&self, furl: Option<Furl>) {
        *locked(&self.vdrive) = furl;
    }

    /// Directories that were changed here.
    pub const fn changed(&self) -> &Changed {
        &self.changed
    }

    /// Where new directories are made.
    pub fn vdrive(&self) -> Option<Furl> {
        locked(&self.vdrive).clone()
    }

    /// Works on so many rows: beside the thread that serves links if they are many.
    async fn on_rows<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce() -> Result<T, DirError> + Send + 'static,
    ) -> Result<T, DirError> {
        let bytes = rows.saturating_mul(ROWS_IN_PLACE.1) / ROWS_IN_PLACE.0;
        self.grid.compute.run(bytes, work).await.map_err(|_| DirError::CutOff)?
    }

    /// Seconds since 1970, as links record them.
    fn now(&self) -> f64 {
        self.clock.now() as f64
    }
}

#[cfg(test)]
mod tests;
