//! What a directory's log comes to: where each row is, the trie, who has leases. Pure.

use super::error::{Result, VdriveError};
use super::format::log::{Facts, Record};
use super::format::{DirectoryId, Row, RowId, SignedHead, Trie};
use crate::base::hash::Hash;
use crate::base::limits::{DIRECTORY_ROOM_MAX, RECENT_CHANGES, REMOVALS_KEPT, ROW_ROOM, ROWS_MAX};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where a row is in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub offset: u64,
    pub len: u32,
    pub seq: u64,
}

/// One lease, under the digest of its renew secret.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub cancel: Hash,
    pub end: u64,
}

/// Rows and removals that no head covers yet.
#[derive(Default)]
struct Pending {
    rows: Vec<(RowId, Place, Hash)>,
    removed: Vec<RowId>,
}

/// The rows of a change as they arrived; the head that covers them comes with them.
pub(super) struct Change {
    pub head: SignedHead,
    pub rows: BTreeMap<RowId, Row>,
    pub removed: BTreeSet<RowId>,
}

impl Change {
    /// `BadChange` when a row is in it twice.
    pub fn new(head: SignedHead, rows: Vec<Row>, removed: Vec<RowId>) -> Result<Self> {
        let (row_count, removed_count) = (rows.len(), removed.len());
        let rows: BTreeMap<RowId, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
        let removed: BTreeSet<RowId> = removed.into_iter().collect();
        let doubled = rows.len() != row_count || removed.len() != removed_count;
        if doubled || removed.iter().any(|id| rows.contains_key(id)) {
            return Err(VdriveError::BadChange);
        }
        Ok(Self { head, rows, removed })
    }

    /// Every id that it touches, rows before removals.
    pub fn touched(&self) -> impl Iterator<Item = &RowId> {
        self.rows.keys().chain(&self.removed)
    }
}

/// What is to be done with a change.
pub(super) enum Verdict {
    /// Write it down; then the directory has this trie.
    Sound(Trie),
    AlreadyApplied,
    Stale,
}

/// Memory that a client lists so many rows of so many bytes in.
fn room(rows: usize, bytes: u64) -> u64 {
    bytes.saturating_add(rows as u64 * ROW_ROOM as u64)
}

/// Whether a directory that takes so much may lose and gain so much. One that is too large already may
/// shrink.
fn has_room(live: u64, gone: u64, put: u64) -> bool {
    put <= gone || live.saturating_sub(gone).saturating_add(put) <= DIRECTORY_ROOM_MAX
}

#[derive(Default)]
pub(super) struct Table {
    pub head: Option<SignedHead>,
    pub trie: Trie,
    pub rows: BTreeMap<RowId, Place>,
    /// Bytes of all rows.
    pub live: u64,
    /// Ids removed, with the sequence of the head that did; oldest first.
    pub removals: VecDeque<(u64, RowId)>,
    /// Removals by heads above this are all known.
    pub known_since: u64,
    /// Change ids of the newest heads, oldest first.
    pub recent: VecDeque<[u8; 16]>,
    pub leases: BTreeMap<Hash, Lease>,
    /// Something of the log is missing before the next record: its head need not be the next one.
    pub gap: bool,
    pending: Pending,
}

