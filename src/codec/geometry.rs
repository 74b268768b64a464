//! Segments, blocks and their sizes (`docs/spec/formats-immutable.md` §4 and §7).
//!
//! ```text
//! segment size = up(min(largest, size), k)     segments   = ceil(size / segment size)
//! block size   = segment size / k              tail block = up(tail, k) / k
//! ```
//! All arithmetic is checked: a [`Geometry`] that exists has no size that overflows.

use crate::base::file::Params;
use crate::base::limits::{READ_SEGMENT_MAX, READ_TREES_MAX, SEGMENTS_MAX};

/// The position of a segment in its file, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SegmentNum(pub u64);

/// How one file is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    params: Params,
    size: u64,
    segment_size: u64,
    segments: u64,
    tree_bytes: u64,
}

/// Sizes that cannot be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadGeometry {
    /// A file without bytes has no segments; it is a literal cap.
    #[error("an empty file has no shares")]
    Empty,
    /// Zero, or not a multiple of the shares needed.
    #[error("segment size {0} is not a positive multiple of the shares needed")]
    SegmentSize(u64),
    /// A 64-bit size would overflow.
    #[error("the file is too large for the format")]
    Overflow,
    /// More segments, or larger ones, than are held in memory.
    #[error("the file has {segments} segments of {segment_size} bytes, more than is handled")]
    Limit { segments: u64, segment_size: u64 },
}

impl Geometry {
    /// The cut that an upload makes, `segment_max` being the largest segment wanted (in bytes).
    pub fn for_upload(params: Params, size: u64, segment_max: u64) -> Result<Self, BadGeometry> {
        let k = params.needed() as u64;
        let segment_size =
            segment_max.min(size).checked_next_multiple_of(k).ok_or(BadGeometry::Overflow)?;
        Self::with_segment_size(params, size, segment_size)
    }

    /// The cut of an existing file, whose exact segment size is known.
    pub fn with_segment_size(
        params: Params,
        size: u64,
        segment_size: u64,
    ) -> Result<Self, BadGeometry> {
        if size == 0 {
            return Err(BadGeometry::Empty);
        }
        if segment_size == 0 || !segment_size.is_multiple_of(params.needed() as u64) {
            return Err(BadGeometry::SegmentSize(segment_size));
        }
        let segments = size.div_ceil(segment_size);
        let tree_bytes = segments
            .checked_next_power_of_two()
            .and_then(|leaves| leaves.checked_mul(2)?.checked_sub(1)?.checked_mul(32))
            .ok_or(BadGeometry::Overflow)?;
        if size.checked_next_multiple_of(segment_size).is_none() {
            return Err(BadGeometry::Overflow);
        }
        Ok(Self { params, size, segment_size, segments, tree_bytes })
    }

    /// Refuses what would need more memory than a reader or a writer spends.
    pub fn within_limits(self) -> Result<Self, BadGeometry> {
        // Its own tree and one of each of k shares.
        let trees = self.needed() + 1;
        match self.segments > SEGMENTS_MAX || self.segment_size > READ_SEGMENT_MAX {
            true => Err(self.limit()),
            false => self.with_trees(trees),
        }
    }

    /// Refuses what makes an encoder hold more hash trees than that: two that all shares have, and one
    /// of each share.
    pub fn within_encoder_limits(self) -> Result<Self, BadGeometry> {
        self.with_trees(self.params.total() as u64 + 2)
    }

    fn with_trees(self, trees: u64) -> Result<Self, BadGeometry> {
        match self.tree_bytes.saturating_mul(trees) > READ_TREES_MAX {
            true => Err(self.limit()),
            false => Ok(self),
        }
    }

    const fn limit(&self) -> BadGeometry {
        let Self { segments, segment_size, .. } = *self;
        BadGeometry::Limit { segments, segment_size }
    }

    const fn needed(&self) -> u64 {
        self.params.needed() as u64
    }

    pub const fn params(&self) -> Params {
        self.params
    }

    /// Bytes of the file.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of every segment but the last.
    pub const fn segment_size(&self) -> u64 {
        self.segment_size
    }

