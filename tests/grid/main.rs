//! Clients on grids inside the process: files, directories, links and servers that fail.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod directories;
mod downloads;
mod files;
mod in_memory;
mod kept_directories;
mod kept_files;
mod links;
mod promise_17_repair;
mod promise_18_keeper;
mod repairs;
mod round_trips;
mod silent_servers;
mod uploads;
