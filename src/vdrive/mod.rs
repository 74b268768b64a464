//! The directory server: tables of sealed rows, changed atomically and kept durably.
//!
//! Promises: a change is acknowledged when it is on disk, whole; of two changes made on the same
//! state one is refused and told the new one; what a reader is given proves itself against a head
//! that only a writer can sign. What it cannot do is in `FORMAT.md`: names, caps and keys never
//! come here, and a server that lies about rows is found out.
//!
//! ```text
//! format   rows, trie, heads, log records (pure)   store      the folder: making, finding, opening
//! api      what a peer may ask                     directory  one log: reading, changing
//! actor    who answers                             rewrite    a log read back, and written anew
//! table    what a log comes to (pure)              index      what is quicker to look up (sled)
//! salvage  a log read past damage                  quarantine where damaged logs are kept
//! restoration  a directory that comes back from a copy
//! ```

pub mod actor;
pub mod api;
pub mod error;
pub mod format;
#[doc(hidden)]
pub mod fuzz;

mod directory;
mod index;
mod paths;
mod quarantine;
mod restoration;
mod rewrite;
mod salvage;
mod store;
mod table;

pub use actor::VdriveServer;
pub use error::VdriveError;
pub use index::Facet;
pub use quarantine::{restore_all, salvage_to};
pub use salvage::Findings;
pub use store::{Store, StoreConfig};
