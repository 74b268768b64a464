//! The Merkle trie over the rows of a directory.
//!
//! A binary trie by the bits of the row ids, first bit first, in which every fork has two sides: its
//! shape follows from the set of ids alone, not from the order of changes.
//!
//! ```text
//! empty directory = 32 zero bytes
//! one row         = tagged("tahoe_vdrive_leaf_v1", id ‖ row hash)
//! a fork          = tagged("tahoe_vdrive_fork_v1", depth u8 ‖ prefix 32 ‖ zero side ‖ one side)
//! ```
//! A fork at `depth` is where ids that share their first `depth` bits (`prefix`, filled up with
//! zeros) first differ. Since the prefix is in the hash, a fork proves that no id below it has
//! another one.
//!
//! Parts may be [hidden](Trie::prove) behind their hashes. What is left proves presence or absence
//! of some ids, and still gives the right root after [changes](Trie::change) of those: removing a row
//! needs no look into the other side of its fork. `proof` has the form in which it travels.

use super::RowId;
use crate::base::hash::{Hash, Tagged};
use std::sync::{Arc, OnceLock};

const LEAF_TAG: &[u8] = b"tahoe_vdrive_leaf_v1";
const FORK_TAG: &[u8] = b"tahoe_vdrive_fork_v1";
/// Root of a directory without rows.
pub const EMPTY: Hash = [0; 32];

/// The part of the trie that the answer depends on is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not reach that row")]
pub struct Hidden;

/// A trie, whole or in part. Clones are cheap and independent.
#[derive(Clone, Default, Debug)]
pub struct Trie {
    pub(super) root: Option<Arc<Tree>>,
}

#[derive(Clone, Debug)]
pub(super) enum Tree {
    Hidden(Hash),
    Leaf { id: RowId, row: Hash },
    Fork(Fork),
}

#[derive(Clone, Debug)]
pub(super) struct Fork {
    /// Bits that all ids below share.
    pub depth: u8,
    pub prefix: RowId,
    /// The sides whose next bit is 0 and 1.
    pub sides: [Arc<Tree>; 2],
    hash: OnceLock<Hash>,
}

/// Bit number `at` of an id, the first being the highest of the first byte.
pub(super) fn bit(id: &RowId, at: u8) -> bool {
    id.get(usize::from(at / 8)).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1)
}

/// The first bit in which two ids differ.
pub(super) fn difference(a: &RowId, b: &RowId) -> Option<u8> {
    let at = a.iter().zip(b).position(|(a, b)| a != b)?;
    let (a, b) = (a.get(at)?, b.get(at)?);
    Some((at * 8) as u8 + (a ^ b).leading_zeros() as u8)
}

/// The first `depth` bits, the rest zeros.
pub(super) fn prefix(id: &RowId, depth: u8) -> RowId {
    let mut out = *id;
    for (at, byte) in out.iter_mut().enumerate() {
        let kept = usize::from(depth).saturating_sub(at * 8).min(8);
        *byte &= (0xFF00_u16 >> kept) as u8;
    }
    out
}

impl Fork {
    pub fn new(depth: u8, prefix: RowId, sides: [Arc<Tree>; 2]) -> Self {
        Self { depth, prefix, sides, hash: OnceLock::new() }
    }

    /// Whether an id can be below this fork.
    pub fn covers(&self, id: &RowId) -> bool {
        prefix(id, self.depth) == self.prefix
    }

    fn side(&self, id: &RowId) -> &Arc<Tree> {
        let [zero, one] = &self.sides;
        if bit(id, self.depth) { one } else { zero }
    }

    /// The side of an id, to be changed, and the other one.
    fn side_mut(&mut self, id: &RowId) -> (&mut Arc<Tree>, &mut Arc<Tree>) {
        let [zero, one] = &mut self.sides;
        if bit(id, self.depth) { (one, zero) } else { (zero, one) }
    }

    fn hash(&self) -> Hash {
        *self.hash.get_or_init(|| {
            let mut hash = Tagged::new(FORK_TAG);
            hash.update(&[self.depth]);
            hash.update(&self.prefix);
            self.sides.iter().for_each(|side| hash.update(&side.hash()));
            hash.finish()
        })
    }
}

impl Tree {
    pub fn hash(&self) -> Hash {
        match self {
            Self::Hidden(hash) => *hash,
            Self::Fork(fork) => fork.hash(),
            Self::Leaf { id, row } => {
                let mut hash = Tagged::new(LEAF_TAG);
                hash.update(id);
                hash.update(row);
                hash.finish()
            }
        }
    }

    /// Some id that shares this tree's prefix.
    fn example(&self) -> Option<&RowId> {
        match self {
            Self::Hidden(_) => None,
            Self::Leaf { id, .. } => Some(id),
            Self::Fork(fork) => Some(&fork.prefix),
        }
    }

    /// Where an id branches off above everything in this tree.
    fn leaves_at(&self, id: &RowId) -> Option<u8> {
        let at = difference(id, self.example()?)?;
        match self {
            Self::Fork(fork) => (at < fork.depth).then_some(at),
            _ => Some(at),
        }
    }
}

