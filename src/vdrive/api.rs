//! What a peer may ask of a vdrive server.
//!
//! The server's furl carries the right to make directories. Each directory is one object with two
//! facets whose swissnums its clients derive: the read facet answers what is there, with proof; the
//! write facet takes changes. The read facet is all that a reader or a verifier can reach.
//!
//! Heads travel as [`SignedHead`](super::format::SignedHead) bytes, rows as
//! [`Row`](super::format::Row)s one after the other, proofs as
//! [`Trie`](super::format::Trie) bytes. An answer's rows and proof belong to the head beside them.

use super::format::RowId;
use crate::base::limits::STAGINGS_PER_LINK_MAX;
use crate::base::secret::{CancelSecret, RenewSecret};
use crate::tub::{Bulk, Ref};
use crate::{remote_interface, wire_plain, wire_struct};
use serde::{Deserialize, Serialize};

remote_interface! {
    /// A vdrive server: the right to make directories.
    pub interface Vdrive = "grid.vdrive.v1" {
        /// What the server is.
        0 => GetVersion {} -> VdriveVersion,
        /// Makes a directory with these rows, under a head of sequence 1 that is signed. The facets
        /// are BLAKE2b-256 digests of their swissnums. A repeat is answered `AlreadyApplied`; the
        /// same id with anything else is refused.
        1 => CreateDirectory {
            id: [u8; 32],
            verify_key: [u8; 32],
            read_facet: [u8; 32],
            write_facet: [u8; 32],
            head: Vec<u8>,
            rows: Bulk,
        } -> Changed,
        /// As [`CreateDirectory`], for rows that do not fit one call.
        2 => BeginDirectory {
            id: [u8; 32],
            verify_key: [u8; 32],
            read_facet: [u8; 32],
            write_facet: [u8; 32],
        } -> Ref<Staging>,
        /// Takes back a directory that is lost, or older than it was: all of its rows, of any age,
        /// under a head of any sequence that follows the head `of`, under which they were. `consent` is
        /// its writer's [word](super::format::consent) for these facets and the head that will be
        /// committed. `Stale`: it is there, under the head of the answer. It gives way only if that
        /// is older than `of`: an older state that is served past damage, or one whose head has the
        /// hash `over`, of which the writer has taken over what is to stay.
        3 => BeginRestoration {
            id: [u8; 32],
            verify_key: [u8; 32],
            read_facet: [u8; 32],
            write_facet: [u8; 32],
            of: Vec<u8>,
            over: Option<[u8; 32]>,
            consent: Vec<u8>,
        } -> Ref<Staging>,
    }
}

remote_interface! {
    /// The read facet of a directory.
    pub interface DirectoryReader = "grid.vdrive.read.v1" {
        /// The newest head.
        0 => GetHead {} -> HeadNow,
        /// The rows of these ids, as far as there are such rows, in the order of the ids, and a
        /// proof for all of the ids. Where they do not all fit one answer the last ones are left
        /// out: the proof says that they exist. At most `ROW_IDS_MAX` ids.
        1 => GetRows { ids: Vec<RowId> } -> Rows,
        /// Rows in ascending order of their ids, from behind `after` on; at most `limit` and as many
        /// as one answer holds. The set of all rows proves itself against the head's root.
        2 => ListRows { after: Option<RowId>, limit: u32 } -> Page,
        /// Rows with a sequence above `seq`, as [`ListRows`] has them, and with the first page the
        /// ids removed since. `complete` is false where the server does not know that any more.
        3 => RowsSince { seq: u64, after: Option<RowId>, limit: u32 } -> Changes,
        /// Tells the watcher of each new head until the link is lost or a call to it fails; answers
        /// the head now.
        4 => WatchHead { watcher: Ref<Watcher> } -> HeadNow,
        /// Adds a lease, or renews the one with this renew secret; when it ends, in seconds since
        /// 1970.
        5 => AddLease { renew: RenewSecret, cancel: CancelSecret } -> u64,
        /// Renews a lease; when it ends.
        6 => RenewLease { renew: RenewSecret } -> u64,
        /// Ends a lease.
        7 => CancelLease { cancel: CancelSecret } -> (),
    }
}

