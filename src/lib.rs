//! A secure, decentralised storage grid.
//!
//! Layers, lowest first; a module uses only those above it in this list:
//!
//! - [`base`]: base32, tagged hashes, secrets, limits, time and randomness
//! - [`disk`]: every call to a file system, and faults on demand
//! - [`cap`]: capabilities, the texts that carry read and verify authority
//! - [`codec`]: immutable files as shares, without input or output
//! - [`link`]: Noise links between two keys
//! - [`tub`]: objects over links, named by furls
//! - [`storage`]: the storage server, shares and leases on disk
//! - [`introducer`]: who is in the grid
//! - [`vdrive`]: the directory server, tables of sealed rows on disk
//! - [`grid`]: what a client does with caps
//! - [`gateway`]: HTTP in front of the grid
//! - [`node`]: node directories and what runs in them
//! - [`cli`]: the command line

pub mod base;
pub mod cap;
pub mod cli;
pub mod codec;
pub mod disk;
pub mod gateway;
pub mod grid;
pub mod introducer;
pub mod link;
pub mod node;
pub mod storage;
pub mod tub;
pub mod vdrive;
