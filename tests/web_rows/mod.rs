//! The rows of the tables, by what they are about.

mod archives;
mod changing;
mod conditions;
mod errors;
mod foreign;
mod node;
mod owner;
mod prohibited;
mod reading;
mod repairing;
mod unlinked;
mod work;
mod writing;

/// A file that is no literal.
pub const LONG: &[u8] = &[b'x'; 3_000];
