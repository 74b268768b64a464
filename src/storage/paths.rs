//! Where things are in a storage directory (`docs/spec/formats-immutable.md` §13).
//!
//! ```text
//! shares/ab/SI/NUM               a share; ab = the first two characters of SI in base32
//! shares/incoming/ab/SI/NUM      a share that is being written; emptied at start
//! shares/incoming/SI-NUM         one that comes whole, for the moment until it is in its place
//! corruption-advisories/         what clients reported, one file each
//! quarantine/SI-NUM              share files that are not what they should be
//! lease.journal                  changes of leases under way
//! index/, index.clean            rebuildable from the shares
//! clock                          what is known of time
//! leases.over                    buckets whose leases the last collection found over
//! scrub.json                     how far the shares were read, and which are damaged
//! ```

use super::journal::record::Key;
use crate::base::ids::{ShareNum, StorageIndex};
use crate::disk::kv::Place;
use std::path::{Path, PathBuf};

/// A storage directory.
#[derive(Clone, Debug)]
pub struct Paths(pub PathBuf);

/// Folders above an `incoming` share: `incoming`, prefix, SI.
pub(super) const INCOMING_DEPTH: u32 = 3;

fn prefix(si: &str) -> &str {
    si.get(..2).unwrap_or(si)
}

/// The path of a bucket below `shares/`, `ab/SI`.
pub fn bucket_path(si: &StorageIndex) -> PathBuf {
    let si = si.to_string();
    Path::new(prefix(&si)).join(&si)
}

/// The share that a file of a bucket holds, going by its name.
pub fn share_number(name: &str) -> Option<ShareNum> {
    let number: u8 = name.parse().ok()?;
    (number.to_string() == name).then_some(ShareNum(number))
}

impl Paths {
    pub fn shares(&self) -> PathBuf {
        self.0.join("shares")
    }

    pub fn incoming(&self) -> PathBuf {
        self.shares().join("incoming")
    }

    pub fn bucket(&self, si: &StorageIndex) -> PathBuf {
        self.shares().join(bucket_path(si))
    }

    pub fn share(&self, (si, num): &Key) -> PathBuf {
        self.bucket(si).join(num.to_string())
    }

    pub fn incoming_share(&self, (si, num): &Key) -> PathBuf {
        self.incoming().join(bucket_path(si)).join(num.to_string())
    }

    /// Making and removing folders for each was a tenth of the work for a small share.
    pub fn incoming_whole(&self, (si, num): &Key) -> PathBuf {
        self.incoming().join(format!("{si}-{num}"))
    }

    pub fn journal(&self) -> PathBuf {
        self.0.join("lease.journal")
    }

    pub fn quarantine(&self) -> PathBuf {
        self.0.join("quarantine")
    }

    pub fn advisories(&self) -> PathBuf {
        self.0.join("corruption-advisories")
    }

    pub fn index(&self) -> Place {
        Place { folder: self.0.join("index"), marker: self.0.join("index.clean") }
    }

    pub fn clock(&self) -> PathBuf {
        self.0.join("clock")
    }

    pub fn scrub(&self) -> PathBuf {
        self.0.join("scrub.json")
    }

    pub fn over(&self) -> PathBuf {
        self.0.join("leases.over")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_share_numbers_name_shares() {
        assert_eq!(share_number("0"), Some(ShareNum(0)));
        assert_eq!(share_number("255"), Some(ShareNum(255)));
        for name in ["", "256", "00", "01", "+1", "-1", "1.tmp", "x", "１"] {
            assert_eq!(share_number(name), None, "{name}");
        }
    }
}
