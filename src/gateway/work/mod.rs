//! Checking one thing, and work on everything below a directory.
//!
//! - [`check`]: is it all there?
//! - [`walk`]: the same for everything below, and lists of it, sent as they are found
//! - [`operations`]: such work in the background, known by a handle
//! - [`results`]: what it came to, as JSON, page and text

pub mod check;
pub mod operations;
pub mod results;
pub mod walk;
