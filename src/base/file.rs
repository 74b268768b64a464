//! What capabilities and shares both say of an immutable file: its key, its share counts, and the
//! facts that a holder may check shares against.

use super::hash::{Hash, pair, tagged, truncated};
use super::limits::SHARES_MAX;
use super::{ShareNum, StorageIndex};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// Tag of the hash from a file's key to its storage index.
pub const STORAGE_INDEX_TAG: &[u8] = b"allmydata_immutable_key_to_storage_index_v1";

/// Tag of the hash from a file's storage index and UEB to the index of its proven shares.
pub const PROVEN_INDEX_TAG: &[u8] = b"allmydata_proven_share_to_storage_index_v1";

/// Where a file's shares are kept on servers that have something else under its own storage index:
/// only they belong there, as anybody can tell by their UEB's hash.
pub fn proven_index(index: &StorageIndex, ueb_hash: &Hash) -> StorageIndex {
    StorageIndex(truncated(pair(PROVEN_INDEX_TAG, &index.0, ueb_hash)))
}

/// `needed` of `total` shares: `1 <= needed <= total <= 256`.
///
/// Happiness is not part of it: it says when an upload may stop, not what the shares are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Params {
    needed: u16,
    total: u16,
}

/// Share counts that no file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{needed} of {total} shares is impossible: 1 <= needed <= total <= 256")]
pub struct BadParams {
    pub needed: u64,
    pub total: u64,
}

impl Params {
    pub fn new(needed: u64, total: u64) -> Result<Self, BadParams> {
        if needed < 1 || needed > total || total > SHARES_MAX as u64 {
            return Err(BadParams { needed, total });
        }
        Ok(Self { needed: needed as u16, total: total as u16 })
    }

    /// Shares that suffice to rebuild the file (k).
    pub const fn needed(self) -> usize {
        self.needed as usize
    }

    /// Shares that exist in all (N).
    pub const fn total(self) -> usize {
        self.total as usize
    }

    /// Every share number of the file, ascending.
    pub fn shares(self) -> impl DoubleEndedIterator<Item = ShareNum> + ExactSizeIterator {
        (0..self.total).map(|number| ShareNum(number as u8))
    }

    /// Whether the file has a share of that number.
    pub const fn has(self, share: ShareNum) -> bool {
        (share.0 as u16) < self.total
    }
}

/// What a read cap or a verify cap says about a file's shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileFacts {
    pub params: Params,
    /// Bytes of the file.
    pub size: u64,
    /// Hash of the URI extension block, from which everything else is verified.
    pub ueb_hash: Hash,
}

/// The 16 bytes that read a file.
#[derive(Clone)]
pub struct FileKey([u8; 16]);

impl FileKey {
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes themselves, for a cipher or for writing a read cap.
    pub const fn reveal(&self) -> &[u8; 16] {
        &self.0
    }

    /// Where the file's shares are kept. One-way: the index does not give the key.
    pub fn storage_index(&self) -> StorageIndex {
        StorageIndex(truncated(tagged(STORAGE_INDEX_TAG, &self.0)))
    }
}

impl PartialEq for FileKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for FileKey {}

impl Drop for FileKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(…)")
    }
}

/// A number of decimal digits alone, as the formats write them; leading zeros pass.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}