/// What is known of an id in one tree.
enum Step<'a> {
    Here(&'a Hash),
    Absent,
    Below(&'a Arc<Tree>),
}

fn step<'a>(tree: &'a Tree, id: &RowId) -> Result<Step<'a>, Hidden> {
    Ok(match tree {
        Tree::Hidden(_) => return Err(Hidden),
        Tree::Leaf { id: other, row } if other == id => Step::Here(row),
        Tree::Fork(fork) if fork.covers(id) => Step::Below(fork.side(id)),
        _ => Step::Absent,
    })
}

fn insert(slot: &mut Arc<Tree>, id: &RowId, row: Hash) -> Result<Option<Hash>, Hidden> {
    if matches!(**slot, Tree::Hidden(_)) {
        return Err(Hidden);
    }
    let leaf = Tree::Leaf { id: *id, row };
    if let Some(depth) = slot.leaves_at(id) {
        let (old, new) = (slot.clone(), Arc::new(leaf));
        let sides = if bit(id, depth) { [old, new] } else { [new, old] };
        *slot = Arc::new(Tree::Fork(Fork::new(depth, prefix(id, depth), sides)));
        return Ok(None);
    }
    match Arc::make_mut(slot) {
        Tree::Fork(fork) => {
            fork.hash = OnceLock::new();
            insert(fork.side_mut(id).0, id, row)
        }
        Tree::Leaf { row: here, .. } => Ok(Some(std::mem::replace(here, row))),
        Tree::Hidden(_) => Err(Hidden),
    }
}

/// Removes an id that is there, not at the top of `slot`.
fn remove(slot: &mut Arc<Tree>, id: &RowId) {
    let Tree::Fork(fork) = Arc::make_mut(slot) else { return };
    fork.hash = OnceLock::new();
    let (side, other) = fork.side_mut(id);
    match **side {
        Tree::Leaf { .. } => {
            let other = other.clone();
            *slot = other;
        }
        _ => remove(side, id),
    }
}

fn prune(tree: &Arc<Tree>, ids: &[RowId]) -> Arc<Tree> {
    if ids.is_empty() {
        return Arc::new(Tree::Hidden(tree.hash()));
    }
    let Tree::Fork(fork) = &**tree else { return tree.clone() };
    let covered = ids.iter().copied().filter(|id| fork.covers(id));
    let (ones, zeros): (Vec<_>, Vec<_>) = covered.partition(|id| bit(id, fork.depth));
    let [zero, one] = &fork.sides;
    let sides = [prune(zero, &zeros), prune(one, &ones)];
    Arc::new(Tree::Fork(Fork::new(fork.depth, fork.prefix, sides)))
}

impl Trie {
    /// The trie of these rows and no others.
    pub fn of(rows: impl IntoIterator<Item = (RowId, Hash)>) -> Self {
        let mut trie = Self::default();
        for (id, row) in rows {
            // Nothing is hidden in a trie that began empty.
            let _ = trie.insert(id, row);
        }
        trie
    }

    /// What a head says of the directory.
    pub fn root(&self) -> Hash {
        self.root.as_ref().map_or(EMPTY, |tree| tree.hash())
    }

    /// The hash of a row, `None` if it is certain that there is none.
    pub fn get(&self, id: &RowId) -> Result<Option<Hash>, Hidden> {
        let Some(mut tree) = self.root.as_ref() else { return Ok(None) };
        loop {
            match step(tree, id)? {
                Step::Here(row) => return Ok(Some(*row)),
                Step::Absent => return Ok(None),
                Step::Below(below) => tree = below,
            }
        }
    }

    /// Puts a row in, or in the place of the one with its id, whose hash is answered.
    pub fn insert(&mut self, id: RowId, row: Hash) -> Result<Option<Hash>, Hidden> {
        match &mut self.root {
            Some(root) => insert(root, &id, row),
            None => {
                self.root = Some(Arc::new(Tree::Leaf { id, row }));
                Ok(None)
            }
        }
    }

    /// Takes a row out; its hash, if it was there.
    pub fn remove(&mut self, id: &RowId) -> Result<Option<Hash>, Hidden> {
        let found = self.get(id)?;
        match &mut self.root {
            Some(root) if found.is_some() => match **root {
                Tree::Leaf { .. } => self.root = None,
                _ => remove(root, id),
            },
            _ => {}
        }
        Ok(found)
    }

    /// Puts these rows in and takes those out; an id is in one of the two only. After an error the
    /// trie is good for nothing.
    ///
    /// What is put in goes first, and what is to go is looked up before anything goes: a place may
    /// be known only by a row that goes.
    pub fn change<'a>(
        &mut self,
        put: impl IntoIterator<Item = (RowId, Hash)>,
        removed: impl IntoIterator<Item = &'a RowId>,
    ) -> Result<(), Hidden> {
        for (id, row) in put {
            self.insert(id, row)?;
        }
        let mut there = Vec::new();
        for id in removed {
            there.extend(self.get(id)?.map(|_| id));
        }
        for id in there {
            self.remove(id)?;
        }
        Ok(())
    }

    /// The same trie with everything hidden that these ids do not need: a proof of what is there
    /// under each, or that nothing is. Ids whose place is hidden already stay unproven.
    pub fn prove(&self, ids: &[RowId]) -> Self {
        Self { root: self.root.as_ref().map(|tree| prune(tree, ids)) }
    }
}
