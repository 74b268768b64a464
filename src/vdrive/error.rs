//! Why a vdrive server did not do something, sorted by what happens next.

use std::io::{Error, ErrorKind};

/// Outcome of the layer's own calls.
pub type Result<T> = std::result::Result<T, VdriveError>;

/// See the variants.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VdriveError {
    /// The caller's mistake: an id or facet that is taken. A new directory has new ones.
    #[error("that directory or facet exists already")]
    Exists,
    /// The caller's mistake: the head is not signed, or does not describe the change.
    #[error("the head does not describe the change")]
    BadChange,
    /// The caller asks for more than a directory may hold.
    #[error("more than a directory may hold")]
    TooMuch,
    /// The disk is full; nothing was changed. Later is better.
    #[error("no room on the disk")]
    NoSpace,
    /// The disk failed before and does not let the directory be written anew. It can be read.
    #[error("the directory takes no changes now")]
    ReadOnly,
    /// The directory's file was damaged: an older state is served, and whoever runs the server has
    /// yet to say that it is to be the newest.
    #[error(
        "the directory was damaged on the server; an older state of it is served, and not changed"
    )]
    Salvaged,
    /// A disk call failed; the log has the details.
    #[error("the disk failed")]
    Disk(String),
    /// The directory's file is damaged; it was moved aside and not deleted.
    #[error("the directory is damaged")]
    Corrupt,
    /// There is no such directory: it was never here.
    #[error("no such directory")]
    NoSuchDirectory,
    /// No such lease.
    #[error("no such lease")]
    NoSuchLease,
    /// As many leases or watchers as there may be.
    #[error("too many of them")]
    TooMany,
    /// Another process has the vdrive directory open.
    #[error("another process uses this vdrive directory")]
    InUse,
}

impl From<Error> for VdriveError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace,
            ErrorKind::NotFound => Self::NoSuchDirectory,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Disk(error.to_string()),
        }
    }
}
