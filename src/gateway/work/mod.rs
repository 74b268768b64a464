//! Checking one thing, and work on everything below a directory.
//!
//! - [`check`]: is it all there? If not, can it be made so?
//! - [`walk`]: the same for everything below, and lists of it, sent as they are found
//! - [`operations`]: such work in the background; [`handles`]: what it is known by
//! - [`restoring`]: directories brought back from their copies
//! - [`progress`]: what it has come to so far, [`results`]: that as JSON, page and text
//! - [`verdict`]: what a check or a repair came to, as JSON
//! - [`facts`]: what is said of one thing, and of all together

pub mod check;
pub mod facts;
pub mod handles;
pub mod operations;
pub mod progress;
pub mod restoring;
pub mod results;
pub mod verdict;
pub mod walk;
