//! What a peer may ask of a storage server.
//!
//! The server's furl carries the right to store and to read; a share's bytes are ciphertext and
//! prove themselves against a verify cap, so reading needs no other permission. Each upload and
//! each open share is an object of its own, gone when its reference is dropped. A lease is two
//! objects whose swissnums are the lease's secrets: one renews it, the other cancels it.

use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{READERS_PER_LINK_MAX, WRITERS_PER_LINK_MAX};
use crate::base::secret::{CancelSecret, RenewSecret};
use crate::tub::{Bulk, Ref};
use crate::{remote_interface, wire_plain, wire_struct};
use serde::{Deserialize, Serialize};

remote_interface! {
    /// A storage server.
    pub interface Storage = "grid.storage.v1" {
        /// What the server is and what it has room for.
        0 => GetVersion {} -> ServerVersion,
        /// Asks for a writer for each of these shares of `size` bytes. Those of the SI that are
        /// here, are as long and whose own sums hold get the lease, asked for or not. A share that
        /// is both in progress and has a writer was begun by an earlier call of this client.
        1 => Allocate {
            si: StorageIndex,
            shares: Vec<ShareNum>,
            size: u64,
            renew: RenewSecret,
            cancel: CancelSecret,
        } -> Allocated,
        /// Opens every share of the SI, and sends the first `head` bytes of each.
        2 => OpenBucket { si: StorageIndex, head: u32 } -> Opened,
        /// The numbers of the shares that are here, ascending.
        3 => ListShares { si: StorageIndex } -> Vec<ShareNum>,
        /// Adds a lease to every share of the SI, or renews it; the number of shares that carry it.
        /// Beyond a thousand on a share, leases share one that lasts as long as the longest of them:
        /// it is extended by asking again, not by furl, and nobody can cancel it.
        4 => AddLease { si: StorageIndex, renew: RenewSecret, cancel: CancelSecret } -> u32,
        /// Reports that a share from here did not verify.
        5 => AdviseCorrupt { si: StorageIndex, share: ShareNum, reason: String } -> (),
        /// Stores a whole share in one step, as `Allocate`, `Write` and `Close` would: it is among
        /// `already` once it is durable and visible, and no share with other bytes ever is. There
        /// are no writers in the answer.
        6 => Put {
            si: StorageIndex,
            share: ShareNum,
            renew: RenewSecret,
            cancel: CancelSecret,
            data: Bulk,
        } -> Allocated,
        /// How full it is.
        7 => GetSpace {} -> SpaceNow,
        /// As `OpenBucket`, with several ranges (offset, length) of each share instead of its first
        /// bytes: finding, opening and reading in one step, for who can tell from the cap where
        /// things are.
        8 => OpenAndRead { si: StorageIndex, ranges: Vec<(u64, u32)> } -> Opened,
        /// The time by which it dates leases, in seconds since 1970: for who wants to know whether 31 days
        /// are as long there.
        9 => GetClock {} -> u64,
        /// As `Allocate`, for shares of the file whose UEB has this hash, where something else
        /// stands in their places: they are kept under
        /// [`proven_index`](crate::base::file::proven_index) of SI and hash, which takes no others.
        /// A close is refused if the share is not what was promised, and nothing that is not can
        /// keep one out.
        10 => AllocateProven {
            si: StorageIndex,
            shares: Vec<ShareNum>,
            size: u64,
            ueb_hash: [u8; 32],
            renew: RenewSecret,
            cancel: CancelSecret,
        } -> Allocated,
        /// As `Put`, likewise.
        11 => PutProven {
            si: StorageIndex,
            share: ShareNum,
            ueb_hash: [u8; 32],
            renew: RenewSecret,
            cancel: CancelSecret,
            data: Bulk,
        } -> Allocated,
        /// As `ListShares`, of each of several SIs: at most `INDEXES_MAX`.
        12 => ListManyShares { indexes: Vec<StorageIndex> } -> Vec<Vec<ShareNum>>,
        /// Ends the lease that was made with this secret on the shares of the SI; how many lease records
        /// went. A share without leases is deleted.
        13 => CancelLease { si: StorageIndex, cancel: CancelSecret } -> u32,
    }
}

remote_interface! {
    /// One share being written. Dropping the last reference aborts it, unless much of it is written: then
    /// it waits for some time for whoever allocates it again with the same renew secret.
    pub interface BucketWriter = "grid.storage.writer.v1", WRITERS_PER_LINK_MAX {
        /// Writes at an offset of the share. Nothing is durable before `Close` is answered.
        0 in bulk => Write { offset: u64, data: Bulk } -> (),
        /// Makes the share durable and visible; every byte must have been written.
        1 => Close {} -> (),
        /// Gives the share up.
        2 => Abort {} -> (),
        /// Bytes from the beginning of the share on that are written: where whoever goes on with it
        /// begins.
        3 => Written {} -> u64,
    }
}

