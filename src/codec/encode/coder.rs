//! The heavy stage: blocks of all shares and their hashes. Pure, so any thread may do any batch.

use super::encryptor::Crypttext;
use super::{EncodeError, Plan};
use crate::base::hash::Hash;
use crate::codec::erasure::Code;
use crate::codec::geometry::SegmentNum;
use crate::codec::many::tagged_many;
use crate::codec::pool::Pool;
use crate::codec::tags;
use bytes::Bytes;

/// Makes the blocks of a batch. Cheap to clone; clones share their buffers.
#[derive(Clone, Debug)]
pub struct Coder {
    plan: Plan,
    code: Code,
    header: Vec<u8>,
    pool: Pool,
}

/// One contiguous run of bytes for every share.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where the run belongs in each share, in bytes from the share's start.
    pub offset: u64,
    /// The run of each share, by share number; all of one length.
    pub shares: Vec<Bytes>,
    pub hashes: BatchHashes,
}

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
        Self { plan, code, header: plan.layout.header(), pool }
    }

    /// Encodes one batch.
    pub fn encode(&self, crypttext: Crypttext) -> Result<Batch, EncodeError> {
        let Crypttext { first, bytes, len } = crypttext;
        let (segment_size, params) =
            (self.plan.geometry.segment_size(), self.plan.geometry.params());
        let segment_size = segment_size as usize;
        let header: &[u8] = if first.0 == 0 { &self.header } else { &[] };
        let slot = header.len() + bytes.len() / params.needed();
        let mut out = self.pool.take(slot * params.total());
        self.fill(&bytes, header, out.chunks_exact_mut(slot).collect())?;
        let ciphertext = bytes.get(..len).ok_or(EncodeError::Order)?;
        let hashes = BatchHashes {
            first,
            segments: hash_pieces(tags::CRYPTTEXT_SEGMENT, &[ciphertext], segment_size).concat(),
            blocks: {
                let runs: Vec<&[u8]> =
                    out.chunks_exact(slot).filter_map(|share| share.get(header.len()..)).collect();
                hash_pieces(tags::BLOCK, &runs, segment_size / params.needed())
            },
        };
        self.pool.give(bytes);
        let out = self.pool.freeze(out);
        let shares = (0..params.total()).map(|i| out.slice(i * slot..(i + 1) * slot)).collect();
        Ok(Batch { offset: self.offset(first), shares, hashes })
    }

    fn offset(&self, first: SegmentNum) -> u64 {
        match first.0 {
            0 => 0,
            _ => self.plan.layout.offsets().data + self.plan.geometry.block_offset(first),
        }
    }

    /// Writes header and blocks of every share into its slot.
    fn fill(
        &self,
        crypttext: &[u8],
        header: &[u8],
        mut slots: Vec<&mut [u8]>,
    ) -> Result<(), EncodeError> {
        let needed = self.plan.geometry.params().needed();
        for slot in &mut slots {
            cut(slot, header.len())?.copy_from_slice(header);
        }
        for segment in crypttext.chunks(self.plan.geometry.segment_size() as usize) {
            let block = segment.len() / needed;
            let pieces: Vec<&[u8]> = segment.chunks_exact(block).collect();
            let (primary, check) = slots.split_at_mut_checked(needed).ok_or(EncodeError::Order)?;
            for (slot, piece) in primary.iter_mut().zip(&pieces) {
                cut(slot, block)?.copy_from_slice(piece);
            }
            let mut checks = Vec::with_capacity(check.len());
            for slot in check {
                checks.push(cut(slot, block)?);
            }
            self.code.encode(&pieces, &mut checks)?;
        }
        Ok(())
    }
}

/// Takes the first `len` bytes off what is left of a slot.
fn cut<'a>(slot: &mut &'a mut [u8], len: usize) -> Result<&'a mut [u8], EncodeError> {
    let (taken, rest) = std::mem::take(slot).split_at_mut_checked(len).ok_or(EncodeError::Order)?;
    *slot = rest;
    Ok(taken)
}

/// Hashes runs of equal length in pieces of `piece` bytes: for each run its hashes, in order. All
/// pieces but the last of a run have one length, so they are hashed in step with one another.
fn hash_pieces(tag: &[u8], runs: &[&[u8]], piece: usize) -> Vec<Vec<Hash>> {
    let (mut full, mut tails) = (Vec::new(), Vec::new());
    for run in runs {
        let pieces = run.chunks_exact(piece);
        tails.extend(Some(pieces.remainder()).filter(|tail| !tail.is_empty()));
        full.extend(pieces);
    }
    let per_run = full.len() / runs.len().max(1);
    let mut full = tagged_many(tag, &full).into_iter();
    let mut tails = tagged_many(tag, &tails).into_iter();
    runs.iter().map(|_| full.by_ref().take(per_run).chain(tails.next()).collect()).collect()
}
