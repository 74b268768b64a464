//! What the keeper knows from one start to the next, as JSON in the node's folder. It may be lost: the next
//! round then begins anew, and what is short is waited for once more.

use crate::base::StorageIndex;
use crate::base::limits::{KEEP_SHORT_MAX, KEEP_TROUBLES_MAX, KEEPER_RECORD_MAX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a round came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figures {
    /// Files, and immutable directories, that are in shares.
    pub files: u64,
    /// Directories on vdrive servers.
    pub directories: u64,
    /// Files of which all shares were read.
    pub verified: u64,
    /// Files that have all their shares, now.
    pub whole: u64,
    /// Files that lack shares, and are waited for.
    pub waiting: u64,
    /// Files that were made whole.
    pub repaired: u64,
    /// Files that lack shares although they were repaired.
    pub partly: u64,
    /// Files of which too few shares are there.
    pub lost: u64,
    /// Directories that could not be read, or not wholly.
    pub unread: u64,
    /// Shares that were read and are not good.
    pub corrupt: u64,
    /// How many servers may fail, whichever they are, and each file that is not lost can still be read.
    pub spare_servers: Option<u64>,
}

/// A file or directory that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// `private`, `global` or a storage index, and the names below it.
    pub path: Vec<String>,
    pub why: String,
}

/// A round.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Round {
    /// Seconds since 1970.
    pub started: u64,
    /// None while it is under way.
    pub finished: Option<u64>,
    /// Which of what is kept is under way, and how many things were reached below it.
    pub at: (u64, u64),
    pub figures: Figures,
    pub troubles: Vec<Trouble>,
    /// How many more there were.
    pub more_troubles: u64,
}

impl Round {
    pub fn begun(started: u64) -> Self {
        Self { started, ..Self::default() }
    }

    pub fn trouble(&mut self, path: Vec<String>, why: String) {
        if self.troubles.len() < KEEP_TROUBLES_MAX {
            self.troubles.push(Trouble { path, why });
        } else {
            self.more_troubles += 1;
        }
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub paused: bool,
    pub round: Option<Round>,
    pub last: Option<Round>,
    /// Since when files lack shares, by storage index.
    short: BTreeMap<String, u64>,
}

impl Record {
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None of what is no such record.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let short = bytes.len() as u64 <= KEEPER_RECORD_MAX;
        short.then(|| serde_json::from_slice(bytes).ok())?
    }

    /// Since when a file lacks shares, as far as is known.
    pub fn short_since(&self, si: &StorageIndex) -> Option<u64> {
        self.short.get(&si.to_string()).copied()
    }

    /// A file lacks shares, or does not.
    pub fn note_short(&mut self, si: &StorageIndex, short: bool, now: u64) {
        if !short {
            self.short.remove(&si.to_string());
        } else if self.short.len() < KEEP_SHORT_MAX {
            self.short.entry(si.to_string()).or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_no_cut_of_it() {
        let mut record = Record::default();
        let mut round = Round::begun(7);
        round.trouble(vec!["private".to_owned(), "a".to_owned()], "gone".to_owned());
        record.round = Some(round);
        let si = StorageIndex([3; 16]);
        record.note_short(&si, true, 9);
        record.note_short(&si, true, 10);
        let bytes = record.to_bytes();
        let again = Record::from_bytes(&bytes).unwrap();
        assert_eq!((&again, again.short_since(&si)), (&record, Some(9)));
        assert!((0..bytes.len()).all(|len| Record::from_bytes(&bytes[..len]).is_none()));
        record.note_short(&si, false, 11);
        assert_eq!(record.short_since(&si), None);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let (mut round, mut record) = (Round::default(), Record::default());
        for n in 0..=KEEP_TROUBLES_MAX {
            round.trouble(vec![n.to_string()], String::new());
        }
        assert_eq!((round.troubles.len(), round.more_troubles), (KEEP_TROUBLES_MAX, 1));
        for n in 0..=KEEP_SHORT_MAX as u128 {
            record.note_short(&StorageIndex(n.to_be_bytes()), true, u64::MAX);
        }
        assert_eq!(record.short.len(), KEEP_SHORT_MAX);
        assert!((record.to_bytes().len() as u64) < KEEPER_RECORD_MAX / 2);
    }
}
