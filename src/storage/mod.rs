//! The storage server: shares of other people's files, and the leases that keep them.
//!
//! Read [`api`] first: the messages. The actors behind them are in [`actor`]; they hold no state
//! but a [`ShareStore`] and hand it their disk work in order. That is a [`Store`], a storage directory as
//! Tahoe-LAFS 1.20 lays it out.
//!
//! ```text
//! api      what a peer may ask                     store      open, room, locks, start and stop
//! actor    who answers                             allocate   making room for shares
//! container the bytes of a share file (pure)       upload     one share being written
//! journal  lease changes, whole or absent          bucket     finding and reading shares
//! index    what is quicker to look up (sled)       open_files which of them are open
//! space    how much may be stored                  changes    leases of a bucket
//! clock    what is known of time                   collection collecting leases that ended
//! judge    whether shares are what they say        expiry     how long they last for that
//! scrub    reading them all, to find damage        advisory   reports of it, for the owner
//! share_store what actors want of any store        directory  a store as such a one
//! session  one upload under way, and its clock
//! latency  how long all that takes
//! ```
//! This layer sees storage indexes, lease secrets and ciphertext. It knows no read key and no cap; a
//! share's own sums need neither.

pub mod actor;
pub mod api;
pub mod collection;
pub mod container;
pub mod error;
pub mod expiry;
#[doc(hidden)]
pub mod fuzz;
pub mod journal;
pub mod paths;
pub mod scrub;
pub mod space;

mod advisory;
mod allocate;
mod bucket;
mod changes;
mod clock;
mod coverage;
mod directory;
mod gather;
mod index;
mod judge;
mod latency;
mod leases;
mod open_files;
mod session;
mod share_store;
mod store;
mod upload;

pub use actor::{Expiry, ServerOptions, StorageServer};
pub use allocate::Granted;
pub use bucket::Share;
pub use clock::record::Jump;
pub use collection::{Collected, Collection, Held};
pub use container::LeaseSecrets;
pub use error::StoreError;
pub use expiry::LeaseAge;
pub use index::Facet;
pub use latency::Latency;
pub use scrub::record::{Round, Scrubbed};
pub use scrub::{Scrub, ScrubState};
pub use session::{Session, SessionKey, Sessions};
pub use share_store::{Allocation, Grant, ShareStore, ShareUpload, Steps, StoredShare, read_into};
pub use space::ByteSize;
pub use store::{AllocateRequest, OWNERS_WORD, Space, Store, StoreConfig};
pub use upload::Upload;
