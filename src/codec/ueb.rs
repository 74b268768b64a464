//! The URI extension block: what a cap's hash vouches for (`docs/spec/formats-immutable.md` §10).
//!
//! ```text
//! ueb = for every key in ascending order:  key ‖ ":" ‖ netstring(value)
//! ```
//! A reader believes three values of it: the segment size and two root hashes. All others follow
//! from these and the cap, and only a verifier compares them.

use super::bytes_in::{BytesIn, Short};
use super::geometry::{BadGeometry, Geometry};
use super::tags;
use crate::base::file::{FileFacts, Params, decimal};
use crate::base::hash::{Hash, netstring, tagged};
use crate::base::limits::UEB_MAX;
use std::collections::BTreeMap;

/// The hashes that only an encoder knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UebHashes {
    pub crypttext: Hash,
    pub crypttext_root: Hash,
    pub share_root: Hash,
}

/// Bytes that are not a URI extension block of this file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUeb {
    /// Longer than any that was ever written.
    #[error("the URI extension block is absurdly long")]
    TooLong,
    /// Not the block that the cap names.
    #[error("the URI extension block is not the one that the cap names")]
    Hash,
    /// The cap's author wrote something else than the format.
    #[error("the URI extension block does not follow the format")]
    Malformed,
    /// The segment size does not fit the cap.
    #[error(transparent)]
    Geometry(#[from] BadGeometry),
    /// A redundant value contradicts the cap.
    #[error("the URI extension block contradicts the cap")]
    Contradiction,
}

impl From<Short> for BadUeb {
    fn from(_: Short) -> Self {
        Self::Malformed
    }
}

/// Writes the block.
pub fn write_ueb(geometry: &Geometry, hashes: &UebHashes) -> Vec<u8> {
    let mut out = Vec::with_capacity(400);
    let mut values = redundant(geometry);
    values.append(&mut own(geometry, hashes));
    for (key, value) in values {
        out.extend_from_slice(key.as_bytes());
        out.push(b':');
        out.extend_from_slice(&netstring(&value));
    }
    out
}

/// Bytes of the block, known before anything is hashed.
pub fn ueb_len(geometry: &Geometry) -> usize {
    write_ueb(geometry, &UebHashes::default()).len()
}

/// The hash of a block, as caps carry it.
pub fn ueb_hash(ueb: &[u8]) -> Hash {
    tagged(tags::UEB, ueb)
}

fn own(geometry: &Geometry, hashes: &UebHashes) -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("crypttext_hash", hashes.crypttext.to_vec()),
        ("crypttext_root_hash", hashes.crypttext_root.to_vec()),
        ("segment_size", geometry.segment_size().to_string().into_bytes()),
        ("share_root_hash", hashes.share_root.to_vec()),
    ])
}

/// What a verifier compares.
fn redundant(geometry: &Geometry) -> BTreeMap<&'static str, Vec<u8>> {
    let (k, n) = (geometry.params().needed(), geometry.params().total());
    let codec = |size: u64| format!("{size}-{k}-{n}").into_bytes();
    BTreeMap::from([
        ("codec_name", b"crs".to_vec()),
        ("codec_params", codec(geometry.segment_size())),
        ("needed_shares", k.to_string().into_bytes()),
        ("num_segments", geometry.segments().to_string().into_bytes()),
        ("size", geometry.size().to_string().into_bytes()),
        ("tail_codec_params", codec(geometry.tail_padded())),
        ("total_shares", n.to_string().into_bytes()),
    ])
}

/// The values of a block that has the right hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ueb {
    /// Exact bytes of a segment, not yet compared with anything.
    pub segment_size: u64,
    pub crypttext_root: Hash,
    pub share_root: Hash,
    values: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Ueb {
    /// Takes a block whose hash the cap gives.
    pub fn parse(ueb: &[u8], hash: &Hash) -> Result<Self, BadUeb> {
        if ueb.len() >= UEB_MAX {
            return Err(BadUeb::TooLong);
        }
        if ueb_hash(ueb) != *hash {
            return Err(BadUeb::Hash);
        }
        Self::parse_unproven(ueb)
    }

    /// Takes a block that nobody vouches for.
    pub fn parse_unproven(ueb: &[u8]) -> Result<Self, BadUeb> {
        let values = values(ueb)?;
        let hash = |key: &str| -> Result<Hash, BadUeb> {
            let value = values.get(key.as_bytes()).ok_or(BadUeb::Malformed)?;
            value.as_slice().try_into().map_err(|_| BadUeb::Malformed)
        };
        let segment_size = values.get(b"segment_size".as_slice()).and_then(|text| decimal(text));
        Ok(Self {
            segment_size: segment_size.ok_or(BadUeb::Malformed)?,
            crypttext_root: hash("crypttext_root_hash")?,
            share_root: hash("share_root_hash")?,
            values,
        })
    }

    /// What it says of its file, if it says all of it; `hash` is the block's own.
    pub fn facts(&self, hash: Hash) -> Option<FileFacts> {
        let number = |key: &str| self.values.get(key.as_bytes()).and_then(|text| decimal(text));
        let params = Params::new(number("needed_shares")?, number("total_shares")?).ok()?;
        Some(FileFacts { params, size: number("size")?, ueb_hash: hash })
    }

    /// Whether it tells of another size or encoding than `params` and `size`; a reader may read on,
    /// but if that fails this is why.
    pub fn contradicts(&self, params: Params, size: u64) -> bool {
        let numbers = [
            ("needed_shares", params.needed() as u64),
            ("total_shares", params.total() as u64),
            ("size", size),
        ];
        numbers.iter().any(|(key, value)| {
            let found = self.values.get(key.as_bytes()).and_then(|text| decimal(text));
            found.is_some_and(|found| found != *value)
        })
    }

    /// The verifier's duty: every redundant value that is there must agree.
    pub fn check_redundant(&self, geometry: &Geometry) -> Result<(), BadUeb> {
        for (key, value) in redundant(geometry) {
            if self.values.get(key.as_bytes()).is_some_and(|found| *found != value) {
                return Err(BadUeb::Contradiction);
            }
        }
        Ok(())
    }

    /// Every key and value, for people to look at.
    pub fn values(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.values.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }
}

fn values(ueb: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, BadUeb> {
    let mut bytes = BytesIn::new(ueb);
    let mut values = BTreeMap::new();
    while !bytes.is_empty() {
        let key = bytes.until(b':')?;
        let len = decimal(bytes.until(b':')?).ok_or(BadUeb::Malformed)?;
        let value = bytes.take(usize::try_from(len).map_err(|_| BadUeb::Malformed)?)?;
        if bytes.take(1)? != b"," {
            return Err(BadUeb::Malformed);
        }
        values.insert(key.to_vec(), value.to_vec());
    }
    Ok(values)
}
