//! The heavy stage: blocks of all shares and their hashes. Pure, so any thread may do any batch.

use super::encryptor::Crypttext;
use super::{EncodeError, Plan};
use crate::base::hash::Hash;
use crate::base::pool::Pool;
use crate::codec::erasure::Code;
use crate::codec::geometry::SegmentNum;
use crate::codec::many::tagged_many;
use crate::codec::multi_buffer::MultiBuffer;
use crate::codec::tags;
use bytes::Bytes;
use std::ops::Range;

/// Bytes of each block that are made and hashed at once: those of all blocks of a batch, about
/// thirty, stay in the second-level cache.
const COLUMNS: usize = 8 << 10;

/// Makes the blocks of a batch. Cheap to clone; clones share their buffers.
#[derive(Clone, Debug)]
pub struct Coder {
    plan: Plan,
    code: Code,
    header: Bytes,
    pool: Pool,
}

/// One contiguous run of bytes for every share.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where the run belongs in each share, in bytes from the share's start.
    pub offset: u64,
    /// By share number; all of one length.
    pub shares: Vec<Run>,
    pub hashes: BatchHashes,
}

/// What a batch adds to one share, in pieces that follow one another: a header with the first
/// batch, then a block for each segment. The first k shares are views of the ciphertext.
pub type Run = Vec<Bytes>;

/// The leaves that a batch adds to the hash trees.
#[derive(Clone, Debug)]
pub struct BatchHashes {
    pub(super) first: SegmentNum,
    /// One for each segment of the batch.
    pub(super) segments: Vec<Hash>,
    /// By share, then by segment.
    pub(super) blocks: Vec<Vec<Hash>>,
}

impl Coder {
    pub(super) fn new(plan: Plan, pool: Pool) -> Self {
        let code = Code::new(plan.geometry.params());
        Self { plan, code, header: plan.layout.header().into(), pool }
    }

    /// Encodes one batch.
    pub fn encode(&self, crypttext: Crypttext) -> Result<Batch, EncodeError> {
        let Crypttext { first, bytes, hashes: segments } = crypttext;
        let (needed, total) = (self.plan.geometry.params().needed(), self.total());
        let slot = bytes.len() / needed;
        let mut checks = self.pool.take(slot * (total - needed));
        let blocks = self.code_and_hash(&bytes, checks.chunks_exact_mut(slot).collect())?;
        let checks = self.pool.freeze(checks);
        let shares = (0..total).map(|share| self.blocks(share, &bytes, &checks)).collect();
        let hashes = BatchHashes { first, segments, blocks };
        Ok(Batch { offset: self.offset(first), shares: self.with_header(first, shares), hashes })
    }

    fn total(&self) -> usize {
        self.plan.geometry.params().total()
    }

    fn offset(&self, first: SegmentNum) -> u64 {
        match first.0 {
            0 => 0,
            _ => self.plan.layout.offsets().data + self.plan.geometry.block_offset(first),
        }
    }

    /// Writes the blocks of the check shares, each into its slot; the hashes of all blocks, by share
    /// and then by segment.
    fn code_and_hash(
        &self,
        crypttext: &[u8],
        mut slots: Vec<&mut [u8]>,
    ) -> Result<Vec<Vec<Hash>>, EncodeError> {
        let needed = self.plan.geometry.params().needed();
        let segments = crypttext.chunks(self.plan.geometry.segment_size() as usize);
        let mut coded = Vec::new();
        for segment in segments {
            let block = segment.len() / needed;
            let checks = slots.iter_mut().map(|slot| cut(slot, block)).collect::<Result<_, _>>()?;
            coded.push(Coded { pieces: segment.chunks_exact(block).collect(), checks });
        }
        let mut hashes = vec![Vec::with_capacity(coded.len()); self.total()];
        // All have one length but perhaps the last.
        for equal in coded.chunk_by_mut(|a, b| a.block_len() == b.block_len()) {
            let mut of_segments = self.code_and_hash_equal(equal)?.into_iter();
            while of_segments.len() > 0 {
                hashes.iter_mut().for_each(|share| share.extend(of_segments.next()));
            }
        }
        Ok(hashes)
    }

