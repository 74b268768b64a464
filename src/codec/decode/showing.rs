//! Showing that a share is of a file, at the price of a few hundred bytes: header, root of the block
//! tree, chain and UEB.
//!
//! It proves that whoever made the share knew the file's, not that the blocks are whole: that costs
//! reading them ([`crate::codec::verify`]).

use super::ShareError;
use super::opening::{chain_range, have, ueb_range, unpack_ueb};
use crate::base::ShareNum;
use crate::base::file::FileFacts;
use crate::codec::chain::Chain;
use crate::codec::hashtree::BadTree;
use crate::codec::layout::{HEADER_MAX, Layout, Offsets};
use bytes::Bytes;
use std::ops::Range;

/// Bytes of a tree's root, which stands first.
const ROOT_BYTES: u64 = 32;

/// Chunks that may be held: header, root, and chain with UEB.
const CHUNKS_MAX: usize = 4;

/// What shows a share that was laid out so: (offset, length).
pub fn showing_ranges(layout: &Layout) -> Vec<(u64, u32)> {
    let Offsets { block_hashes, share_hashes, .. } = *layout.offsets();
    // Bounded by the longest chain and UEB.
    let tail = u32::try_from(layout.share_len() - share_hashes).unwrap_or(u32::MAX);
    vec![(0, HEADER_MAX as u32), (block_hashes, ROOT_BYTES as u32), (share_hashes, tail)]
}

/// One share that is to be shown. Ask [`Showing::wants`], read that range, and [`Showing::take`] the
/// bytes, until nothing is wanted: then it is shown. What is known to be wanted may come unasked.
#[derive(Debug)]
pub struct Showing {
    facts: FileFacts,
    share: ShareNum,
    len: u64,
    chunks: Vec<(u64, Bytes)>,
}

impl Showing {
    /// Begins with a share of `len` bytes.
    pub const fn new(facts: FileFacts, share: ShareNum, len: u64) -> Self {
        Self { facts, share, len, chunks: Vec::new() }
    }

    /// Takes bytes of the share that begin at `offset`: an answer that brought none is one, too.
    pub fn take(&mut self, offset: u64, bytes: Bytes) {
        if self.chunks.len() < CHUNKS_MAX {
            self.chunks.push((offset, bytes));
        }
    }

    /// The next range of the share to read; none when it is shown. An error: it is no share of the
    /// file, or of a version that this program does not know.
    pub fn wants(&self) -> Result<Option<Range<u64>>, ShareError> {
        if !self.facts.params.has(self.share) {
            return Err(ShareError::NoSuchShare(self.share));
        }
        let header = 0..(HEADER_MAX as u64).min(self.len);
        let Some(head) = have(&self.chunks, header.clone()) else { return self.want(header) };
        let offsets = Offsets::parse(&head)?;
        let root = offsets.block_hashes..offsets.block_hashes.saturating_add(ROOT_BYTES);
        let Some(root_bytes) = have(&self.chunks, root.clone()) else { return self.want(root) };
        let chain = chain_range(&offsets, self.facts.params)?;
        let ueb = ueb_range(&offsets, self.len)?;
        let (Some(chain), Some(ueb_bytes)) =
            (have(&self.chunks, chain.clone()), have(&self.chunks, ueb.clone()))
        else {
            return self.want(chain.start..ueb.end);
        };
        let root =
            root_bytes.as_ref().try_into().map_err(|_| ShareError::BlockTree(BadTree::Length))?;
        let ueb = unpack_ueb(&offsets, &ueb_bytes, &self.facts.ueb_hash)?;
        let FileFacts { params, .. } = self.facts;
        Chain::parse(&chain)?.prove(params, self.share, &root, &ueb.share_root)?;
        Ok(None)
    }

    /// That range, if the share goes so far and it may still come.
    fn want(&self, range: Range<u64>) -> Result<Option<Range<u64>>, ShareError> {
        if range.end > self.len || self.chunks.len() >= CHUNKS_MAX {
            return Err(ShareError::Short);
        }
        Ok(Some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::file::{FileKey, Params};
    use crate::codec::encode::{Encoder, Plan};

    fn plan() -> Plan {
        Plan::new(Params::new(2, 5).unwrap(), 3_000).unwrap()
    }

    fn file(fill: u8) -> (FileFacts, Vec<Vec<u8>>) {
        let mut encoder = Encoder::new(plan(), FileKey::new([fill; 16]));
        let batch = encoder.encode(vec![fill; 3_000]).unwrap();
        let finished = encoder.finish().unwrap();
        let geometry = *plan().geometry();
        let (params, size) = (geometry.params(), geometry.size());
        let whole = |(num, run): (u8, &crate::codec::encode::Run)| {
            let trailer = finished.trailer(ShareNum(num)).unwrap().concat();
            [run.concat(), trailer.to_vec()].concat()
        };
        let shares = (0..).zip(&batch.shares).map(whole).collect();
        (FileFacts { params, size, ueb_hash: finished.ueb_hash() }, shares)
    }

    /// What is said of a share of which those ranges came, or else what is asked for.
    fn shown(facts: FileFacts, num: u8, share: &[u8], unasked: &[(u64, u32)]) -> bool {
        let mut showing = Showing::new(facts, ShareNum(num), share.len() as u64);
        let part = |from: u64, to: u64| {
            let (from, to) = (from as usize, (to as usize).min(share.len()));
            Bytes::copy_from_slice(share.get(from..to).unwrap_or_default())
        };
        for (from, len) in unasked {
            showing.take(*from, part(*from, from + u64::from(*len)));
        }
        loop {
            match showing.wants() {
                Ok(Some(range)) => showing.take(range.start, part(range.start, range.end)),
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    #[test]
    fn a_share_of_the_file_is_shown_by_what_is_known_to_show_it_or_step_by_step() {
        let (facts, shares) = file(1);
        let ranges = showing_ranges(plan().layout());
        for (num, share) in (0..).zip(&shares) {
            assert!(shown(facts, num, share, &ranges) && shown(facts, num, share, &[]), "{num}");
        }
        let mut showing = Showing::new(facts, ShareNum(0), shares[0].len() as u64);
        for (from, len) in ranges {
            let part = &shares[0][from as usize..(from as usize + len as usize)];
            showing.take(from, Bytes::copy_from_slice(part));
        }
        assert_eq!(showing.wants(), Ok(None), "nothing more is asked for");
    }

    #[test]
    fn what_is_not_a_share_of_the_file_is_not_shown() {
        let ((facts, shares), (other, _)) = (file(1), file(2));
        let share = &shares[3];
        assert!(!shown(other, 3, share, &[]));
        assert!(!shown(facts, 2, share, &[]), "another number");
        assert!(!shown(facts, 5, share, &[]), "a number that the file has not");
        assert!(!shown(facts, 3, &share[..share.len() - 1], &[]), "cut short");
        assert!(!shown(facts, 3, &[], &[]) && !shown(facts, 3, &[0; 4_000], &[]));
        let offsets = *plan().layout().offsets();
        let at = |offset: u64| offset as usize;
        let (root, chain) = (at(offsets.block_hashes), at(offsets.share_hashes));
        // The UEB's length is not proven: one that is too long is cut short.
        let ueb = at(offsets.ueb + offsets.version.word_bytes());
        let proven = (0..4).chain(root..root + 32).chain(chain..at(offsets.ueb));
        for at in proven.chain(ueb..share.len()) {
            let mut flipped = share.clone();
            flipped[at] ^= 1;
            assert!(!shown(facts, 3, &flipped, &[]), "byte {at}");
        }
    }
}
