//! How a trie in part travels.
//!
//! ```text
//! trie = 0                                          no rows at all; at the top only
//!      | 1 ‖ hash 32                                hidden
//!      | 2 ‖ id 32 ‖ row hash 32                    one row
//!      | 3 ‖ depth u8 ‖ prefix ⌈depth/8⌉ ‖ trie ‖ trie   a fork, zero side first
//! ```
//! Only forms that a trie can have are read: depths grow downwards, prefixes continue each other,
//! unused bits are zero. So a proof nests at most 256 deep.

use super::trie::{Fork, Tree, Trie, bit, prefix};
use super::{Malformed, RowId};
use crate::codec::bytes_in::BytesIn;
use std::sync::Arc;

const EMPTY: u8 = 0;
const HIDDEN: u8 = 1;
const LEAF: u8 = 2;
const FORK: u8 = 3;

/// What the forks above demand of the ids below: side `one` of a fork at `depth` with `prefix`.
#[derive(Clone, Copy)]
struct Above {
    depth: u8,
    prefix: RowId,
    one: bool,
}

impl Above {
    fn allows(self, id: &RowId) -> bool {
        prefix(id, self.depth) == self.prefix && bit(id, self.depth) == self.one
    }
}

fn encode(tree: &Tree, out: &mut Vec<u8>) {
    match tree {
        Tree::Hidden(hash) => {
            out.push(HIDDEN);
            out.extend_from_slice(hash);
        }
        Tree::Leaf { id, row } => {
            out.push(LEAF);
            out.extend_from_slice(id);
            out.extend_from_slice(row);
        }
        Tree::Fork(fork) => {
            out.extend_from_slice(&[FORK, fork.depth]);
            let bytes = usize::from(fork.depth).div_ceil(8);
            out.extend(fork.prefix.iter().take(bytes));
            fork.sides.iter().for_each(|side| encode(side, out));
        }
    }
}

fn fork(bytes: &mut BytesIn<'_>, above: Option<Above>) -> Result<Tree, Malformed> {
    let [depth] = bytes.array()?;
    let mut shared = [0; 32];
    let given = bytes.take(usize::from(depth).div_ceil(8))?;
    shared.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
    let fits = above.is_none_or(|above| above.depth < depth && above.allows(&shared));
    if !fits || prefix(&shared, depth) != shared {
        return Err(Malformed);
    }
    let mut side = |one| tree(bytes, Some(Above { depth, prefix: shared, one })).map(Arc::new);
    let sides = [side(false)?, side(true)?];
    Ok(Tree::Fork(Fork::new(depth, shared, sides)))
}

