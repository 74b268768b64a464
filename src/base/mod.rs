//! What every other layer may name: base32, tagged hashes, identifiers, secrets, limits, and the
//! two sources of surprise, time and randomness.
//!
//! Nothing here opens a file or a connection. [`rim`] alone asks the operating system for the time and
//! for random bytes, [`peer`] whose program is at the other end of a connection.

pub mod base32;
pub mod budget;
pub mod file;
pub mod hash;
pub mod ids;
pub mod limits;
pub mod local;
pub mod peer;
pub mod pool;
pub mod rim;
pub mod secret;

pub use ids::{ShareNum, StorageIndex};
