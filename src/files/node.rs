//! What a link leads to, as far as this node can and may go.
//!
//! Doors that say no more of a thing than this need no more of caps than this.

use super::history::Transfer;
use super::transfers::Paced;
use super::{Files, FilesError};
use crate::cap::Cap;
use crate::grid::dirnode::{Listing, Target};
use crate::grid::{DownloadError, Prohibited};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

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

/// A part of a file on its way to its reader, and on record.
pub struct Fetched {
    paced: Paced,
    transfer: Option<Transfer>,
}

impl Stream for Fetched {
    type Item = Result<Bytes, DownloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.paced.poll_next_unpin(cx));
        match (&piece, &self.transfer) {
            (Some(Ok(piece)), Some(transfer)) => {
                if transfer.advance(piece.len() as u64) {
                    self.transfer = None;
                }
            }
            _ => self.transfer = None,
        }
        Poll::Ready(piece)
    }
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
    pub async fn read(&self, node: &Node, part: Range<u64>) -> Result<Fetched, FilesError> {
        self.fetch(node.file()?, part).await
    }

    /// The same of a file's cap.
    pub async fn fetch(&self, cap: &Cap, part: Range<u64>) -> Result<Fetched, FilesError> {
        // What is in its cap is transferred from nowhere.
        let somewhere = cap.storage_index().is_some();
        let transfer =
            somewhere.then(|| self.history.download(cap, part.clone(), self.door.clone()));
        let trace = transfer.as_ref().map(Transfer::trace).unwrap_or_default();
        let reader = self.grid().open_traced(cap, part.clone(), trace).await?;
        Ok(Fetched { paced: self.transfers.download(reader, part), transfer })
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