fn tree(bytes: &mut BytesIn<'_>, above: Option<Above>) -> Result<Tree, Malformed> {
    match bytes.array()? {
        [HIDDEN] => Ok(Tree::Hidden(bytes.array()?)),
        [FORK] => fork(bytes, above),
        [LEAF] => {
            let (id, row) = (bytes.array()?, bytes.array()?);
            let fits = above.is_none_or(|above| above.allows(&id));
            fits.then_some(Tree::Leaf { id, row }).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

impl Trie {
    /// The form in which a proof travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.root {
            Some(tree) => encode(tree, &mut out),
            None => out.push(EMPTY),
        }
        out
    }

    /// Reads a proof. It proves something of a directory only once its [root](Trie::root) was
    /// compared with that of a head.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes == [EMPTY] {
            return Ok(Self::default());
        }
        let mut rest = BytesIn::new(bytes);
        let tree = tree(&mut rest, None)?;
        if rest.is_empty() { Ok(Self { root: Some(Arc::new(tree)) }) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hidden;
    use super::super::trie::EMPTY;
    use super::*;
    use crate::base::hash::sha256;
    use crate::base::seeded::Rng;
    use std::collections::{BTreeMap, BTreeSet};

    fn id(n: u32) -> RowId {
        sha256(&n.to_be_bytes())
    }

    fn whole(numbers: impl IntoIterator<Item = u32>) -> Trie {
        Trie::of(numbers.into_iter().map(|n| (id(n), [n as u8; 32])))
    }

    #[test]
    fn the_root_tells_what_is_there_and_not_how_it_came() {
        let mut trie = whole(0..200);
        assert_eq!(trie.root(), whole((0..200).rev()).root());
        assert_eq!(trie.insert(id(7), [8; 32]), Ok(Some([7; 32])));
        assert_ne!(trie.root(), whole(0..200).root());
        trie.insert(id(7), [7; 32]).unwrap();
        for n in 100..200 {
            assert_eq!(trie.remove(&id(n)), Ok(Some([n as u8; 32])));
            assert_eq!(trie.remove(&id(n)), Ok(None));
        }
        assert_eq!(trie.root(), whole(0..100).root());
        (0..100).for_each(|n| assert!(trie.remove(&id(n)).is_ok()));
        assert_eq!(trie.root(), EMPTY);
    }

    #[test]
    fn a_proof_answers_for_its_ids_and_gives_the_root_after_changing_them() {
        let full = whole(0..300);
        let touched: Vec<RowId> = [3, 44, 299, 1000, 1001, 1002].map(id).to_vec();
        let bytes = full.prove(&touched).to_bytes();
        assert!(bytes.len() < 6 * 600, "{}", bytes.len());
        let mut part = Trie::from_bytes(&bytes).unwrap();
        assert_eq!(part.root(), full.root());
        assert_eq!(part.get(&id(44)), Ok(Some([44; 32])));
        assert_eq!(part.get(&id(1001)), Ok(None));
        assert_eq!(part.get(&id(5)), Err(Hidden));
        let mut after = full.clone();
        for trie in [&mut part, &mut after] {
            let put = [(touched[1], [9; 32]), (touched[3], [1; 32]), (touched[4], [2; 32])];
            trie.change(put, [&touched[0], &touched[2]]).unwrap();
        }
        assert_eq!(part.root(), after.root());
        assert_eq!(full.root(), whole(0..300).root(), "a clone changed the original");
    }

    #[test]
    fn small_directories_and_ids_that_differ_in_their_last_bit() {
        let (mut zero, mut one) = ([0xAA; 32], [0xAA; 32]);
        (zero[31], one[31]) = (0, 1);
        let pair = Trie::of([(zero, [1; 32]), (one, [2; 32])]);
        let part = Trie::from_bytes(&pair.prove(&[one]).to_bytes()).unwrap();
        assert_eq!((part.get(&one), part.get(&zero)), (Ok(Some([2; 32])), Err(Hidden)));
        assert_eq!(part.get(&[0; 32]), Ok(None), "outside the prefix is proven absent");
        let none = Trie::from_bytes(&Trie::default().prove(&[one]).to_bytes()).unwrap();
        assert_eq!((none.get(&one), none.root()), (Ok(None), EMPTY));
        let single = Trie::of([(one, [2; 32])]).prove(&[zero]);
        assert_eq!(single.get(&zero), Ok(None));
    }

    #[test]
    fn random_changes_through_proofs_agree_with_the_whole() {
        let mut rng = Rng::new(1);
        let mut rows = BTreeMap::new();
        let mut full = Trie::default();
        for round in 0..2_000_u32 {
            let touched = [id(rng.below(64) as u32), id(rng.below(64) as u32)];
            let mut part = Trie::from_bytes(&full.prove(&touched).to_bytes()).unwrap();
            let (put, removed): (Vec<RowId>, Vec<RowId>) =
                BTreeSet::from(touched).into_iter().partition(|_| rng.toss());
            let put: Vec<_> = put.into_iter().map(|id| (id, [round as u8; 32])).collect();
            for id in &removed {
                rows.remove(id);
            }
            rows.extend(put.clone());
            part.change(put.clone(), &removed).unwrap();
            full.change(put, &removed).unwrap();
            assert_eq!(part.root(), full.root(), "round {round}");
            assert_eq!(full.root(), Trie::of(rows.clone()).root(), "round {round}");
        }
    }

    #[test]
    fn no_flipped_bit_keeps_the_root() {
        let full = whole(0..20);
        let bytes = full.prove(&[id(3), id(99)]).to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let read = Trie::from_bytes(&bad);
            assert!(read.is_err() || read.unwrap().root() != full.root(), "bit {bit}");
        }
        assert!((0..bytes.len()).all(|len| Trie::from_bytes(&bytes[..len]).is_err()));
    }
}
