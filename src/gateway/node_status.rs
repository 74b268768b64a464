//! What a node tells its gateway of itself, for pages and figures.

use crate::disk::DiskSize;
use crate::storage::Latency;
use serde::Serialize;

/// The state of a node, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub nickname: String,
    pub version: String,
    /// This node's tub id.
    pub nodeid: String,
    /// One line about the introducer; none for a node without one.
    pub introducer: Option<String>,
    /// How new files are encoded.
    pub encoding: String,
    pub servers: Vec<ServerStatus>,
}

/// One storage server, as a line of the list.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    pub nodeid: String,
    pub connection_status: String,
    /// Bytes that the server said it has left; null when it did not say.
    pub available_space: Option<u64>,
    pub nickname: String,
    pub version: String,
    /// Seconds since 1970 of the last sign of life; null before the first.
    pub last_received_data: Option<u64>,
    #[serde(skip)]
    pub connected: bool,
    /// Seconds since 1970 when the link came up; none while there is none.
    #[serde(skip)]
    pub since: Option<u64>,
}

/// What a node that offers space has stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageStatus {
    /// Bytes of the disk that new shares may take.
    pub available: u64,
    /// Bytes of the disk that is taken; none while that is being counted.
    pub used: Option<u64>,
    /// Bytes that open uploads may still take.
    pub allocated: u64,
    /// Bytes of the disk that the owner wants left free.
    pub reserved: u64,
    /// None where the system does not tell.
    pub disk: Option<DiskSize>,
    pub read_only: bool,
    /// Seconds after their last renewal for which leases are kept; none: for ever.
    pub lease_age: Option<u64>,
    /// The last collection of leases that ended, if there was one since the start.
    pub collected: Option<CollectedStatus>,
    pub scrub: ScrubStatus,
    /// What the clock had to say and what it said, in seconds since 1970, while it is not believed.
    pub clock_jump: Option<(u64, u64)>,
    /// How long what was asked of it took lately.
    pub latencies: Vec<Latency>,
}

/// What reading all shares came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrubbedStatus {
    /// From and to, in seconds since 1970.
    pub times: (u64, u64),
    pub shares: u64,
    /// Of these.
    pub damaged: u64,
    /// Folders, or files in them, that could not be read at all.
    pub unread: u64,
}

/// How a node reads what it stores, to find damage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScrubStatus {
    /// Seconds from one round to the next; none: it does not.
    pub every: Option<u64>,
    /// The round under way: since when (seconds since 1970), shares and bytes that were read.
    pub round: Option<(u64, u64, u64)>,
    /// The last whole round.
    pub last: Option<ScrubbedStatus>,
    /// Shares that are damaged and have no successor yet.
    pub damaged: usize,
}

/// Why a collection of leases deleted nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldStatus {
    /// The clock has not gone right for a day.
    Clock,
    /// So many shares were over, of so many.
    Most { over: u64, all: u64 },
}

/// What a collection of leases did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CollectedStatus {
    /// From and to, in seconds since 1970.
    pub times: (u64, u64),
    /// Shares that were deleted.
    pub shares: u64,
    /// Bytes that were given back.
    pub bytes: u64,
    /// Buckets in which nothing could be done.
    pub failed: u64,
    pub held: Option<HeldStatus>,
}