impl Table {
    /// Sequence of the newest head; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.head.map_or(0, |signed| signed.head.seq)
    }

    /// Judges a change that claims to follow the newest head.
    pub fn judge(&self, facts: &Facts, change: &Change) -> Result<Verdict> {
        let head = &change.head.head;
        if head.directory != facts.id || !change.head.verify(&facts.verify_key) {
            return Err(VdriveError::BadChange);
        }
        if self.recent.contains(&head.change) {
            return Ok(Verdict::AlreadyApplied);
        }
        if !self.follows(&change.head) {
            return Ok(Verdict::Stale);
        }
        let there = change.removed.iter().all(|id| self.rows.contains_key(id));
        if !there || change.rows.values().any(|row| row.seq != head.seq) {
            return Err(VdriveError::BadChange);
        }
        let new = change.rows.keys().filter(|id| !self.rows.contains_key(*id)).count();
        let count = (self.rows.len() + new - change.removed.len()) as u64;
        let there = |id| self.rows.get(id).map_or(0, |place| room(1, u64::from(place.len)));
        let gone = change.touched().map(there).sum();
        let put = change.rows.values().map(|row| room(1, row.encoded_len() as u64)).sum();
        if count > ROWS_MAX || !has_room(room(self.rows.len(), self.live), gone, put) {
            return Err(VdriveError::TooMuch);
        }
        let mut trie = self.trie.clone();
        let put = change.rows.iter().map(|(id, row)| (*id, row.hash()));
        trie.change(put, &change.removed).map_err(|_| VdriveError::Corrupt)?;
        if head.rows != count || head.root != trie.root() {
            return Err(VdriveError::BadChange);
        }
        Ok(Verdict::Sound(trie))
    }

    /// Judges the state of a directory that is to come back: all of its rows, of any age.
    pub fn judge_whole(facts: &Facts, change: &Change) -> Result<()> {
        let (head, rows) = (&change.head.head, &change.rows);
        let signed = head.directory == facts.id && change.head.verify(&facts.verify_key);
        if !signed || !change.removed.is_empty() || rows.values().any(|row| row.seq > head.seq) {
            return Err(VdriveError::BadChange);
        }
        let put = rows.values().map(|row| room(1, row.encoded_len() as u64)).sum();
        if rows.len() as u64 > ROWS_MAX || !has_room(0, 0, put) {
            return Err(VdriveError::TooMuch);
        }
        let trie = Trie::of(rows.iter().map(|(id, row)| (*id, row.hash())));
        match head.seq > 0 && head.rows == rows.len() as u64 && head.root == trie.root() {
            true => Ok(()),
            false => Err(VdriveError::BadChange),
        }
    }

    fn follows(&self, next: &SignedHead) -> bool {
        let previous = self.head.map_or([0; 32], |signed| signed.head.hash());
        self.seq().checked_add(1) == Some(next.head.seq) && next.head.previous == previous
    }

    /// A record of the log that begins at `offset`. `Corrupt`: it cannot stand there.
    pub fn replay(&mut self, id: &DirectoryId, record: &Record, offset: u64) -> Result<()> {
        let rows_at = offset + record.rows_at();
        match record {
            Record::Rows(rows) => self.pend(rows, rows_at)?,
            Record::Removed(ids) => self.pending.removed.extend(ids),
            Record::Change { head, removed, rows } => {
                let later = self.gap && head.head.seq > self.seq();
                if head.head.directory != *id || !(later || self.follows(head)) {
                    return Err(VdriveError::Corrupt);
                }
                self.pending.removed.extend(removed);
                self.pend(rows, rows_at)?;
                self.settle(head)?;
            }
            Record::Whole { head, known_since, recent } => {
                if head.head.directory != *id || self.head.is_some() {
                    return Err(VdriveError::Corrupt);
                }
                self.settle(head)?;
                self.recent = recent.iter().copied().collect();
                self.known_since = *known_since;
            }
            Record::Lease { renew, cancel, end } => {
                if !self.pending.rows.is_empty() || !self.pending.removed.is_empty() {
                    return Err(VdriveError::Corrupt);
                }
                self.note_lease(*renew, Lease { cancel: *cancel, end: *end });
            }
        }
        Ok(())
    }

    /// A lease as it is now; one that ends at 0 is no more.
    pub fn note_lease(&mut self, renew: Hash, lease: Lease) {
        match lease.end {
            0 => self.leases.remove(&renew),
            _ => self.leases.insert(renew, lease),
        };
    }

    fn pend(&mut self, rows: &Bytes, at: u64) -> Result<()> {
        let mut rest = rows.clone();
        while !rest.is_empty() {
            let offset = at + (rows.len() - rest.len()) as u64;
            let row = Row::take(&mut rest).map_err(|_| VdriveError::Corrupt)?;
            let place = Place { offset, len: row.encoded_len() as u32, seq: row.seq };
            self.pending.rows.push((row.id, place, row.hash()));
        }
        Ok(())
    }

    fn settle(&mut self, head: &SignedHead) -> Result<()> {
        let Pending { rows, removed } = std::mem::take(&mut self.pending);
        let put = rows.iter().map(|(id, _, hash)| (*id, *hash));
        let mut trie = std::mem::take(&mut self.trie);
        trie.change(put, &removed).map_err(|_| VdriveError::Corrupt)?;
        let places = rows.into_iter().map(|(id, place, _)| (id, place));
        self.gap = false;
        self.apply(head, trie, places, removed);
        Ok(())
    }

    /// The directory after a change that is in the log.
    pub fn apply(
        &mut self,
        head: &SignedHead,
        trie: Trie,
        places: impl IntoIterator<Item = (RowId, Place)>,
        removed: impl IntoIterator<Item = RowId>,
    ) {
        self.trie = trie;
        for (id, place) in places {
            self.live += u64::from(place.len);
            let before = self.rows.insert(id, place);
            self.live -= before.map_or(0, |place| u64::from(place.len));
        }
        for id in removed {
            let before = self.rows.remove(&id);
            self.live -= before.map_or(0, |place| u64::from(place.len));
            self.removals.push_back((head.head.seq, id));
        }
        while self.removals.len() > REMOVALS_KEPT {
            self.known_since = self.removals.pop_front().map_or(self.known_since, |(seq, _)| seq);
        }
        self.recent.push_back(head.head.change);
        if self.recent.len() > RECENT_CHANGES {
            self.recent.pop_front();
        }
        self.head = Some(*head);
    }

    /// Drops rows that no head came to cover.
    pub fn forget_pending(&mut self) {
        self.pending = Pending::default();
    }

    /// Whether head, rows and trie belong together.
    pub fn is_sound(&self, facts: &Facts) -> bool {
        self.head.is_some_and(|signed| {
            signed.head.rows == self.rows.len() as u64
                && signed.head.root == self.trie.root()
                && signed.verify(&facts.verify_key)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stays_as_small_as_can_be_listed() {
        const MOST: u64 = DIRECTORY_ROOM_MAX;
        for (live, gone, put, fits) in [
            (0, 0, MOST - 1, true),
            (0, 0, MOST, true),
            (0, 0, MOST + 1, false),
            (MOST, 10, 10, true),
            (MOST, 10, 11, false),
            (MOST - 1, 10, 11, true),
            (2 * MOST, 10, 9, true),
            (2 * MOST, 0, 1, false),
            (MOST, 0, u64::MAX, false),
        ] {
            assert_eq!(has_room(live, gone, put), fits, "{live} {gone} {put}");
        }
    }
}
