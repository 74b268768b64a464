//! Why a file could not be read.

use crate::base::file::BadParams;
use crate::codec::decode::SegmentError;

/// A download that gives no (further) bytes. Never accompanied by wrong ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// Not one storage server is connected.
    #[error(
        "no storage server is connected; check that the introducer and at least one storage server \
         are running, then try again"
    )]
    NoServers,
    /// No server that answered has any share of this file.
    #[error(
        "no shares could be found on the servers that are connected; the file was never stored in \
         this grid, its leases ran out, or the servers that have it are offline"
    )]
    NoShares,
    /// Some shares, too few.
    #[error(
        "{found} usable share(s) could be found, {needed} are needed; the file can be read again \
         when more of the servers that have its shares are online"
    )]
    NotEnoughShares { found: usize, needed: usize },
    /// Too few shares, but servers that may have more did not answer or are being dialled: nothing is
    /// known to be lost.
    #[error(
        "{found} usable share(s) could be found, {needed} are needed; {away} server(s) that may have \
         more did not answer, or are just being reached: try again in a moment"
    )]
    NotNow { found: usize, needed: usize, away: usize },
    /// The shares are those that the cap names, and tell of another size or encoding.
    #[error(
        "shares of this file were found, but they contradict the numbers in this capability; \
         compare it with where you copied it from"
    )]
    Contradiction,
    /// All shares are of a version that this program does not know.
    #[error("the shares have version {version}, which this program does not know; a newer one may")]
    Incompatible { version: u32 },
    /// The author's hashes contradict each other: no choice of shares helps.
    #[error("the file was damaged when it was stored: {0}")]
    Damaged(SegmentError),
    /// A cap that no file has.
    #[error("this capability names no file: {0}")]
    BadCap(#[from] BadParams),
    /// A verify cap gives no plaintext.
    #[error("this capability can verify the file, not read it")]
    NotReadable,
    /// Bytes beyond the end were asked for.
    #[error("bytes {start} to {end} were asked for; the file has {size}")]
    Range { start: u64, end: u64, size: u64 },
    /// The owner of this node does not want it touched.
    #[error(transparent)]
    Prohibited(#[from] crate::grid::Prohibited),
    /// The program is going down.
    #[error("the download was cut off because the node is stopping")]
    CutOff,
}
