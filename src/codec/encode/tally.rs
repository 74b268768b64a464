//! The last stage: hash trees, the UEB, and what follows the blocks in each share.

use super::coder::{BatchHashes, Run};
use super::{EncodeError, Plan};
use crate::base::ShareNum;
use crate::base::hash::Hash;
use crate::codec::chain::write_chain;
use crate::codec::hashtree::HashTree;
use crate::codec::ueb::{UebHashes, ueb_hash, write_ueb};
use bytes::Bytes;

/// Trailers of up to so many bytes are made in one piece.
const ONE_PIECE_MAX: usize = 64 << 10;

/// Collects the hashes of all batches, in order.
#[derive(Debug)]
pub struct Tally {
    plan: Plan,
    segments: Vec<Hash>,
    /// By share, then by segment.
    blocks: Vec<Vec<Hash>>,
}

impl Tally {
    pub(super) fn new(plan: Plan) -> Self {
        let blocks = vec![Vec::new(); plan.geometry.params().total()];
        Self { plan, segments: Vec::new(), blocks }
    }

    /// Adds the next batch.
    pub fn add(&mut self, batch: &BatchHashes) -> Result<(), EncodeError> {
        let next = self.segments.len() as u64;
        let all = next + batch.segments.len() as u64;
        if batch.first.0 != next || all > self.plan.geometry.segments() {
            return Err(EncodeError::Order);
        }
        self.segments.extend_from_slice(&batch.segments);
        for (share, hashes) in self.blocks.iter_mut().zip(&batch.blocks) {
            share.extend_from_slice(hashes);
        }
        Ok(())
    }

    /// Builds the trees, given the hash of the whole ciphertext.
    pub fn finish(self, crypttext: Hash) -> Result<Finished, EncodeError> {
        if self.segments.len() as u64 != self.plan.geometry.segments() {
            return Err(EncodeError::Order);
        }
        let segments = HashTree::build(&self.segments);
        // Each share's leaves go as its tree comes: both at once would double the peak.
        let blocks = self.blocks.into_iter().map(|leaves| HashTree::build(&leaves));
        let (roots, blocks): (Vec<Hash>, Vec<Bytes>) =
            blocks.map(|tree| (tree.root(), tree.into())).unzip();
        let shares = HashTree::build(&roots);
        let hashes =
            UebHashes { crypttext, crypttext_root: segments.root(), share_root: shares.root() };
        let ueb = write_ueb(&self.plan.geometry, &hashes);
        let plaintext = vec![0; self.plan.geometry.tree_bytes() as usize].into();
        Ok(Finished {
            plan: self.plan,
            plaintext,
            segments: segments.into(),
            blocks,
            shares,
            hashes,
            ueb,
        })
    }
}

/// What is known when the last batch is encoded.
#[derive(Debug)]
pub struct Finished {
    plan: Plan,
    /// The trees as they are written: nobody reads that over the plaintext, those over the segments and
    /// over the plaintext are in all shares, and of each share there is one over its blocks.
    plaintext: Bytes,
    segments: Bytes,
    blocks: Vec<Bytes>,
    shares: HashTree,
    hashes: UebHashes,
    ueb: Vec<u8>,
}

impl Finished {
    /// The hash that completes the cap.
    pub fn ueb_hash(&self) -> Hash {
        ueb_hash(&self.ueb)
    }

    pub fn ueb(&self) -> &[u8] {
        &self.ueb
    }

    pub const fn hashes(&self) -> &UebHashes {
        &self.hashes
    }

    /// Where every trailer begins, in bytes from the share's start.
    pub const fn trailer_offset(&self) -> u64 {
        self.plan.layout.offsets().plaintext_tree
    }

    /// The bytes from the end of a share's blocks to its end, in pieces that follow one another; none for
    /// a share that the file does not have. The trees of a very large file are large: all trailers share
    /// those that are the same.
    pub fn trailer(&self, share: ShareNum) -> Option<Run> {
        let tree = self.blocks.get(usize::from(share.0))?;
        let mut rest = write_chain(&self.shares, self.plan.geometry.params(), share);
        self.plan.layout.ueb_region(&self.ueb, &mut rest);
        let pieces = vec![self.plaintext.clone(), self.segments.clone(), tree.clone(), rest.into()];
        let len: usize = pieces.iter().map(Bytes::len).sum();
        Some(if len <= ONE_PIECE_MAX { vec![pieces.concat().into()] } else { pieces })
    }
}
