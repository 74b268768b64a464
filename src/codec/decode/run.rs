//! Runs of blocks of one share, checked against its block tree.

use super::ShareError;
use crate::base::ShareNum;
use crate::base::hash::Hash;
use crate::codec::geometry::{Geometry, SegmentNum};
use crate::codec::hashtree::HashTree;
use crate::codec::layout::Version;
use crate::codec::many::tagged_many;
use crate::codec::tags;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// A share whose block tree is proven to be the file's. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenShare {
    pub(super) share: ShareNum,
    pub(super) version: Version,
    /// Where the header puts the blocks; unproven, but a wrong place gives wrong blocks.
    pub(super) data: u64,
    pub(super) tree: Arc<HashTree>,
    pub(super) geometry: Geometry,
}

/// Blocks of consecutive segments, as a share's holder sent them.
#[derive(Clone, Debug)]
pub struct Run {
    pub share: OpenShare,
    pub first: SegmentNum,
    /// How many segments.
    pub count: u64,
    pub bytes: Bytes,
}

/// A run whose every block is what the file's author made.
#[derive(Clone, Debug)]
pub struct VerifiedRun {
    pub(super) share: ShareNum,
    pub(super) first: SegmentNum,
    pub(super) count: u64,
    pub(super) bytes: Bytes,
}

/// The blocks of a run, whether checked or not.
pub(super) struct Piece<'a> {
    pub share: ShareNum,
    pub first: SegmentNum,
    pub count: u64,
    pub bytes: &'a [u8],
}

impl Piece<'_> {
    /// The blocks, in order.
    pub fn blocks(&self, geometry: &Geometry) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks((geometry.block_size() as usize).max(1))
    }
}

impl OpenShare {
    pub const fn share(&self) -> ShareNum {
        self.share
    }

    /// How its fields are laid out.
    pub const fn version(&self) -> Version {
        self.version
    }

    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Where in the share the blocks of `count` segments from `first` are; they lie side by side.
    /// Segments beyond the last have no bytes.
    pub fn range(&self, first: SegmentNum, count: u64) -> Range<u64> {
        let end = SegmentNum(first.0.saturating_add(count));
        let at = |segment| self.data.saturating_add(self.geometry.block_offset(segment));
        at(first)..at(end)
    }

    /// Checks one run of blocks.
    pub fn verify(
        &self,
        first: SegmentNum,
        count: u64,
        bytes: Bytes,
    ) -> Result<VerifiedRun, ShareError> {
        let run = Run { share: self.clone(), first, count, bytes };
        verify_runs(vec![run]).pop().unwrap_or(Err(ShareError::Short))
    }
}

impl VerifiedRun {
    pub const fn share(&self) -> ShareNum {
        self.share
    }

    pub const fn first(&self) -> SegmentNum {
        self.first
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The part of the run that is about `count` segments from `first`, none if it is not all there.
    pub fn part(&self, geometry: &Geometry, first: SegmentNum, count: u64) -> Option<Self> {
        let skip = first.0.checked_sub(self.first.0)?;
        if skip.checked_add(count)? > self.count {
            return None;
        }
        let at = |segment: u64| {
            let offset = geometry.block_offset(SegmentNum(segment));
            offset.checked_sub(geometry.block_offset(self.first)).map(|offset| offset as usize)
        };
        let range = at(first.0)?..at(first.0 + count)?;
        (range.end <= self.bytes.len()).then(|| Self {
            share: self.share,
            first,
            count,
            bytes: self.bytes.slice(range),
        })
    }

    pub(super) fn piece(&self) -> Piece<'_> {
        Piece { share: self.share, first: self.first, count: self.count, bytes: &self.bytes }
    }
}

/// Checks runs of several shares in one go, which is faster than one by one. The answers are in the
/// order of the runs.
pub fn verify_runs(runs: Vec<Run>) -> Vec<Result<VerifiedRun, ShareError>> {
    let hashes = {
        let blocks: Vec<&[u8]> = runs.iter().flat_map(Run::blocks).collect();
        tagged_many(tags::BLOCK, &blocks)
    };
    let mut hashes = hashes.into_iter();
    let judge = |run: Run| {
        let count = run.blocks().count();
        let hashes: Vec<Hash> = hashes.by_ref().take(count).collect();
        run.judge(&hashes)
    };
    runs.into_iter().map(judge).collect()
}

impl Run {
    fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks((self.share.geometry.block_size() as usize).max(1))
    }

    pub(super) fn piece(&self) -> Piece<'_> {
        let (share, first, count) = (self.share.share, self.first, self.count);
        Piece { share, first, count, bytes: &self.bytes }
    }

    /// Whether it is of segments that the file has, and as long as their blocks.
    pub(super) fn is_complete(&self) -> bool {
        let range = self.share.range(self.first, self.count);
        let end = self.first.0.saturating_add(self.count);
        let inside = self.count > 0 && end <= self.share.geometry.segments();
        inside && self.bytes.len() as u64 == range.end - range.start
    }

    fn judge(self, hashes: &[Hash]) -> Result<VerifiedRun, ShareError> {
        if !self.is_complete() {
            return Err(ShareError::Short);
        }
        let Self { share, first, count, bytes } = self;
        for (hash, segment) in hashes.iter().zip(first.0..) {
            if share.tree.leaf(segment as usize) != Some(hash) {
                return Err(ShareError::Block(SegmentNum(segment)));
            }
        }
        Ok(VerifiedRun { share: share.share, first, count, bytes })
    }
}
