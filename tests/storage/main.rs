//! A storage server's store, its leases, its room and its clock: one program, as linking one costs
//! more than most of these tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../conformance/mod.rs"]
mod conformance;
mod places;
mod promise_19_rot;
mod room;
mod rules;
mod scrub;
mod store;
mod syncs;
mod time;
mod vectors;
