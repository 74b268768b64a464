//! The heavy stage: blocks of all shares and their hashes. Pure, so any thread may do any batch.

use super::encryptor::Crypttext;
use super::{EncodeError, Plan};
use crate::base::hash::Hash;
use crate::base::pool::Pool;
use crate::codec::erasure::Code;
use crate::codec::geometry::SegmentNum;
use crate::codec::many::tagged_many;
use crate::codec::tags;
use bytes::Bytes;

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
        self.check_blocks(&bytes, checks.chunks_exact_mut(slot).collect())?;
        let checks = self.pool.freeze(checks);
        let blocks: Vec<Run> =
            (0..total).map(|share| self.blocks(share, &bytes, &checks)).collect();
        let hashes = BatchHashes { first, segments, blocks: self.hash_blocks(&blocks) };
        Ok(Batch { offset: self.offset(first), shares: self.with_header(first, blocks), hashes })
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

    /// Writes the blocks of the check shares, each into its slot.
    fn check_blocks(&self, crypttext: &[u8], mut slots: Vec<&mut [u8]>) -> Result<(), EncodeError> {
        let needed = self.plan.geometry.params().needed();
        for segment in crypttext.chunks(self.plan.geometry.segment_size() as usize) {
            let block = segment.len() / needed;
            let pieces: Vec<&[u8]> = segment.chunks_exact(block).collect();
            let mut checks = Vec::with_capacity(slots.len());
            for slot in &mut slots {
                checks.push(cut(slot, block)?);
            }
            self.code.encode(&pieces, &mut checks)?;
        }
        Ok(())
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

    /// The hashes of all blocks, by share. All but those of a last, shorter segment have one length.
    fn hash_blocks(&self, blocks: &[Run]) -> Vec<Vec<Hash>> {
        let full =
            self.plan.geometry.segment_size() as usize / self.plan.geometry.params().needed();
        let all: Vec<&[u8]> = blocks.iter().flatten().map(Bytes::as_ref).collect();
        let mut hashes = hash_in_step(tags::BLOCK, &all, full).into_iter();
        blocks.iter().map(|run| hashes.by_ref().take(run.len()).collect()).collect()
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

/// The hash of each piece, in order. Pieces of `full` bytes are hashed in step with one another, and
/// so are the others, which are of one length too.
fn hash_in_step(tag: &[u8], pieces: &[&[u8]], full: usize) -> Vec<Hash> {
    let of = |whole: bool| -> Vec<&[u8]> {
        pieces.iter().copied().filter(|piece| (piece.len() == full) == whole).collect()
    };
    let mut whole = tagged_many(tag, &of(true)).into_iter();
    let mut rest = tagged_many(tag, &of(false)).into_iter();
    let in_order = pieces.iter().filter_map(|piece| match piece.len() == full {
        true => whole.next(),
        false => rest.next(),
    });
    in_order.collect()
}
