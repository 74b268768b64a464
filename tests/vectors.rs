//! Every vector that the original produced for immutable files and for the tables of directories, and
//! those of the vdrive server's format, checked against this library.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test that fails by panicking is how tests fail"
)]

#[path = "vectors/support.rs"]
mod support;

#[path = "vectors/aes_ctr.rs"]
mod aes_ctr;
#[path = "vectors/base32.rs"]
mod base32;
#[path = "vectors/chk.rs"]
mod chk;
#[path = "vectors/convergence.rs"]
mod convergence;
#[path = "vectors/corruption.rs"]
mod corruption;
#[path = "vectors/dirnodes.rs"]
mod dirnodes;
#[path = "vectors/hashes.rs"]
mod hashes;
#[path = "vectors/hashtree.rs"]
mod hashtree;
#[path = "vectors/layout.rs"]
mod layout;
#[path = "vectors/leases.rs"]
mod leases;
#[path = "vectors/lit.rs"]
mod lit;
#[path = "vectors/uris.rs"]
mod uris;
#[path = "vectors/vdrive.rs"]
mod vdrive;
#[path = "vectors/zfec.rs"]
mod zfec;
