//! What a link leads to, as far as this node can and may go.
//!
//! Doors that say no more of a thing than this need no more of caps than this.

use super::transfers::Paced;
use super::{Files, FilesError};
use crate::cap::Cap;
use crate::grid::Prohibited;
use crate::grid::dirnode::{Listing, Target};
use std::ops::Range;

/// A thing in the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A file that can be read, and its size.
    File { cap: Cap, size: u64 },
    /// A directory that can be listed.
    Directory(Cap),
    /// Something that can be checked and not read.
    Verifier(Cap),
    /// Kept for others: nothing is known of it here.
    Unknown,
    /// What the owner does not want touched: every use of it is refused.
    Prohibited(Prohibited),
}

impl Files {
    /// What a link leads to.
    pub fn node(&self, target: &Target) -> Node {
        let Target::Known(cap) = target else { return Node::Unknown };
        if let Err(prohibited) = self.grid().permit(cap) {
            return Node::Prohibited(prohibited);
        }
        let cap = cap.clone();
        match (cap.is_verifier(), cap.is_directory(), cap.size()) {
            (true, ..) => Node::Verifier(cap),
            (false, true, _) => Node::Directory(cap),
            (false, false, Some(size)) => Node::File { cap, size },
            (false, false, None) => Node::Unknown,
        }
    }

    /// All children of a directory.
    pub async fn list(&self, node: &Node) -> Result<Listing, FilesError> {
        Ok(self.directories.list(node.directory()?).await?)
    }

    /// A part of a file, verified, as fast as its reader takes it.
    pub async fn read(&self, node: &Node, part: Range<u64>) -> Result<Paced, FilesError> {
        let reader = self.grid().open_at(node.file()?, part.clone()).await?;
        Ok(self.transfers.download(reader, part))
    }
}

impl Node {
    /// The cap of a directory; a refusal for anything else.
    pub fn directory(&self) -> Result<&Cap, FilesError> {
        match self {
            Self::Directory(cap) => Ok(cap),
            Self::Prohibited(prohibited) => Err(prohibited.clone().into()),
            Self::Verifier(cap) if cap.is_directory() => {
                Err(crate::grid::dirnode::DirError::NotReadable.into())
            }
            Self::File { .. } | Self::Verifier(_) | Self::Unknown => Err(FilesError::NotADirectory),
        }
    }

    /// The cap of a file; a refusal for anything else.
    pub fn file(&self) -> Result<&Cap, FilesError> {
        match self {
            Self::File { cap, .. } => Ok(cap),
            Self::Prohibited(prohibited) => Err(prohibited.clone().into()),
            Self::Directory(_) | Self::Verifier(_) | Self::Unknown => {
                Err(crate::grid::DownloadError::NotReadable.into())
            }
        }
    }
}
