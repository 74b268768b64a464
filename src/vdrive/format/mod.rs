//! What a directory is made of, on the wire and on disk: pure, no input or output.
//!
//! A directory is a set of [`Row`]s, each sealed by its client; a [`Trie`] over them whose root
//! proves what is there and what is not; and a chain of [`SignedHead`]s, each of which names a root.
//! `FORMAT.md` beside this folder draws the layouts and says who could do what.

pub mod consent;
pub mod head;
pub mod log;
pub mod mend;
mod proof;
pub mod row;
pub mod trie;

pub use head::{Head, SignedHead};
pub use row::Row;
pub use trie::{Hidden, Trie};

/// Names a directory to its server: the hash of a key that the server does not have.
pub type DirectoryId = [u8; 32];
/// Names a row: a keyed hash of the child's name, so that the server learns no name.
pub type RowId = [u8; 32];

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub struct Malformed;

impl From<crate::codec::bytes_in::Short> for Malformed {
    fn from(_: crate::codec::bytes_in::Short) -> Self {
        Self
    }
}
