//! The share hash chain: what ties one share's block tree to the file's share root
//! (`docs/spec/formats-immutable.md` §11).
//!
//! ```text
//! entry   u16 node ‖ 32-byte hash       siblings of leaf i on the way up, and leaf i itself
//! ```

use super::bytes_in::{BytesIn, Short};
use super::hashtree::{HashTree, inner, leaf_node, path, width};
use crate::base::ShareNum;
use crate::base::file::Params;
use crate::base::hash::Hash;

/// Bytes of one entry.
pub const ENTRY_BYTES: usize = 34;
/// Entries that a chain may have: the path of 256 leaves, with room for nodes that repeat what
/// can be computed.
const ENTRIES_MAX: usize = 32;

/// A chain that does not prove what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the share hash chain does not lead from the share to the file")]
pub struct BadChain;

impl From<Short> for BadChain {
    fn from(_: Short) -> Self {
        Self
    }
}

/// Bytes of each share's chain.
pub fn chain_bytes(params: Params) -> u64 {
    let entries = width(params.total()).ilog2() as u64 + 1;
    entries * ENTRY_BYTES as u64
}

/// The node numbers of a share's chain in the order in which 1.20 writes them.
pub fn chain_order(params: Params, share: ShareNum) -> Vec<u16> {
    let leaf = leaf_node(params.total(), share.0.into());
    let mut set = NodeSet::with_slots(8);
    for (_, sibling) in path(leaf) {
        set.insert(sibling as u16);
    }
    set.insert(leaf as u16);
    set.slots.into_iter().flatten().collect()
}

/// The chain region of one share; `tree` is the share hash tree.
pub fn write_chain(tree: &HashTree, params: Params, share: ShareNum) -> Vec<u8> {
    let mut out = Vec::with_capacity(chain_bytes(params) as usize);
    for node in chain_order(params, share) {
        out.extend_from_slice(&node.to_be_bytes());
        out.extend_from_slice(&tree.nodes().get(usize::from(node)).copied().unwrap_or_default());
    }
    out
}

/// The entries of one share's chain, not proven yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(Vec<(u16, Hash)>);

impl Chain {
    /// Takes a chain region apart.
    pub fn parse(region: &[u8]) -> Result<Self, BadChain> {
        let whole = region.len().is_multiple_of(ENTRY_BYTES);
        if !whole || region.len() > ENTRIES_MAX * ENTRY_BYTES {
            return Err(BadChain);
        }
        let mut bytes = BytesIn::new(region);
        let mut entries = Vec::with_capacity(region.len() / ENTRY_BYTES);
        while !bytes.is_empty() {
            entries.push((bytes.u16()?, bytes.array()?));
        }
        Ok(Self(entries))
    }

    /// Proves that `block_root` is the leaf of `share` below `share_root`. Entries may come in any
    /// order; one that is neither on the path nor beside it cannot be proven and fails the chain.
    pub fn prove(
        &self,
        params: Params,
        share: ShareNum,
        block_root: &Hash,
        share_root: &Hash,
    ) -> Result<(), BadChain> {
        let leaf = leaf_node(params.total(), share.0.into());
        let mut known = vec![(leaf, *block_root)];
        let mut hash = *block_root;
        for (node, sibling) in path(leaf) {
            let other = self.get(sibling).ok_or(BadChain)?;
            let left = node % 2 == 1;
            hash = if left { inner(&hash, other) } else { inner(other, &hash) };
            known.push((sibling, *other));
            known.push(((node - 1) / 2, hash));
        }
        let proven = |(node, hash): &(u16, Hash)| known.contains(&(usize::from(*node), *hash));
        if hash != *share_root || !self.0.iter().all(proven) {
            return Err(BadChain);
        }
        Ok(())
    }

    /// What it says that the root of the share's block tree is.
    pub fn leaf(&self, params: Params, share: ShareNum) -> Option<&Hash> {
        self.get(leaf_node(params.total(), share.0.into()))
    }

    /// The node numbers, in the order of the share.
    pub fn nodes(&self) -> impl Iterator<Item = u16> {
        self.0.iter().map(|(node, _)| *node)
    }

    fn get(&self, node: usize) -> Option<&Hash> {
        self.0.iter().find(|(number, _)| usize::from(*number) == node).map(|(_, hash)| hash)
    }
}

/// CPython's hash set of small integers. Its iteration order is the entry order in the share files
/// of 1.20, so byte-identical shares need it; readers do not.
struct NodeSet {
    slots: Vec<Option<u16>>,
    fill: usize,
}

/// Slots that CPython probes in a row before it jumps.
const LINEAR_PROBES: usize = 9;

impl NodeSet {
    fn with_slots(slots: usize) -> Self {
        Self { slots: vec![None; slots], fill: 0 }
    }

    fn insert(&mut self, value: u16) {
        let mask = self.slots.len() - 1;
        let Some(slot) = self.free_slot(value, mask).and_then(|at| self.slots.get_mut(at)) else {
            return;
        };
        if slot.replace(value).is_none() {
            self.fill += 1;
            if self.fill * 5 >= mask * 3 {
                self.grow();
            }
        }
    }

    fn free_slot(&self, value: u16, mask: usize) -> Option<usize> {
        let mut perturb = usize::from(value);
        let mut at = perturb & mask;
        loop {
            let run = if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
            let fits =
                |slot: &usize| self.slots.get(*slot).is_some_and(|s| s.is_none_or(|v| v == value));
            if let Some(found) = (at..=at + run).find(fits) {
                return Some(found);
            }
            perturb >>= 5;
            at = (5 * at + 1 + perturb) & mask;
        }
    }

    fn grow(&mut self) {
        let mut slots = 8;
        while slots <= self.fill * 4 {
            slots *= 2;
        }
        let old = std::mem::replace(self, Self::with_slots(slots));
        for value in old.slots.into_iter().flatten() {
            self.insert(value);
        }
    }
}
