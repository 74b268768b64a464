//! The verdict on one whole share: every duty of a verifier, every byte that matters
//! (`docs/spec/formats-immutable.md` §11); and what can be said of a share by who knows nothing of its
//! file.

use super::decode::{OpenShare, Opening, ShareError, ueb_range};
use super::geometry::{Geometry, SegmentNum};
use super::layout::{HEADER_MAX, Offsets};
use super::ueb::{Ueb, ueb_hash};
use crate::base::ShareNum;
use crate::base::file::FileFacts;
use crate::base::hash::Hash;
use crate::base::limits::{
    ALONE_BLOCK_MAX, ALONE_TREE_MAX, BATCH_MAX, BATCH_SEGMENTS_MAX, UEB_MAX,
};
use bytes::Bytes;
use std::ops::Range;

/// What is to be said of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// Not what the file's author made.
    Corrupt(ShareError),
    /// Of a version that this program does not know: neither good nor corrupt.
    Incompatible(u32),
    /// Too short to have a header.
    Unusable,
}

impl From<ShareError> for Verdict {
    fn from(error: ShareError) -> Self {
        match error {
            ShareError::Incompatible(version) => Self::Incompatible(version),
            ShareError::Truncated => Self::Unusable,
            other => Self::Corrupt(other),
        }
    }
}

/// What is to be said of a share by who has no cap: whether it is what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Every block leads to its UEB, which has this hash.
    Sound(Hash),
    /// It says that it is a share, and its own sums do not hold.
    Broken,
    /// Nothing that could be held against it, or more than is worth holding in memory for it.
    Unknown,
}

/// As [`verify_share`], against what the share says of itself.
pub fn verify_alone<E>(
    share: ShareNum,
    len: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Bytes, E>,
) -> Result<Alone, E> {
    let head = read(0..(HEADER_MAX as u64).min(len))?;
    let Ok(offsets) = Offsets::parse(&head) else { return Ok(Alone::Unknown) };
    let Ok(range) = ueb_range(&offsets, len) else { return Ok(Alone::Unknown) };
    let Some(facts) = own_facts(&offsets, &read(range)?) else { return Ok(Alone::Unknown) };
    Ok(match verify_share(facts, share, len, read)? {
        Verdict::Good => Alone::Sound(facts.ueb_hash),
        _ => Alone::Broken,
    })
}

/// What the share's UEB says of the file, if that can be checked in the memory that it is worth.
fn own_facts(offsets: &Offsets, region: &[u8]) -> Option<FileFacts> {
    let (len, ueb) = offsets.split_ueb(region).ok()?;
    let parsed = Ueb::parse_unproven(ueb).ok().filter(|_| len < UEB_MAX as u64)?;
    let facts = parsed.facts(ueb_hash(ueb))?;
    let cut = Geometry::with_segment_size(facts.params, facts.size, parsed.segment_size).ok()?;
    let cut = cut.within_limits().ok()?;
    (cut.tree_bytes() <= ALONE_TREE_MAX && cut.block_size() <= ALONE_BLOCK_MAX).then_some(facts)
}

/// Reads a share of `len` bytes through `read`, which may answer short, and judges it.
///
/// Errors are those of `read` alone; what is wrong with the share is in the verdict.
pub fn verify_share<E>(
    facts: FileFacts,
    share: ShareNum,
    len: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Bytes, E>,
) -> Result<Verdict, E> {
    let mut opening = match Opening::new(facts, share, len, true) {
        Ok(opening) => opening,
        Err(error) => return Ok(error.into()),
    };
    loop {
        let range = match opening.wants() {
            Ok(Some(range)) => range,
            Ok(None) => break,
            Err(error) => return Ok(error.into()),
        };
        let bytes = read(range.clone())?;
        if let Err(error) = opening.take(range.start, bytes) {
            return Ok(error.into());
        }
    }
    verify_blocks(opening, len, read)
}

fn verify_blocks<E>(
    opening: Opening,
    len: u64,
    mut read: impl FnMut(Range<u64>) -> Result<Bytes, E>,
) -> Result<Verdict, E> {
    let share = match opened(opening) {
        Ok(share) => share,
        Err(error) => return Ok(error.into()),
    };
    // Enough for the hashes, never more than a batch.
    let all = 0..share.geometry().segments();
    for (first, count) in runs(share.geometry(), all, (BATCH_MAX, BATCH_SEGMENTS_MAX)) {
        let range = share.range(first, count);
        if range.end > len {
            return Ok(Verdict::Corrupt(ShareError::Short));
        }
        if let Err(error) = share.verify(first, count, read(range)?) {
            return Ok(error.into());
        }
    }
    Ok(Verdict::Good)
}

/// The share of an opening that wants nothing more, its UEB seen as a verifier has to.
pub fn opened(opening: Opening) -> Result<OpenShare, ShareError> {
    if let Some((ueb, geometry)) = opening.ueb().zip(opening.geometry()) {
        ueb.check_redundant(geometry)?;
    }
    Ok(opening.finish()?.0)
}

/// The runs of blocks, first segment and how many, that together are a share's of these segments: each of
/// about `bytes`, of `most` blocks and of one block at least.
pub fn runs(
    geometry: &Geometry,
    segments: Range<u64>,
    (bytes, most): (u64, u64),
) -> impl Iterator<Item = (SegmentNum, u64)> + use<> {
    let step = (bytes / geometry.block_size().max(1)).clamp(1, most);
    let end = segments.end;
    let run = move |first| (SegmentNum(first), step.min(end - first));
    segments.step_by(step as usize).map(run)
}
