//! Servers of happiness (`docs/spec/formats-immutable.md` §15.1): how many servers can be paired with
//! shares, each server and each share used once.
//!
//! If `h` servers are so paired, any `k` of them hold `k` different shares and give the file back.

use crate::base::ShareNum;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A matching of servers to shares that grows by one pair at a time and never loses a server.
#[derive(Debug, Clone)]
pub struct Matching<S> {
    server_of: BTreeMap<ShareNum, S>,
    share_of: BTreeMap<S, ShareNum>,
}

impl<S: Copy + Ord> Default for Matching<S> {
    fn default() -> Self {
        Self { server_of: BTreeMap::new(), share_of: BTreeMap::new() }
    }
}

impl<S: Copy + Ord> Matching<S> {
    /// Tries to pair one more server, moving others to another of their shares where that helps.
    ///
    /// `shares` lists what a server may be paired with. A server that was paired stays paired.
    pub fn add<'a, I>(&mut self, server: S, shares: impl Fn(S) -> I) -> bool
    where
        I: IntoIterator<Item = &'a ShareNum>,
    {
        if self.share_of.contains_key(&server) {
            return true;
        }
        let mut reached_from = BTreeMap::new();
        let mut queue = VecDeque::from([server]);
        while let Some(from) = queue.pop_front() {
            for &share in shares(from) {
                if reached_from.contains_key(&share) {
                    continue;
                }
                reached_from.insert(share, from);
                match self.server_of.get(&share) {
                    Some(&holder) => queue.push_back(holder),
                    None => {
                        self.flip(share, &reached_from);
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Pairs along the path that ends at the free `share`.
    fn flip(&mut self, mut share: ShareNum, reached_from: &BTreeMap<ShareNum, S>) {
        while let Some(&server) = reached_from.get(&share) {
            self.server_of.insert(share, server);
            match self.share_of.insert(server, share) {
                Some(given_up) => share = given_up,
                None => return,
            }
        }
    }

    /// Pairs two that are both free.
    pub fn pair(&mut self, server: S, share: ShareNum) {
        self.server_of.insert(share, server);
        self.share_of.insert(server, share);
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.share_of.len()
    }

    pub fn is_empty(&self) -> bool {
        self.share_of.is_empty()
    }

    pub fn has_server(&self, server: S) -> bool {
        self.share_of.contains_key(&server)
    }

    pub fn has_share(&self, share: ShareNum) -> bool {
        self.server_of.contains_key(&share)
    }

    /// The pairs, by server.
    pub fn pairs(&self) -> impl Iterator<Item = (S, ShareNum)> + '_ {
        self.share_of.iter().map(|(&server, &share)| (server, share))
    }
}

/// Size of a maximum matching of servers to the shares that they hold.
pub fn servers_of_happiness<S: Copy + Ord>(held: &BTreeMap<S, BTreeSet<ShareNum>>) -> usize {
    let mut matching = Matching::default();
    for &server in held.keys() {
        matching.add(server, |s| held.get(&s).into_iter().flatten());
    }
    matching.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lists: &[&[u8]]) -> BTreeMap<usize, BTreeSet<ShareNum>> {
        let sets = lists.iter().map(|list| list.iter().map(|&n| ShareNum(n)).collect());
        sets.enumerate().collect()
    }

    #[test]
    fn one_server_with_all_shares_counts_once() {
        assert_eq!(servers_of_happiness(&held(&[&[0, 1, 2, 3]])), 1);
    }

    #[test]
    fn a_chain_of_moves_pairs_everyone() {
        assert_eq!(servers_of_happiness(&held(&[&[0, 1], &[0, 2], &[0, 3], &[0]])), 4);
    }

    #[test]
    fn copies_of_one_share_count_once() {
        assert_eq!(servers_of_happiness(&held(&[&[5], &[5], &[5]])), 1);
    }
}
