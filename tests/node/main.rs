//! Grids of whole nodes, as processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod directories;
mod grids;
#[path = "../nodes/mod.rs"]
mod nodes;
mod shared;