    /// The hashes of all blocks of these segments, by segment and then by share. Where that is
    /// quicker, a few columns at a time are made and hashed while the cache has them.
    fn code_and_hash_equal(&self, segments: &mut [Coded<'_>]) -> Result<Vec<Hash>, EncodeError> {
        let len = segments.first().map_or(0, Coded::block_len);
        let mut hashers = MultiBuffer::new(tags::BLOCK, segments.len() * self.total());
        let step = if hashers.is_some() { COLUMNS } else { len };
        for from in (0..len).step_by(step.max(1)) {
            let columns = from..len.min(from + step);
            for segment in &mut *segments {
                segment.code(&self.code, columns.clone())?;
            }
            if let Some(hashers) = &mut hashers {
                hashers.update(&columns_of(segments, columns));
            }
        }
        Ok(match hashers {
            Some(hashers) => hashers.finish(),
            None => tagged_many(tags::BLOCK, &columns_of(segments, 0..len)),
        })
    }

    /// The blocks of one share: parts of the segments, or of the share's slot.
    fn blocks(&self, share: usize, crypttext: &Bytes, checks: &Bytes) -> Run {
        let needed = self.plan.geometry.params().needed();
        let slot = crypttext.len() / needed;
        let full = self.plan.geometry.segment_size() as usize / needed;
        let block_at = |at: usize| {
            let block = full.min(slot - at);
            match share.checked_sub(needed) {
                None => {
                    let from = at * needed + share * block;
                    crypttext.slice(from..from + block)
                }
                Some(check) => checks.slice(check * slot + at..check * slot + at + block),
            }
        };
        (0..slot).step_by(full).map(block_at).collect()
    }

    fn with_header(&self, first: SegmentNum, mut runs: Vec<Run>) -> Vec<Run> {
        if first.0 == 0 {
            runs.iter_mut().for_each(|run| run.insert(0, self.header.clone()));
        }
        runs
    }
}

/// Takes the first `len` bytes off what is left of a slot.
fn cut<'a>(slot: &mut &'a mut [u8], len: usize) -> Result<&'a mut [u8], EncodeError> {
    let (taken, rest) = std::mem::take(slot).split_at_mut_checked(len).ok_or(EncodeError::Order)?;
    *slot = rest;
    Ok(taken)
}

/// A segment and room for its check blocks.
struct Coded<'a> {
    pieces: Vec<&'a [u8]>,
    checks: Vec<&'a mut [u8]>,
}

impl Coded<'_> {
    fn block_len(&self) -> usize {
        self.pieces.first().map_or(0, |piece| piece.len())
    }

    /// Makes these columns of the check blocks.
    fn code(&mut self, code: &Code, columns: Range<usize>) -> Result<(), EncodeError> {
        let pieces = self.pieces.iter().map(|piece| piece.get(columns.clone()));
        let pieces: Vec<&[u8]> = pieces.map(Option::unwrap_or_default).collect();
        let checks = self.checks.iter_mut().map(|check| check.get_mut(columns.clone()));
        let mut checks: Vec<&mut [u8]> = checks.map(Option::unwrap_or_default).collect();
        Ok(code.encode(&pieces, &mut checks)?)
    }
}

/// These columns of all blocks, by segment and then by share.
fn columns_of<'a>(segments: &'a [Coded<'_>], columns: Range<usize>) -> Vec<&'a [u8]> {
    let blocks = segments.iter().flat_map(|segment| {
        segment.pieces.iter().copied().chain(segment.checks.iter().map(|check| &**check))
    });
    blocks.map(|block| block.get(columns.clone()).unwrap_or_default()).collect()
}
