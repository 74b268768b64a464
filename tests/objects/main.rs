//! The object layer: as its users see it, when links are lost, and when a peer keeps to no rule.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../hostile/mod.rs"]
mod hostile;
mod hostile_links;
mod layer;
mod links;
mod strands;
