//! A file that is read: mostly from its front to its end, so what comes next is on its way already.

use super::super::error::DoorError;
use super::super::opened::{Opened, Piece};
use super::reply::Refusal;
use crate::base::limits::SFTP_SKIP_MAX;
use crate::files::Node;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{LocalBoxStream, StreamExt};

/// A file that is open. It is what it was when it was opened: a file never changes, names do.
pub struct Reading {
    door: Opened,
    pub node: Node,
    pub size: u64,
    under_way: Option<UnderWay>,
}

/// What was asked for last, and goes on.
struct UnderWay {
    /// Where the next byte stands,
    at: u64,
    /// which is the first of these,
    piece: Bytes,
    /// or of what comes.
    rest: LocalBoxStream<'static, Piece>,
}

impl Reading {
    pub fn new(door: Opened, node: Node, size: u64) -> Self {
        Self { door, node, size, under_way: None }
    }

    /// So many bytes from there; less at the end, and nothing behind it.
    pub async fn read(&mut self, at: u64, length: usize) -> Result<Bytes, Refusal> {
        let end = at.saturating_add(length as u64).min(self.size);
        if at >= end {
            return Err(Refusal::end());
        }
        let mut under_way = match self.under_way.take() {
            Some(mut under_way) if under_way.leads_to(at) => {
                under_way.skip(at).await?;
                under_way
            }
            _ => {
                let rest = self.door.read(&self.node, at..self.size).await?.boxed_local();
                UnderWay { at, piece: Bytes::new(), rest }
            }
        };
        let bytes = under_way.take(usize::try_from(end - at).unwrap_or(length)).await?;
        self.under_way = Some(under_way);
        Ok(bytes)
    }
}

impl UnderWay {
    /// Whether going on is better than beginning anew.
    fn leads_to(&self, at: u64) -> bool {
        (self.at..=self.at.saturating_add(SFTP_SKIP_MAX)).contains(&at)
    }

    async fn skip(&mut self, to: u64) -> Result<(), Refusal> {
        while self.at < to {
            let left = usize::try_from(to - self.at).unwrap_or(usize::MAX);
            self.some(left).await?;
        }
        Ok(())
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, Refusal> {
        let first = self.some(length).await?;
        if first.len() == length {
            return Ok(first);
        }
        let mut bytes = BytesMut::with_capacity(length);
        bytes.extend_from_slice(&first);
        while bytes.len() < length {
            let more = self.some(length - bytes.len()).await?;
            bytes.extend_from_slice(&more);
        }
        Ok(bytes.freeze())
    }

    /// At most so many of the next bytes, and at least one.
    async fn some(&mut self, most: usize) -> Result<Bytes, Refusal> {
        while self.piece.is_empty() {
            let next = self.rest.next().await;
            // It ends before the size that its cap has.
            let next = next.ok_or(crate::grid::DownloadError::CutOff).map_err(DoorError::from)?;
            self.piece = next.map_err(DoorError::from)?;
        }
        let some = self.piece.split_to(most.min(self.piece.len()));
        self.at = self.at.saturating_add(some.len() as u64);
        Ok(some)
    }
}
