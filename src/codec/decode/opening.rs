//! Opening one share: header, UEB, chain and trees, in as few reads as safety allows.
//!
//! ```text
//! 1  header                                    (often already in the server's first answer)
//! 2  chain and UEB; with a small tail everything from the crypttext tree to the end
//! 3  the hash trees, whose size is certain once the UEB is proven
//! ```

use super::ShareError;
use super::reader::FileTree;
use super::run::OpenShare;
use crate::base::ShareNum;
use crate::base::file::{FileFacts, Params};
use crate::base::hash::Hash;
use crate::base::limits::UEB_MAX;
use crate::codec::chain::{Chain, ENTRY_BYTES, chain_bytes};
use crate::codec::geometry::Geometry;
use crate::codec::hashtree::{BadTree, HashTree};
use crate::codec::layout::{HEADER_MAX, Offsets};
use crate::codec::ueb::{BadUeb, Ueb};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// A tail of at most this many bytes is read whole before its lengths are proven: the trees of a
/// file of some 300 MB, and never more than a server may send unasked.
const TAIL_MAX: u64 = 64 << 10;

/// Chunks that may be held: header, tail, trees.
const CHUNKS_MAX: usize = 4;

/// One share on its way to being usable. Ask [`Opening::wants`], read that range, and
/// [`Opening::take`] the bytes, until nothing is wanted.
#[derive(Debug)]
pub struct Opening {
    facts: FileFacts,
    share: ShareNum,
    len: u64,
    file_tree: bool,
    chunks: Vec<(u64, Bytes)>,
    /// The UEB has the hash that the cap promises, and tells of other numbers than the cap.
    contradicts: bool,
    proven: Option<Proven>,
}

/// What the header and the UEB gave.
#[derive(Debug)]
struct Proven {
    offsets: Offsets,
    ueb: Ueb,
    chain: Chain,
    geometry: Geometry,
}

impl Opening {
    /// Begins with a share of `len` bytes. `file_tree` says whether this share shall also give the
    /// tree over the file's segments, which one share of a file has to.
    pub fn new(
        facts: FileFacts,
        share: ShareNum,
        len: u64,
        file_tree: bool,
    ) -> Result<Self, ShareError> {
        if !facts.params.has(share) {
            return Err(ShareError::NoSuchShare(share));
        }
        Ok(Self {
            facts,
            share,
            len,
            file_tree,
            chunks: Vec::new(),
            contradicts: false,
            proven: None,
        })
    }

    /// The next range of the share to read; none when all is there.
    pub fn wants(&self) -> Result<Option<Range<u64>>, ShareError> {
        let Some(header) = self.have(0..(HEADER_MAX as u64).min(self.len)) else {
            return Ok(Some(0..(HEADER_MAX as u64).min(self.len)));
        };
        let range = match &self.proven {
            None => self.early_range(&Offsets::parse(&header)?)?,
            Some(proven) => self.tree_range(proven)?,
        };
        Ok(self.have(range.clone()).is_none().then_some(range))
    }

