//! Doors before real directories, without sockets: what each protocol promises its programs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod dav;
mod house;
mod restic;
mod s3;
mod sftp;
