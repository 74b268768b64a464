//! Complete binary hash trees (`docs/spec/formats-immutable.md` §8).
//!
//! ```text
//! leaf i   given, or tagged("Merkle tree empty leaf", dec(i)) up to the next power of two
//! inner    pair("Merkle tree internal node", left, right)
//! node     root = 0, children of x are 2x+1 and 2x+2; serialised in that order, 32 bytes each
//! ```

use super::tags;
use crate::base::hash::{Hash, pair, tagged};
use bytes::Bytes;

/// All nodes of a tree, root first, each consistent with its children.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HashTree(Vec<Hash>);

/// Bytes that are not the tree they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTree {
    /// Not the number of nodes that the leaves make.
    #[error("a hash tree has the wrong length")]
    Length,
    /// A node is not the hash of its children.
    #[error("a hash tree contradicts itself")]
    Inconsistent,
    /// The root is not the one that is vouched for.
    #[error("a hash tree has the wrong root")]
    Root,
}

impl HashTree {
    /// The tree over these leaves; none make the tree of one padding leaf.
    pub fn build(leaves: &[Hash]) -> Self {
        let width = width(leaves.len());
        let padding = (leaves.len()..width).map(empty_leaf);
        let mut level: Vec<Hash> = leaves.iter().copied().chain(padding).collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.as_chunks().0.iter().map(|[left, right]| inner(left, right));
            let above = above.collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Self(levels.into_iter().rev().flatten().collect())
    }

    /// Takes a serialised tree of `leaves` leaves whose root is known.
    pub fn parse(bytes: &[u8], leaves: usize, root: &Hash) -> Result<Self, BadTree> {
        let tree = Self::parse_unrooted(bytes, leaves)?;
        if tree.root() != *root {
            return Err(BadTree::Root);
        }
        Ok(tree)
    }

    /// Takes a serialised tree whose root somebody else must vouch for.
    pub fn parse_unrooted(bytes: &[u8], leaves: usize) -> Result<Self, BadTree> {
        let (nodes, rest) = bytes.as_chunks::<32>();
        let wanted = width(leaves).checked_mul(2).and_then(|twice| twice.checked_sub(1));
        if !rest.is_empty() || Some(nodes.len()) != wanted {
            return Err(BadTree::Length);
        }
        let (_, below) = nodes.split_at_checked(1).ok_or(BadTree::Length)?;
        for (node, [left, right]) in nodes.iter().zip(below.as_chunks().0) {
            if *node != inner(left, right) {
                return Err(BadTree::Inconsistent);
            }
        }
        Ok(Self(nodes.to_vec()))
    }

    pub fn root(&self) -> Hash {
        self.0.first().copied().unwrap_or_default()
    }

    /// The hash of that leaf (a padding leaf too), none beyond the tree.
    pub fn leaf(&self, leaf: usize) -> Option<&Hash> {
        self.0.get(self.0.len() / 2..)?.get(leaf)
    }

    /// All nodes, root first.
    pub fn nodes(&self) -> &[Hash] {
        &self.0
    }

    /// The nodes as they are written into a share.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }
}

impl AsRef<[u8]> for HashTree {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<HashTree> for Bytes {
    fn from(tree: HashTree) -> Self {
        Self::from_owner(tree)
    }
}

/// Leaves of the complete tree that holds `leaves`.
pub fn width(leaves: usize) -> usize {
    leaves.max(1).next_power_of_two()
}

/// The padding at leaf `index`.
pub fn empty_leaf(index: usize) -> Hash {
    tagged(tags::EMPTY_LEAF, index.to_string().as_bytes())
}

/// The node above two others.
pub fn inner(left: &Hash, right: &Hash) -> Hash {
    pair(tags::INNER_NODE, left, right)
}

/// The node of leaf `leaf` in a tree of `leaves`.
pub fn leaf_node(leaves: usize, leaf: usize) -> usize {
    width(leaves) - 1 + leaf
}

/// The nodes on the way from `node` up to the root, with their siblings: `(node, sibling)`, lowest
/// first, the root excluded.
pub fn path(mut node: usize) -> impl Iterator<Item = (usize, usize)> {
    std::iter::from_fn(move || {
        if node == 0 {
            return None;
        }
        let step = (node, ((node - 1) ^ 1) + 1);
        node = (node - 1) / 2;
        Some(step)
    })
}