    /// Takes bytes of the share that begin at `offset`: the range that was wanted, or more. Fewer
    /// bytes than that fail the share.
    pub fn take(&mut self, offset: u64, bytes: Bytes) -> Result<(), ShareError> {
        let wanted = self.wants()?;
        let most = self.len.saturating_sub(offset);
        let bytes = bytes.slice(..bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX)));
        if self.chunks.len() >= CHUNKS_MAX {
            return Err(ShareError::Short);
        }
        self.chunks.push((offset, bytes));
        if wanted.is_some_and(|range| offset <= range.start && self.have(range).is_none()) {
            return Err(ShareError::Short);
        }
        self.prove()
    }

    /// The opened share, and the tree over the file's segments if it was asked for.
    pub fn finish(self) -> Result<(OpenShare, Option<FileTree>), ShareError> {
        let proven = self.proven.as_ref().ok_or(ShareError::Short)?;
        let region = self.have(self.tree_range(proven)?).ok_or(ShareError::Short)?;
        let leaves = proven.geometry.segments() as usize;
        let tree_len = proven.geometry.tree_bytes() as usize;
        let (before, blocks) = region
            .len()
            .checked_sub(tree_len)
            .and_then(|at| region.split_at_checked(at))
            .ok_or(ShareError::Short)?;
        let file_tree = match self.file_tree {
            true => Some(FileTree::parse(before, &proven.geometry, &proven.ueb)?),
            false => None,
        };
        let blocks = HashTree::parse_unrooted(blocks, leaves).map_err(ShareError::BlockTree)?;
        self.prove_root(proven, &blocks.root())?;
        let Offsets { version, data, .. } = proven.offsets;
        let (tree, geometry) = (Arc::new(blocks), proven.geometry);
        Ok((OpenShare { share: self.share, version, data, tree, geometry }, file_tree))
    }

    /// Proves the root of the block tree; if it is not, which of tree and chain is to blame: the chain
    /// names the root too.
    fn prove_root(&self, proven: &Proven, root: &Hash) -> Result<(), ShareError> {
        let Proven { chain, ueb, .. } = proven;
        let leads = |root: &Hash| {
            let proof = chain.prove(self.facts.params, self.share, root, &ueb.share_root);
            proof.map_err(ShareError::from)
        };
        let named = chain.leaf(self.facts.params, self.share).filter(|named| *named != root);
        match named {
            Some(named) if leads(named).is_ok() => Err(ShareError::BlockTree(BadTree::Root)),
            _ => leads(root),
        }
    }

    /// The UEB, once the bytes that hold it were taken.
    pub fn ueb(&self) -> Option<&Ueb> {
        self.proven.as_ref().map(|proven| &proven.ueb)
    }

    /// Whether the share, which is the cap's own, tells of other numbers than the cap does.
    pub const fn contradicts_cap(&self) -> bool {
        self.contradicts
    }

    /// The file's cut, once the UEB was proven.
    pub fn geometry(&self) -> Option<&Geometry> {
        self.proven.as_ref().map(|proven| &proven.geometry)
    }

    fn prove(&mut self) -> Result<(), ShareError> {
        if self.proven.is_some() {
            return Ok(());
        }
        let header = self.have(0..(HEADER_MAX as u64).min(self.len));
        let Some(offsets) = header.map(|header| Offsets::parse(&header)).transpose()? else {
            return Ok(());
        };
        let chain = offsets.share_hashes..offsets.ueb;
        let ueb = ueb_range(&offsets, self.len)?;
        let (Some(chain), Some(ueb)) = (self.have(chain), self.have(ueb)) else {
            return Ok(());
        };
        let chain = Chain::parse(&chain)?;
        let ueb = unpack_ueb(&offsets, &ueb, &self.facts.ueb_hash)?;
        let FileFacts { params, size, .. } = self.facts;
        self.contradicts = ueb.contradicts(params, size);
        let geometry = Geometry::with_segment_size(params, size, ueb.segment_size)
            .and_then(Geometry::within_limits)
            .map_err(BadUeb::from)?;
        let tree = geometry.tree_bytes();
        if offsets.block_hashes.checked_sub(offsets.crypttext_tree) != Some(tree)
            || offsets.share_hashes.checked_sub(offsets.block_hashes) != Some(tree)
        {
            return Err(ShareError::Layout);
        }
        self.proven = Some(Proven { offsets, ueb, chain, geometry });
        Ok(())
    }

    /// Where chain and UEB are; more, if the whole tail is small.
    fn early_range(&self, offsets: &Offsets) -> Result<Range<u64>, ShareError> {
        chain_range(offsets, self.facts.params)?;
        let end = ueb_range(offsets, self.len)?.end;
        let tail = offsets.crypttext_tree..end;
        let whole = tail.start <= offsets.share_hashes && end - tail.start <= TAIL_MAX;
        Ok(if whole { tail } else { offsets.share_hashes..end })
    }

    /// The trees that are needed; they lie side by side.
    fn tree_range(&self, proven: &Proven) -> Result<Range<u64>, ShareError> {
        let Offsets { crypttext_tree, block_hashes, share_hashes, .. } = proven.offsets;
        if share_hashes > self.len {
            return Err(ShareError::Short);
        }
        Ok(if self.file_tree { crypttext_tree } else { block_hashes }..share_hashes)
    }

    fn have(&self, range: Range<u64>) -> Option<Bytes> {
        have(&self.chunks, range)
    }
}

/// The bytes of `range`, if one of the chunks (offset, bytes) has them all.
pub(super) fn have(chunks: &[(u64, Bytes)], range: Range<u64>) -> Option<Bytes> {
    chunks.iter().find_map(|(offset, bytes)| {
        let start = usize::try_from(range.start.checked_sub(*offset)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(*offset)?).ok()?;
        (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
    })
}

/// Where the chain is, if it can be one.
pub(super) fn chain_range(offsets: &Offsets, params: Params) -> Result<Range<u64>, ShareError> {
    let chain = offsets.ueb.checked_sub(offsets.share_hashes).ok_or(ShareError::Layout)?;
    if chain > chain_bytes(params) + 2 * ENTRY_BYTES as u64 {
        return Err(ShareError::Layout);
    }
    Ok(offsets.share_hashes..offsets.ueb)
}

/// The UEB's length and bytes, as far as a share of `len` bytes goes. Bytes after it do no harm.
pub(in crate::codec) fn ueb_range(offsets: &Offsets, len: u64) -> Result<Range<u64>, ShareError> {
    let most = offsets.version.word_bytes() + UEB_MAX as u64;
    let end = offsets.ueb.checked_add(most).ok_or(ShareError::Layout)?.min(len);
    if end < offsets.ueb {
        return Err(ShareError::Short);
    }
    Ok(offsets.ueb..end)
}

/// The UEB in its region, if it has that hash.
pub(super) fn unpack_ueb(offsets: &Offsets, region: &[u8], hash: &Hash) -> Result<Ueb, ShareError> {
    let (len, ueb) = offsets.split_ueb(region).map_err(|_| ShareError::Short)?;
    if len >= UEB_MAX as u64 {
        return Err(BadUeb::TooLong.into());
    }
    Ok(Ueb::parse(ueb, hash)?)
}
