//! The newest heads of as many directories as there may be.

use super::SeenHead;
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;

/// The part that is forgotten at once, so that looking for it is seldom.
const PART: usize = 16;

struct Known {
    head: SeenHead,
    /// When it was used last, as a number that grows with each use.
    used: u64,
    /// It was asked for again after it was first seen: a walk through a large tree, which looks at
    /// everything once, makes nobody forget what is used every day.
    again: bool,
}

pub struct Heads {
    known: HashMap<DirectoryId, Known>,
    uses: u64,
    most: usize,
    /// Directories that were forgotten.
    pub forgotten: u64,
}

impl Heads {
    pub fn new(most: usize) -> Self {
        Self { known: HashMap::new(), uses: 0, most, forgotten: 0 }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn get(&self, directory: &DirectoryId) -> Option<SeenHead> {
        self.known.get(directory).map(|known| known.head)
    }

    /// The head of a directory that is about to be asked for.
    pub fn look(&mut self, directory: &DirectoryId) -> Option<SeenHead> {
        let known = self.known.get_mut(directory)?;
        self.uses += 1;
        (known.used, known.again) = (self.uses, true);
        Some(known.head)
    }

    pub fn set(&mut self, directory: &DirectoryId, head: SeenHead) {
        self.uses += 1;
        let used = self.uses;
        match self.known.get_mut(directory) {
            Some(known) => (known.head, known.used) = (head, used),
            None => drop(self.known.insert(*directory, Known { head, used, again: false })),
        }
        if self.known.len() > self.most {
            self.forget();
        }
    }

    fn forget(&mut self) {
        let before = self.known.len();
        let keep = self.most - self.most / PART;
        let mut order: Vec<_> =
            self.known.values().map(|known| (known.again, known.used)).collect();
        order.sort_unstable();
        let Some(first) = order.get(before.saturating_sub(keep)).copied() else { return };
        self.known.retain(|_, known| (known.again, known.used) >= first);
        let forgotten = before - self.known.len();
        self.forgotten += forgotten as u64;
        tracing::error!(
            forgotten,
            kept = self.known.len(),
            "too many directories were seen to remember all: of those that were looked at longest ago \
             an older state than the one seen last would go unnoticed"
        );
    }

    /// All of them, those to be forgotten first before the others.
    pub fn in_order(&self) -> Vec<(DirectoryId, SeenHead)> {
        let mut all: Vec<_> = self.known.iter().collect();
        all.sort_unstable_by_key(|(_, known)| (known.again, known.used));
        all.into_iter().map(|(id, known)| (*id, known.head)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(number: u64) -> DirectoryId {
        crate::base::hash::sha256(&number.to_be_bytes())
    }

    #[test]
    fn what_was_looked_at_once_and_longest_ago_is_forgotten_first() {
        let mut heads = Heads::new(160);
        for number in 0..160 {
            heads.set(&directory(number), (number, [0; 32]));
        }
        assert_eq!((heads.len(), heads.forgotten), (160, 0));
        for number in 0..5 {
            heads.look(&directory(number));
        }
        heads.set(&directory(160), (160, [0; 32]));
        assert_eq!((heads.len(), heads.forgotten), (150, 11));
        let gone = |number| heads.get(&directory(number)).is_none();
        assert!((5..16).all(gone) && !(0..5).chain(16..161).any(gone));
        let order = heads.in_order();
        assert_eq!((order[0].1.0, order.last().unwrap().1.0), (16, 4));
    }
}
