//! What links and tubs stand on: base32, hashes, secrets, limits, locks, and the two sources of surprise,
//! time and randomness.
//!
//! Nothing here opens a file or a connection. [`system`] alone asks the operating system for the time and
//! for random bytes; in a [`replay`] both come from a seed.

pub mod base32;
pub mod hash;
pub mod limits;
pub mod lock;
pub mod replay;
pub mod secret;
pub mod seeded;
pub mod sockets;
pub mod system;
