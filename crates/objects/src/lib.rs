//! Objects in other processes, reached by those who were given them.
//!
//! - [`base`]: base32, hashes, secrets, limits, time and randomness
//! - [`link`]: Noise links between two keys
//! - [`tub`]: objects over links, named by furls

pub mod base;
pub mod link;
pub mod tub;
