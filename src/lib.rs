//! A secure, decentralised storage grid.
//!
//! Layers, lowest first; a module uses only those above it in this list:
//!
//! - [`base`]: tagged hashes, identifiers, secrets, limits, time and randomness
//! - [`disk`]: every call to a file system, and faults on demand
//! - [`cap`]: capabilities, the texts that carry read and verify authority
//! - [`codec`]: immutable files as shares, without input or output
//! - [`link`]: Noise links between two keys
//! - [`tub`]: objects over links, named by furls
//! - [`storage`]: the storage server, shares and leases on disk
//! - [`introducer`]: who is in the grid
//! - [`vdrive`]: the directory server, tables of sealed rows on disk
//! - [`grid`]: what a client does with caps
//! - [`files`]: files and directories as front ends see them
//! - [`keeper`]: what keeps files alive
//! - [`http`]: what front ends that speak HTTP share
//! - [`doors`]: other front ends: WebDAV, S3, SFTP, restic
//! - [`gateway`]: the web API and the pages in front of them
//! - [`node`]: node directories and what runs in them
//! - [`cli`]: the command line
//!
//! Links and tubs, and what they stand on, are a crate of their own that knows nothing of all the rest:
//! [`tahoe_objects`].

pub mod base;
pub mod cap;
pub mod cli;
pub mod codec;
pub mod disk;
pub mod doors;
pub mod files;
pub mod gateway;
pub mod grid;
pub mod http;
pub mod introducer;
pub mod keeper;
pub mod node;
pub mod storage;
pub mod vdrive;

pub use tahoe_objects::{link, remote_interface, tub, wire_plain, wire_struct};