    /// How many segments there are, at least one.
    pub const fn segments(&self) -> u64 {
        self.segments
    }

    /// Bytes of every block but the last of a share.
    pub const fn block_size(&self) -> u64 {
        self.segment_size / self.needed()
    }

    /// Bytes of the last segment.
    pub const fn tail_size(&self) -> u64 {
        match self.size % self.segment_size {
            0 => self.segment_size,
            rest => rest,
        }
    }

    /// Bytes of the last segment with the zeros that make it divisible.
    pub const fn tail_padded(&self) -> u64 {
        self.tail_block() * self.needed()
    }

    /// Bytes of the last block of a share.
    pub const fn tail_block(&self) -> u64 {
        self.tail_size().div_ceil(self.needed())
    }

    /// Bytes of all blocks of a share.
    pub const fn share_data(&self) -> u64 {
        self.size.div_ceil(self.needed())
    }

    /// Bytes of one serialised hash tree with a leaf for every segment.
    pub const fn tree_bytes(&self) -> u64 {
        self.tree_bytes
    }

    /// The last segment's number.
    pub const fn tail(&self) -> SegmentNum {
        SegmentNum(self.segments - 1)
    }

    /// Bytes of that segment; 0 beyond the last.
    pub fn segment_len(&self, segment: SegmentNum) -> u64 {
        self.pick(segment, self.segment_size, self.tail_size())
    }

    /// Bytes of that segment's block in each share; 0 beyond the last.
    pub fn block_len(&self, segment: SegmentNum) -> u64 {
        self.pick(segment, self.block_size(), self.tail_block())
    }

    fn pick(&self, segment: SegmentNum, full: u64, tail: u64) -> u64 {
        match segment.0.cmp(&self.tail().0) {
            std::cmp::Ordering::Less => full,
            std::cmp::Ordering::Equal => tail,
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// Where the segment begins in the file.
    pub fn segment_offset(&self, segment: SegmentNum) -> u64 {
        segment.0.saturating_mul(self.segment_size).min(self.size)
    }

    /// Where the segment's block begins in the data region of a share.
    pub fn block_offset(&self, segment: SegmentNum) -> u64 {
        segment.0.saturating_mul(self.block_size()).min(self.share_data())
    }

    /// The segment that holds byte `offset` of the file; none past its end.
    pub fn segment_of(&self, offset: u64) -> Option<SegmentNum> {
        (offset < self.size).then_some(SegmentNum(offset / self.segment_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_segments(k: usize, segments: u64) -> Result<Geometry, BadGeometry> {
        let params = Params::new(k as u64, k as u64).unwrap();
        Geometry::with_segment_size(params, segments * k as u64, k as u64)?.within_limits()
    }

    #[test]
    fn the_trees_of_all_shares_together_are_bounded() {
        // Trees of 2^n leaves take a little under 64 bytes a leaf.
        for (k, most) in [(7, 1 << 20), (8, 1 << 19), (15, 1 << 19), (31, 1 << 18), (255, 1 << 15)]
        {
            assert!(with_segments(k, most).is_ok(), "{k} shares of {most} segments");
            let beyond = with_segments(k, most + 1);
            assert!(matches!(beyond, Err(BadGeometry::Limit { .. })), "{k} of {most} + 1");
        }
    }

    #[test]
    fn an_encoder_holds_a_tree_of_each_share_and_they_are_bounded_too() {
        for (total, most) in [(10, 1 << 19), (14, 1 << 19), (15, 1 << 18), (256, 1 << 14)] {
            let params = Params::new(1, total).unwrap();
            let cut = |segments| Geometry::with_segment_size(params, segments, 1).unwrap();
            assert!(cut(most).within_encoder_limits().is_ok(), "{total} shares of {most}");
            let beyond = cut(most + 1).within_encoder_limits();
            assert!(matches!(beyond, Err(BadGeometry::Limit { .. })), "{total} of {most} + 1");
            assert!(cut(most + 1).within_limits().is_ok(), "a reader takes it");
        }
    }
}
