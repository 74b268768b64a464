//! Names of things that services and clients both speak of.

use super::base32;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The 16 bytes under which a file's shares are kept. Derived from the read key by a one-way hash,
/// so a server that knows it can find shares and read nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StorageIndex(pub [u8; 16]);

impl StorageIndex {
    /// Parses the 26 canonical base32 characters of a bucket's folder name.
    pub fn from_base32(text: &str) -> Result<Self, base32::NotBase32> {
        base32::decode_array(text).map(Self)
    }
}

impl fmt::Display for StorageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32::encode(&self.0))
    }
}

impl fmt::Debug for StorageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SI({self})")
    }
}

/// Which of a file's N shares: 0..=255.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct ShareNum(pub u8);

impl fmt::Display for ShareNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
