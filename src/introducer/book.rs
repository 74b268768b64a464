//! The newest announcement of each tub, bounded; no I/O.

use super::announcement::Announcement;
use crate::base::limits::ANNOUNCEMENTS_MAX;
use crate::tub::TubId;
use std::collections::BTreeMap;

/// What became of an announcement that was offered to a [`Book`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The tub was unknown.
    New,
    /// It replaced an older announcement of this tub.
    Newer,
    /// It is the one already known.
    Same,
    /// A newer one is known (or another one of the same sequence).
    Stale,
    /// The book is full and the tub unknown.
    Full,
}

/// Announcements of one service, one a tub. Those known are never pushed out by new ones: a flood
/// of strangers cannot make a node forget its servers.
#[derive(Debug, Clone)]
pub struct Book {
    entries: BTreeMap<TubId, Announcement>,
    capacity: usize,
}

impl Default for Book {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), capacity: ANNOUNCEMENTS_MAX }
    }
}

impl Book {
    /// Takes what is new; see [`Change`].
    pub fn offer(&mut self, announcement: Announcement) -> Change {
        let tub = announcement.tub();
        match self.entries.get(&tub) {
            Some(known) if known.bytes() == announcement.bytes() => Change::Same,
            Some(known) if known.sequence >= announcement.sequence => Change::Stale,
            None if self.entries.len() >= self.capacity => Change::Full,
            known => {
                let change = if known.is_some() { Change::Newer } else { Change::New };
                self.entries.insert(tub, announcement);
                change
            }
        }
    }

    pub fn get(&self, tub: &TubId) -> Option<&Announcement> {
        self.entries.get(tub)
    }

    /// Forgets a tub, its sequence number too: only for a list that its tubs fill themselves.
    pub fn remove(&mut self, tub: &TubId) -> Option<Announcement> {
        self.entries.remove(tub)
    }

    /// In order of tub id.
    pub fn iter(&self) -> impl Iterator<Item = &Announcement> {
        self.entries.values()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::introducer::announcement::tests::signed;

    #[test]
    fn the_highest_sequence_stays() {
        let mut book = Book::default();
        assert_eq!(book.offer(signed(1, 5)), Change::New);
        assert_eq!(book.offer(signed(1, 5)), Change::Same);
        assert_eq!(book.offer(signed(1, 4)), Change::Stale);
        assert_eq!(book.offer(signed(1, 6)), Change::Newer);
        assert_eq!(book.iter().map(|known| known.sequence).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn a_full_book_takes_news_of_the_known_only() {
        let mut book = Book { capacity: 2, ..Book::default() };
        assert_eq!(book.offer(signed(1, 1)), Change::New);
        assert_eq!(book.offer(signed(2, 1)), Change::New);
        assert_eq!(book.offer(signed(3, 1)), Change::Full);
        assert_eq!(book.offer(signed(2, 2)), Change::Newer);
        assert_eq!(book.len(), 2);
    }
}
