//! A secure, decentralised storage grid.
//!
//! Layers, lowest first; a module uses only those above it in this list:
//!
//! - [`base`]: base32, tagged hashes, secrets, limits, time and randomness

pub mod base;
