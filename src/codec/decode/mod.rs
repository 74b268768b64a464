//! Verified plaintext from the shares of strangers, without any input or output.
//!
//! ```text
//! FileFacts ─ Opening (one share): which bytes it needs, takes them → OpenShare, FileTree
//! Showing (one share): likewise, only whether it is of the file
//! OpenShare ─ verify: a run of blocks → VerifiedRun
//! FileReader ─ decode: k VerifiedRuns of the same segments → ciphertext, checked → plaintext
//!              read: k Runs likewise; blocks are checked only where the segments do not prove them
//! ```
//! Every type here can be had only by passing the check that its name promises. A share that fails
//! one is [`ShareError::Incompatible`] (a version that this program does not know) or corrupt in a
//! way that its message tells; neither says anything about other shares.

mod opening;
mod reader;
mod run;
mod showing;

pub use opening::Opening;
pub(super) use opening::ueb_range;
pub use reader::{FileReader, FileTree, SegmentError, Unreadable};
pub use run::{OpenShare, Run, VerifiedRun, verify_runs};
pub use showing::{Showing, showing_ranges};

use super::chain::BadChain;
use super::geometry::SegmentNum;
use super::hashtree::BadTree;
use super::layout::BadHeader;
use super::ueb::BadUeb;
use crate::base::ShareNum;

/// Why a share cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Perhaps sound, but of a version that this program does not know.
    #[error("the share has version {0}, which this program does not know")]
    Incompatible(u32),
    /// The share ends within its header.
    #[error("the share ends within its header")]
    Truncated,
    /// The file has no share of that number.
    #[error("share {0} is not one of this file's")]
    NoSuchShare(ShareNum),
    /// Regions that cannot be where the header puts them.
    #[error("the share's header contradicts itself")]
    Layout,
    /// The share ends before a region that its header promises, or a read was answered short.
    #[error("the share is shorter than it says")]
    Short,
    #[error(transparent)]
    Ueb(#[from] BadUeb),
    #[error(transparent)]
    Chain(#[from] BadChain),
    /// The tree over the file's segments, which every share has.
    #[error("the tree over the file's segments is damaged: {0}")]
    SegmentTree(BadTree),
    /// The tree over the share's own blocks.
    #[error("the tree over the share's blocks is damaged: {0}")]
    BlockTree(BadTree),
    /// A block is not the one that its share's tree names.
    #[error("block {} is damaged", .0.0)]
    Block(SegmentNum),
}

impl ShareError {
    /// Where the share is not as it should be, as the format calls it
    /// (`docs/spec/formats-immutable.md` §11). A region that is not all there is where its header does not
    /// put it.
    pub const fn region(&self) -> &'static str {
        match self {
            Self::Incompatible(_) | Self::Truncated | Self::NoSuchShare(_) => "header",
            Self::Layout | Self::Short => "header",
            Self::Ueb(_) => "uri_extension",
            Self::Chain(_) => "share_hashes",
            Self::SegmentTree(_) => "crypttext_hash_tree",
            Self::BlockTree(_) => "block_hashes",
            Self::Block(_) => "data",
        }
    }

    /// Whether its server must have changed it, or never had it: not if it is of a later program, nor if
    /// the block that the cap names is what does not fit.
    pub const fn accuses_server(&self) -> bool {
        match self {
            Self::Incompatible(_) => false,
            Self::Ueb(error) => matches!(error, BadUeb::TooLong | BadUeb::Hash),
            _ => true,
        }
    }
}

impl From<BadHeader> for ShareError {
    fn from(error: BadHeader) -> Self {
        match error {
            BadHeader::Incompatible(version) => Self::Incompatible(version),
            BadHeader::Truncated => Self::Truncated,
        }
    }
}