remote_interface! {
    /// The write facet of a directory.
    pub interface DirectoryWriter = "grid.vdrive.write.v1" {
        /// Puts rows in, or in the place of those with their ids, and takes others out, all under
        /// one new head, which follows the newest one. All of it is durable when it is answered.
        /// Every row's sequence is the head's. A change whose change id was applied before is
        /// answered `AlreadyApplied`.
        0 => ChangeRows { head: Vec<u8>, rows: Bulk, removed: Vec<RowId> } -> Changed,
        /// As [`ChangeRows`], for what does not fit one call.
        1 => BeginChange {} -> Ref<Staging>,
    }
}

remote_interface! {
    /// One change that is not yet made. Dropping the last reference, or losing the link, drops it.
    pub interface Staging = "grid.vdrive.staging.v1", STAGINGS_PER_LINK_MAX {
        /// Adds rows to the change.
        0 => StageRows { rows: Bulk } -> (),
        /// Adds removals to the change.
        1 => StageRemoved { removed: Vec<RowId> } -> (),
        /// Makes the change, whole or not at all. After a `Stale` answer the staging is gone.
        2 => Commit { head: Vec<u8> } -> Changed,
    }
}

remote_interface! {
    /// Somebody who wants to hear of changes.
    pub interface Watcher = "grid.vdrive.watcher.v1" {
        /// The directory has a head of this sequence. Only the newest is told: whoever is slow
        /// misses those in between.
        0 => HeadMoved { seq: u64 } -> (),
    }
}

/// What a vdrive server is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct VdriveVersion {
    /// Name and version of the software.
    pub version: String,
    /// Rows that one directory may have.
    pub rows_max: u64,
}

/// What became of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ChangeOutcome {
    /// It is made and durable.
    Applied,
    /// It was made before, by an earlier call with the same change id.
    AlreadyApplied,
    /// It was not made: another one came first. Rows and proof tell what there is now.
    Stale,
}

wire_plain!(VdriveVersion, ChangeOutcome);

wire_struct! {
    /// The newest head.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HeadNow {
        /// With which heads of this directory are verified; readers know its hash.
        pub verify_key: [u8; 32],
        pub head: Vec<u8>,
    }
}

wire_struct! {
    /// The answer to [`GetRows`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Rows {
        pub verify_key: [u8; 32],
        pub head: Vec<u8>,
        pub rows: Bulk,
        pub proof: Bulk,
    }
}

wire_struct! {
    /// The answer to [`ListRows`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Page {
        pub verify_key: [u8; 32],
        pub head: Vec<u8>,
        pub rows: Bulk,
        /// There are rows behind the last one.
        pub more: bool,
    }
}

wire_struct! {
    /// The answer to [`RowsSince`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Changes {
        pub verify_key: [u8; 32],
        pub head: Vec<u8>,
        pub rows: Bulk,
        pub more: bool,
        /// Ids of rows that were removed, 32 bytes each.
        pub removed: Bulk,
        /// The removals are all there are since then; else list the whole directory.
        pub complete: bool,
    }
}

wire_struct! {
    /// The answer to a change.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Changed {
        pub outcome: ChangeOutcome,
        /// The newest head: the change's own if it was applied.
        pub head: Vec<u8>,
        /// After `Stale`, the rows that the change touches as they are now, and their proof, both
        /// as in [`GetRows`] and for the first `ROW_IDS_MAX` ids, rows before removals; else empty.
        pub rows: Bulk,
        pub proof: Bulk,
    }
}

/// Codes of this layer's own errors.
pub mod code {
    /// The directory or one of its facets is there already, and is not the one to be made.
    pub const EXISTS: u16 = 1;
    /// The head is not signed by the directory's key, or does not describe the change.
    pub const BAD_CHANGE: u16 = 2;
    /// More rows or bytes than there may be.
    pub const TOO_MUCH: u16 = 3;
    /// No room on the disk.
    pub const NO_SPACE: u16 = 4;
    /// The server takes no changes to this directory: its disk failed.
    pub const READ_ONLY: u16 = 5;
    /// The server's disk failed.
    pub const DISK: u16 = 6;
    /// The directory is damaged; its file was moved aside.
    pub const CORRUPT: u16 = 7;
    /// No such lease.
    pub const NO_SUCH_LEASE: u16 = 8;
    /// The directory has as many leases or watchers as it may have.
    pub const TOO_MANY: u16 = 9;
    /// The directory was damaged: an older state is served and takes no changes until whoever runs
    /// the server says that it is to be the newest.
    pub const SALVAGED: u16 = 10;
}
