//! A vdrive server as its clients see it, and what it makes of damaged logs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod damage;
mod restoration;
mod server;
