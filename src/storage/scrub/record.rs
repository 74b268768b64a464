//! What is kept of scrubbing between two starts, as JSON in the storage directory.
//!
//! ```text
//! {"round": {"started": 1700000000, "at": "aeaq…", "shares": 12, "bytes": 34567, "damaged": 0,
//!            "unread": 0},
//!  "last": {"started": …, "finished": …, "shares": …, "bytes": …, "damaged": …, "unread": …},
//!  "condemned": [["aeaq…", 3]]}
//! ```
//! It may be lost: then the next round begins anew and finds again what is damaged.

use crate::base::ids::{ShareNum, StorageIndex};
use crate::base::limits::{CONDEMNED_MAX, SCRUB_RECORD_MAX};
use crate::storage::journal::record::Key;
use serde::{Deserialize, Serialize};

/// A round that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// Seconds since 1970.
    pub started: u64,
    /// The storage index of the bucket that was read last; before the first, nothing.
    pub at: String,
    pub shares: u64,
    /// Bytes of share data.
    pub bytes: u64,
    /// Shares whose own sums did not hold, or that could not be read.
    pub damaged: u64,
    /// Folders, or files in them, that could not be read at all.
    pub unread: u64,
}

/// A round that was finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrubbed {
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970.
    pub finished: u64,
    pub shares: u64,
    /// Bytes of share data.
    pub bytes: u64,
    /// Shares whose own sums did not hold, or that could not be read.
    pub damaged: u64,
    /// Folders, or files in them, that could not be read at all.
    pub unread: u64,
}

impl Round {
    pub fn finished(&self, now: u64) -> Scrubbed {
        let Self { started, shares, bytes, damaged, unread, .. } = *self;
        Scrubbed { started, finished: now, shares, bytes, damaged, unread }
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub round: Option<Round>,
    pub last: Option<Scrubbed>,
    condemned: Vec<(String, u8)>,
}

impl Record {
    pub fn new(round: Option<Round>, last: Option<Scrubbed>, condemned: &[Key]) -> Self {
        let condemned = condemned.iter().map(|(si, num)| (si.to_string(), num.0)).collect();
        Self { round, last, condemned }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// None of what is no such record, or longer than one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > SCRUB_RECORD_MAX {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }

    /// Shares that give way to sound ones.
    pub fn condemned(&self) -> impl Iterator<Item = Key> {
        let key =
            |(si, num): &(String, u8)| Some((StorageIndex::from_base32(si).ok()?, ShareNum(*num)));
        self.condemned.iter().filter_map(key).take(CONDEMNED_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_no_cut_of_it() {
        let round =
            Round { started: 7, at: "abc".to_owned(), shares: 1, bytes: 2, damaged: 3, unread: 4 };
        let key = (StorageIndex([9; 16]), ShareNum(4));
        let record = Record::new(Some(round.clone()), Some(round.finished(8)), &[key]);
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes), Some(record.clone()));
        assert_eq!(record.condemned().collect::<Vec<_>>(), [key]);
        for len in 0..bytes.len() {
            assert_eq!(Record::from_bytes(&bytes[..len]), None, "{len} bytes");
        }
        assert_eq!(Record::from_bytes(&vec![b' '; SCRUB_RECORD_MAX + 1]), None);
    }

    #[test]
    fn the_fullest_record_can_be_read_again() {
        let condemned = vec![(StorageIndex([255; 16]), ShareNum(255)); CONDEMNED_MAX];
        let record = Record::new(None, None, &condemned);
        assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
    }
}
