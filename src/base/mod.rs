//! What every other layer may name: tagged hashes, identifiers, secrets, limits, and what comes with
//! the objects below: base32, locks, time and randomness.
//!
//! Nothing here opens a file or a connection. [`peer`] alone asks the operating system whose program is
//! at the other end of one.

pub mod blocking;
pub mod budget;
pub mod file;
pub mod hash;
pub mod ids;
pub mod limits;
pub mod peer;
pub mod pool;
pub mod secret;
pub mod tally;

pub use ids::{ShareNum, StorageIndex};
pub use tahoe_objects::base::{base32, lock, replay, seeded, sockets, system};
