//! What can go wrong in storage, sorted by whose affair it is.

use std::io;
use std::sync::Arc;

/// One fact each. `Display` names no path and no secret: it may be shown to a peer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, its reserve or `sizelimit` leaves no room: place the share elsewhere.
    #[error("no space")]
    NoSpace,
    /// The node's owner wants no new shares, or the disk takes no writes: place it elsewhere.
    #[error("read-only")]
    ReadOnly,
    /// The share was closed before all of it was written: the upload is void.
    #[error("the share is incomplete")]
    Incomplete,
    /// Bytes were written again with another content: the upload is void.
    #[error("written bytes differ")]
    Conflict,
    /// The share is not of the file that was promised: the upload is void.
    #[error("not a share of that file")]
    Unproven,
    /// A write past the allocated size, or in more pieces than a writer may make.
    #[error("out of range")]
    OutOfRange,
    /// The upload ended already: closed, aborted, or void after an error.
    #[error("the upload has ended")]
    Ended,
    /// No such share, or no such lease.
    #[error("no such share")]
    NoSuchShare,
    /// A share has as many leases as it may have.
    #[error("too many leases")]
    TooManyLeases,
    /// As many uploads and readers are open as may be: try later.
    #[error("busy")]
    Busy,
    /// Another server uses this storage directory: our owner must stop one.
    #[error("the storage directory is in use by another process")]
    InUse,
    /// The disk failed. The cause goes to the log, not to peers.
    #[error("disk error")]
    Disk(#[source] Arc<io::Error>),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Disk(Arc::new(error)),
        }
    }
}

pub type Result<T> = std::result::Result<T, StoreError>;
