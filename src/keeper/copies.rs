//! Which directory is in which copy: a line each in the node's file `private/copies`, the last one of a
//! directory counting.
//!
//! ```text
//! line = directory " " version " " hash of its head " " taken " " rounds " " cap "\n"
//! ```
//! Hashes in base32; when it was taken, in seconds since 1970; and in how many rounds since then that saw
//! everything the directory was not among what is kept. A cap of a copy gives no more than the directory's
//! server has: rows that only its readers open. Lines that make no sense are passed over; the directories
//! are copied anew.

use crate::base::base32;
use crate::base::limits::{KEEP_COPIES_MAX, KEEP_COPY_ROUNDS};
use crate::cap::Cap;
use crate::grid::dirnode::Snapshot;
use crate::vdrive::format::DirectoryId;
use std::collections::HashMap;

/// In a node's directory.
pub const FILE: &str = "private/copies";

/// What is known of one directory.
#[derive(Debug, Clone, PartialEq)]
pub struct Copied {
    pub snapshot: Snapshot,
    /// When the copy was made, in seconds since 1970.
    pub taken: u64,
    /// Rounds that saw everything that is kept, and not this.
    pub unmet: u32,
    /// This round has seen it.
    pub met: bool,
}

/// All copies.
#[derive(Debug, Default)]
pub struct Copies(HashMap<DirectoryId, Copied>);

impl Copies {
    pub fn parse(text: &str) -> Self {
        let mut copies = Self::default();
        for (id, copied) in text.lines().filter_map(parse_line) {
            copies.put(id, copied);
        }
        copies
    }

    /// A line each.
    pub fn text(&self) -> String {
        self.0.iter().map(|(id, copied)| line(id, copied) + "\n").collect()
    }

    pub fn get(&self, id: &DirectoryId) -> Option<&Copied> {
        self.0.get(id)
    }

    /// Whether there is one of it, or room for one.
    pub fn takes(&self, id: &DirectoryId) -> bool {
        self.0.len() < KEEP_COPIES_MAX || self.0.contains_key(id)
    }

    /// A new copy; the one before. Beyond [`KEEP_COPIES_MAX`] nothing is noted.
    pub fn put(&mut self, id: DirectoryId, copied: Copied) -> Option<Copied> {
        if self.takes(&id) { self.0.insert(id, copied) } else { None }
    }

    /// The directory is still kept.
    pub fn met(&mut self, id: &DirectoryId) {
        if let Some(copied) = self.0.get_mut(id) {
            (copied.unmet, copied.met) = (0, true);
        }
    }

    /// Those that this round has not seen.
    pub fn unmet(&self) -> Vec<(DirectoryId, Cap)> {
        let unmet = self.0.iter().filter(|(_, copied)| !copied.met);
        unmet.map(|(id, copied)| (*id, copied.snapshot.cap.clone())).collect()
    }

    /// A round is over, and `saw_all` that is kept; takes out those that very many such rounds have not
    /// seen.
    pub fn round_over(&mut self, saw_all: bool) -> Vec<Copied> {
        for copied in self.0.values_mut() {
            copied.unmet += u32::from(saw_all && !copied.met);
            copied.met = false;
        }
        let gone = self.0.extract_if(|_, copied| copied.unmet > KEEP_COPY_ROUNDS);
        gone.map(|(_, copied)| copied).collect()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What is written of a copy.
pub fn line(id: &DirectoryId, Copied { snapshot, taken, unmet, .. }: &Copied) -> String {
    let Snapshot { seq, head, cap } = snapshot;
    let [id, head] = [id, head].map(|hash| base32::encode(hash));
    format!("{id} {seq} {head} {taken} {unmet} {}", cap.reveal())
}

fn parse_line(line: &str) -> Option<(DirectoryId, Copied)> {
    let mut words = line.split(' ');
    let mut word = || words.next();
    let id = base32::decode_array(word()?).ok()?;
    let (seq, head) = (word()?.parse().ok()?, base32::decode_array(word()?).ok()?);
    let (taken, unmet) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let cap = Cap::parse(word()?).ok().filter(|_| words.next().is_none())?;
    Some((id, Copied { snapshot: Snapshot { seq, head, cap }, taken, unmet, met: false }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(seq: u64) -> Copied {
        let cap = Cap::parse("URI:LIT:me").unwrap();
        let snapshot = Snapshot { seq, head: [7; 32], cap };
        Copied { snapshot, taken: 5, unmet: 9, met: false }
    }

    #[test]
    fn what_is_written_is_read_and_the_last_line_counts() {
        let (one, two) = ([1; 32], [2; 32]);
        let text = [line(&one, &copied(1)), line(&two, &copied(3)), line(&one, &copied(2))];
        let text = text.join("\n");
        let copies = Copies::parse(&format!("nonsense\n\n{text}\n{}", &text[..40]));
        assert_eq!(copies.get(&one), Some(&copied(2)));
        assert_eq!(copies.get(&two), Some(&copied(3)));
        let again = Copies::parse(&copies.text());
        assert_eq!((again.count(), again.get(&one)), (2, copies.get(&one)));
    }

    #[test]
    fn no_cut_of_a_line_is_another_line() {
        let whole = line(&[1; 32], &copied(12));
        for len in 0..whole.len() {
            // A shorter cap may be one; it names another file, which proves nothing.
            let found = parse_line(&whole[..len]);
            assert!(
                found.is_none_or(|(_, cut)| cut.snapshot.cap != copied(12).snapshot.cap),
                "{len}"
            );
        }
    }

    #[test]
    fn what_no_round_meets_goes_at_last_and_only_rounds_that_saw_everything_count() {
        let mut copies = Copies::default();
        for id in [[1; 32], [2; 32]] {
            copies.put(id, Copied { unmet: 0, ..copied(1) });
        }
        for _ in 0..KEEP_COPY_ROUNDS {
            copies.met(&[2; 32]);
            assert_eq!(copies.unmet().len(), 1);
            assert_eq!(copies.round_over(true), []);
            assert_eq!(copies.unmet().len(), 2, "another round");
            assert_eq!(copies.round_over(false), []);
        }
        assert_eq!(copies.round_over(true).len(), 1);
        assert_eq!(copies.unmet().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [[2; 32]]);
    }
}
