//! The layout of a share (`docs/spec/formats-immutable.md` §11).
//!
//! ```text
//! header │ data │ plaintext_hash_tree │ crypttext_hash_tree │ block_hashes │ share_hashes │ ueb
//!
//!                  v1        v2                              v1 (u32)  v2 (u64)
//! version          0x00 u32  0x00 u32     data at            0x0c      0x14
//! block size       0x04 u32  0x04 u64     plaintext tree at  0x10      0x1c
//! data size        0x08 u32  0x0c u64     crypttext tree at  0x14      0x24
//!                                         block hashes at    0x18      0x2c
//! UEB: u32 or u64 length, then bytes      share hashes at    0x1c      0x34
//!                                         UEB at             0x20      0x3c
//! ```
//! Offsets count from the start of the share. The region of the plaintext tree is all zeros.

use super::bytes_in::{BytesIn, Short};
use super::chain::chain_bytes;
use super::geometry::{BadGeometry, Geometry};
use super::ueb::ueb_len;

/// Bytes that any header fits in.
pub const HEADER_MAX: usize = 0x44;

/// The width of a share's header fields.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Version {
    /// 32-bit fields.
    V1,
    /// 64-bit fields.
    V2,
}

impl Version {
    /// Bytes of the header.
    pub const fn header_bytes(self) -> u64 {
        match self {
            Self::V1 => 0x24,
            Self::V2 => 0x44,
        }
    }

    /// Bytes of a field, the UEB's length among them.
    pub const fn word_bytes(self) -> u64 {
        match self {
            Self::V1 => 4,
            Self::V2 => 8,
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    fn word(self, bytes: &mut BytesIn<'_>) -> Result<u64, Short> {
        match self {
            Self::V1 => bytes.u32().map(u64::from),
            Self::V2 => bytes.u64(),
        }
    }

    /// The bytes of a field; the caller has chosen a version wide enough for the value.
    fn write_word(self, value: u64, out: &mut Vec<u8>) {
        match self {
            Self::V1 => out.extend_from_slice(&(value as u32).to_be_bytes()),
            Self::V2 => out.extend_from_slice(&value.to_be_bytes()),
        }
    }
}

/// Where each region of a share begins, counted from the start of the share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offsets {
    pub version: Version,
    pub data: u64,
    pub plaintext_tree: u64,
    pub crypttext_tree: u64,
    pub block_hashes: u64,
    pub share_hashes: u64,
    pub ueb: u64,
}

/// A header that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Written by a later program, perhaps; nothing says that it is damaged.
    #[error("the share has version {0}, which this program does not know")]
    Incompatible(u32),
    /// The share ends within its header.
    #[error("the share ends within its header")]
    Truncated,
}

impl From<Short> for BadHeader {
    fn from(_: Short) -> Self {
        Self::Truncated
    }
}

impl Offsets {
    /// Reads a header from the first bytes of a share. The offsets may be anything.
    pub fn parse(head: &[u8]) -> Result<Self, BadHeader> {
        let mut bytes = BytesIn::new(head);
        let version = match bytes.u32()? {
            1 => Version::V1,
            2 => Version::V2,
            other => return Err(BadHeader::Incompatible(other)),
        };
        let _block_size = version.word(&mut bytes)?;
        let _data_size = version.word(&mut bytes)?;
        Ok(Self {
            version,
            data: version.word(&mut bytes)?,
            plaintext_tree: version.word(&mut bytes)?,
            crypttext_tree: version.word(&mut bytes)?,
            block_hashes: version.word(&mut bytes)?,
            share_hashes: version.word(&mut bytes)?,
            ueb: version.word(&mut bytes)?,
        })
    }

    /// Splits the UEB region (its start, as many bytes as there are) into length and bytes. A length
    /// beyond the end of the share is cut short, as the original's readers do.
    pub fn split_ueb<'a>(&self, region: &'a [u8]) -> Result<(u64, &'a [u8]), Short> {
        let mut bytes = BytesIn::new(region);
        let len = self.version.word(&mut bytes)?;
        let rest = bytes.rest();
        let end = usize::try_from(len).map_or(rest.len(), |len| len.min(rest.len()));
        Ok((len, rest.get(..end).unwrap_or(rest)))
    }
}

/// The layout of a share to be written; all shares of a file have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    offsets: Offsets,
    block_size: u64,
    data_size: u64,
    ueb_len: u64,
}

impl Layout {
    /// Version 1 where its fields suffice, else version 2; `at_least` forces the wider one.
    pub fn plan(geometry: &Geometry, at_least: Version) -> Result<Self, BadGeometry> {
        let narrow = Self::with_version(geometry, Version::V1)?;
        let limit = u64::from(u32::MAX);
        let fits = [narrow.block_size, narrow.data_size, narrow.offsets.ueb];
        if at_least == Version::V2 || fits.iter().any(|value| *value > limit) {
            return Self::with_version(geometry, Version::V2);
        }
        Ok(narrow)
    }

    fn with_version(geometry: &Geometry, version: Version) -> Result<Self, BadGeometry> {
        let add = |at: u64, len: u64| at.checked_add(len).ok_or(BadGeometry::Overflow);
        let tree = geometry.tree_bytes();
        let data = version.header_bytes();
        let plaintext_tree = add(data, geometry.share_data())?;
        let crypttext_tree = add(plaintext_tree, tree)?;
        let block_hashes = add(crypttext_tree, tree)?;
        let share_hashes = add(block_hashes, tree)?;
        let ueb = add(share_hashes, chain_bytes(geometry.params()))?;
        let ueb_len = ueb_len(geometry) as u64;
        add(ueb, version.word_bytes() + ueb_len)?;
        Ok(Self {
            offsets: Offsets {
                version,
                data,
                plaintext_tree,
                crypttext_tree,
                block_hashes,
                share_hashes,
                ueb,
            },
            block_size: geometry.block_size(),
            data_size: geometry.share_data(),
            ueb_len,
        })
    }

    pub const fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Bytes of the UEB without its length.
    pub const fn ueb_len(&self) -> u64 {
        self.ueb_len
    }

    /// Bytes of the whole share: what an allocation asks for.
    pub const fn share_len(&self) -> u64 {
        self.offsets.ueb + self.offsets.version.word_bytes() + self.ueb_len
    }

    /// The header, the same in every share.
    pub fn header(&self) -> Vec<u8> {
        let Offsets { version, data, plaintext_tree, crypttext_tree, .. } = self.offsets;
        let Offsets { block_hashes, share_hashes, ueb, .. } = self.offsets;
        let mut out = Vec::with_capacity(HEADER_MAX);
        out.extend_from_slice(&version.number().to_be_bytes());
        for value in [self.block_size, self.data_size, data, plaintext_tree] {
            version.write_word(value, &mut out);
        }
        for value in [crypttext_tree, block_hashes, share_hashes, ueb] {
            version.write_word(value, &mut out);
        }
        out
    }

    /// The UEB region: length and bytes.
    pub fn ueb_region(&self, ueb: &[u8], out: &mut Vec<u8>) {
        self.offsets.version.write_word(ueb.len() as u64, out);
        out.extend_from_slice(ueb);
    }
}