remote_interface! {
    /// One share, open for reading.
    pub interface BucketReader = "grid.storage.reader.v1", READERS_PER_LINK_MAX {
        /// Several ranges (offset, length), one after the other; short only past the end.
        0 => Read { ranges: Vec<(u64, u32)> } -> Bulk,
    }
}

remote_interface! {
    /// The right to renew one lease, on all shares of its SI.
    pub interface LeaseRenewal = "grid.storage.renew.v1" {
        /// Extends it; when it ends now, in seconds since 1970.
        0 => Renew {} -> u64,
        /// When it ends, in seconds since 1970.
        1 => Expires {} -> u64,
    }
}

remote_interface! {
    /// The right to cancel one lease.
    pub interface LeaseCancellation = "grid.storage.cancel.v1" {
        /// Ends it; the number of lease records removed. Shares without a lease are deleted.
        0 => Cancel {} -> u32,
    }
}

/// What a server is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerVersion {
    /// Name and version of the software.
    pub version: String,
    /// Bytes of the largest share that it takes now.
    pub max_share_size: u64,
    /// Bytes left; `None` if that is not told.
    pub available: Option<u64>,
    /// It takes no new shares.
    pub read_only: bool,
}

/// How full a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SpaceNow {
    /// Bytes of all shares; `None` if that is not told, or not counted yet.
    pub used: Option<u64>,
    /// Bytes left; `None` if that is not told.
    pub available: Option<u64>,
}

wire_plain!(StorageIndex, ShareNum, ServerVersion, SpaceNow);

wire_struct! {
    /// The answer to [`Allocate`], [`Put`] and the like. A share that was asked for and is nowhere
    /// here was refused: there is no room, or something else stands in its place.
    pub struct Allocated {
        /// Shares of the SI that are here, asked for or not. A claim: who wants to count one has it
        /// shown.
        pub already: Vec<ShareNum>,
        /// Shares that another client is writing, or that the server is looking at.
        pub in_progress: Vec<ShareNum>,
        pub writers: Vec<(ShareNum, Ref<BucketWriter>)>,
    }
}

wire_struct! {
    /// One share of [`Opened`].
    pub struct OpenShare {
        pub num: ShareNum,
        /// Bytes of the share.
        pub length: u64,
        pub reader: Ref<BucketReader>,
    }
}

wire_struct! {
    /// The answer to [`OpenBucket`] and [`OpenAndRead`].
    pub struct Opened {
        pub shares: Vec<OpenShare>,
        /// The first bytes of each share, in the order of `shares`: as many as were asked for, the
        /// share has and `OPEN_HEAD_MAX` allows; later shares less where one answer is full. Or the
        /// ranges of each share, as far as it has them; none of a share for which there is no room.
        pub heads: Bulk,
    }
}

impl Opened {
    /// Bytes of `heads` that belong to each share, in their order.
    pub fn head_lengths(lengths: impl Iterator<Item = u64>, head: u32) -> Vec<usize> {
        use crate::base::limits::{BULK_MAX, OPEN_HEAD_MAX};
        let mut room = BULK_MAX as u64;
        let head_length = |length: u64| {
            let take = length.min(u64::from(head.min(OPEN_HEAD_MAX))).min(room);
            room -= take;
            take as usize
        };
        lengths.map(head_length).collect()
    }

    /// Bytes of `heads` that belong to each share, in their order, if these ranges were asked for.
    pub fn range_lengths(lengths: impl Iterator<Item = u64>, ranges: &[(u64, u32)]) -> Vec<usize> {
        let mut room = crate::base::limits::BULK_MAX as u64;
        let ranges_length = |length: u64| {
            let wanted: u64 = ranges.iter().map(|range| cut(*range, length)).sum();
            let take = if wanted <= room { wanted } else { 0 };
            room -= take;
            take as usize
        };
        lengths.map(ranges_length).collect()
    }
}

/// Bytes of a range (offset, length) that a share of `length` bytes has.
pub fn cut((offset, wanted): (u64, u32), length: u64) -> u64 {
    u64::from(wanted).min(length.saturating_sub(offset))
}

/// Codes of this layer's own errors.
pub mod code {
    /// No room for the share or its lease.
    pub const NO_SPACE: u16 = 1;
    /// The server takes no changes.
    pub const READ_ONLY: u16 = 2;
    /// Closed before every byte was written.
    pub const INCOMPLETE: u16 = 3;
    /// No such share or lease.
    pub const NO_SUCH_SHARE: u16 = 4;
    /// The server's disk failed.
    pub const DISK: u16 = 5;
    /// Outside the share, or more than one call may ask for.
    pub const OUT_OF_RANGE: u16 = 6;
    /// Bytes written twice were not the same.
    pub const CONFLICT: u16 = 7;
    /// The upload was closed, aborted, or idle too long.
    pub const ENDED: u16 = 8;
    /// The share has as many leases as it may have.
    pub const TOO_MANY_LEASES: u16 = 9;
    /// The share is not of the file that was promised.
    pub const UNPROVEN: u16 = 10;
}
