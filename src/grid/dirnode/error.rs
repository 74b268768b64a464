//! Why a directory could not be read or changed.

use super::super::{DownloadError, Prohibited, UploadError};
use super::Unopened;
use crate::base::base32;
use crate::base::budget::NoRoom;
use crate::cap::CapError;
use crate::tub::{RemoteError, TubId};
use crate::vdrive::format::RowId;

/// An operation on a directory that did not happen; each says what was found, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirError {
    /// No child of that name.
    #[error("there is no child named {0:?} in this directory")]
    NoSuchChild(String),
    /// A child of that name is there, and was not to be replaced.
    #[error("there is already a child named {0:?} in this directory")]
    Exists(String),
    /// A path leads through something that is no directory, or the cap is of a file.
    #[error("{0:?} is not a directory")]
    NotADirectory(String),
    /// A change was asked for with a cap that only reads.
    #[error("this capability only reads the directory; changing it takes the write capability")]
    ReadOnly,
    /// A change of an immutable directory was asked for.
    #[error("this directory is immutable; make a new one instead")]
    Immutable,
    /// The cap only verifies.
    #[error("this capability can verify the directory, not read it")]
    NotReadable,
    /// What the change takes away could not be kept for putting back; it was not made.
    #[error("what this takes away could not be kept for putting back, so nothing was done: {0}")]
    NotKept(String),
    /// Somebody else changed the same child at the same time.
    #[error("somebody else changed the child {0:?} at the same time; look at it and try again")]
    Conflict(String),
    /// What was asked of the child before a change of it does not hold.
    #[error("the child {0:?} is not what it was to be for this change; look at it and try again")]
    Unmet(String),
    /// A directory was to be moved to where only it leads: nobody would find it again.
    #[error("the directory {0:?} cannot be moved into itself")]
    IntoItself(String),
    /// The server shows an older state than was seen before; nothing is read or written.
    #[error(
        "the directory's server shows version {got}, but version {seen} was seen before: the server \
         was restored from a backup, or withholds changes; after asking its owner, run \
         `tahoe accept-rollback CAP`"
    )]
    Rollback { seen: u64, got: u64 },
    /// Others changed the directory faster than this change could be made.
    #[error("others keep changing this directory; try again later")]
    TooManyRedos,
    /// No vdrive server is configured or announced, so no directory can be made.
    #[error("this node knows no vdrive server; copy its vdrive.furl into the node's directory")]
    NoVdrive,
    /// The directory's server cannot be reached: the text says why, in one word.
    #[error(
        "the vdrive server {tub} that keeps this directory cannot be reached ({error}); try again \
         when it is online"
    )]
    Unreachable { tub: TubId, error: RemoteError },
    /// A directory comes back on its own server only, and this node may make none there.
    #[error(
        "the directory was on the vdrive server {0}, and this node makes directories elsewhere; copy \
         that server's vdrive.furl into the node's directory, or bring the directory back as a new \
         one where it makes them"
    )]
    NotItsServer(TubId),
    /// The directory's server does not have it.
    #[error("the vdrive server {0} does not have this directory, or does not say so")]
    NoSuchDirectory(TubId),
    /// The cap names a server that this node has no other knowledge of; its hints are not dialled
    /// unasked.
    #[error(
        "the directory is on the unknown server {0}; allow it if you trust who gave you the cap"
    )]
    NewTub(TubId),
    /// The server refused, and retrying will not help.
    #[error("the vdrive server refused: {0}")]
    Refused(RemoteError),
    /// The server's answer contradicts what the cap proves. Its fault, or its disk's.
    #[error("the vdrive server's answer is not what the directory's writers signed: {0}")]
    Forged(&'static str),
    /// What a writer stored makes no sense.
    #[error("the directory is damaged: {0}")]
    Corrupt(&'static str),
    /// A writer stored something that does not open. What else is there can be had.
    #[error("{0}")]
    Unreadable(Unopened),
    /// A row was to be removed as one that does not open, and opens.
    #[error(
        "row {} of the directory is the child {name:?}; remove it by that name",
        base32::encode(row)
    )]
    Opens { row: RowId, name: String },
    /// Names have a limit.
    #[error("a name has at most {} bytes", crate::base::limits::NAME_MAX)]
    NameTooLong,
    /// One child takes more room than a row has, or all together more than a change.
    #[error("too much for one directory entry or one change: {0}")]
    TooBig(&'static str),
    /// It takes more memory than there is, now or ever.
    #[error("the directory is too large for now: {0}")]
    NoRoom(#[from] NoRoom),
    /// A change touches more children than are asked for one by one, and there is no memory to take
    /// the whole directory instead.
    #[error(
        "there is no memory to change so many children of this directory at once; change at most {} \
         in one call",
        crate::base::limits::ROW_IDS_MAX
    )]
    TooManyAtOnce,
    /// A cap of an unknown kind would give more than it says.
    #[error("the child {name:?} cannot be linked: {why}")]
    BadChild { name: String, why: ChildError },
    /// The owner of this node does not want it touched.
    #[error(transparent)]
    Prohibited(#[from] Prohibited),
    /// The table of an immutable directory could not be read.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The table of an immutable directory could not be stored.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The program is going down.
    #[error("the work was cut off because the node is stopping")]
    CutOff,
    /// What was seen of directories could not be written down.
    #[error("the node's record of directory versions cannot be written: {0}")]
    Record(String),
}

/// Why something cannot be a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChildError {
    /// A cap of an unknown kind was given as write cap, without a read cap beside it.
    #[error(
        "a capability of an unknown kind may give write access to whoever reads the directory; give \
         its read capability too, or prefix it with `ro.` or `imm.`"
    )]
    UnknownWrite,
    /// It breaks what `ro.`, `imm.` or the immutable directory promises.
    #[error(transparent)]
    Constraint(#[from] CapError),
    /// A verify cap or nothing at all.
    #[error("there is no capability in it that reads something")]
    Nothing,
}
