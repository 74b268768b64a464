//! Capabilities to directories that a vdrive server keeps.
//!
//! ```text
//! write    URI:DIR:<tub>@<hints>:<write key>
//! read     URI:DIR-RO:<tub>@<hints>:<read key>:<SHA-256 of the verify key>
//! verify   URI:DIR-Verifier:<tub>@<hints>:<directory id>:<SHA-256 of the verify key>
//!
//! write key ─┬─► read key ──┬─► rows: names, read caps, metadata       (grid::dirnode)
//!            │              └─► directory id, with the verify hash ──► swissnum of the read facet
//!            ├─► signing seed ─► verify key ─► verify hash
//!            └─► swissnum of the write facet
//! ```
//! Each arrow is a one-way hash, so authority only shrinks, and offline. The verify hash stands in
//! the read cap: who signs for a directory is known to its readers without asking its server. Tub
//! and keys are fixed-length base32; the hints between them are advice on where the tub may be
//! reached, and carry no authority.

use super::parse::Constraint;
use super::{CapError, Right};
use crate::base::base32;
use crate::base::hash::{Hash, Tagged, sha256, tagged};
use crate::base::limits::{FURL_TEXT_MAX, HINTS_MAX};
use crate::base::secret::Secret;
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;

const DIR: &str = "URI:DIR:";
const DIR_RO: &str = "URI:DIR-RO:";
const DIR_VERIFIER: &str = "URI:DIR-Verifier:";

/// A capability of a directory that a vdrive server keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VdriveCap {
    Write(DirCap),
    Read(DirReadCap),
    Verify(DirVerifyCap),
}

/// Marks a [`Secret`] as the key that changes a directory.
pub enum DirWrite {}
/// Marks a [`Secret`] as the key that reads a directory.
pub enum DirRead {}
/// Marks a [`Secret`] as the seed of the key that signs a directory's heads.
pub enum DirSign {}

pub type DirWriteKey = Secret<DirWrite>;
pub type DirReadKey = Secret<DirRead>;
pub type DirSigningSeed = Secret<DirSign>;

const READ_KEY_TAG: &[u8] = b"tahoe_vdrive_write_key_to_read_key_v1";
const SIGNING_SEED_TAG: &[u8] = b"tahoe_vdrive_write_key_to_signing_seed_v1";
const WRITE_FACET_TAG: &[u8] = b"tahoe_vdrive_write_key_to_write_facet_v1";
const DIRECTORY_ID_TAG: &[u8] = b"tahoe_vdrive_read_key_to_directory_id_v1";
const READ_FACET_TAG: &[u8] = b"tahoe_vdrive_directory_id_to_read_facet_v1";

/// Which tub keeps a directory, and where that tub was reached when the cap was made.
#[derive(Clone, PartialEq, Eq)]
pub struct DirPlace {
    tub: [u8; 32],
    hints: String,
}

/// Changes and reads a directory.
#[derive(Clone, PartialEq, Eq)]
pub struct DirCap {
    place: DirPlace,
    key: DirWriteKey,
}

/// Reads a directory, and everything below it that it leads to.
#[derive(Clone, PartialEq, Eq)]
pub struct DirReadCap {
    place: DirPlace,
    key: DirReadKey,
    verify_hash: Hash,
}

/// Finds a directory, checks its signatures and renews its leases; reads nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct DirVerifyCap {
    place: DirPlace,
    id: [u8; 32],
    verify_hash: Hash,
}

impl DirPlace {
    /// A place, if `hints` can stand in a cap: comma-separated `type:address`, printable and
    /// without `/` or `@`; or empty.
    pub fn new(tub: [u8; 32], hints: impl Into<String>) -> Option<Self> {
        let hints = hints.into();
        let plain = |c: char| c.is_ascii_graphic() && !"/@?#\"\\<>".contains(c);
        let sound = hints.is_empty()
            || (hints.len() <= FURL_TEXT_MAX
                && hints.split(',').count() <= HINTS_MAX
                && hints.split(',').all(|hint| hint.contains(':') && hint.chars().all(plain)));
        sound.then_some(Self { tub, hints })
    }

    /// The public key of the tub.
    pub const fn tub(&self) -> &[u8; 32] {
        &self.tub
    }

    /// As in a furl; may be empty.
    pub fn hints(&self) -> &str {
        &self.hints
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (tub, hints) = text.split_once('@')?;
        Self::new(base32::decode_array(tub).ok()?, hints)
    }

    fn text(&self) -> String {
        format!("{}@{}", base32::encode(&self.tub), self.hints)
    }
}

impl VdriveCap {
    /// Some if the text is of such a kind, and the cap if it is whole and may stand there.
    pub(super) fn parse(text: &str, constraint: Constraint) -> Option<Result<Self, CapError>> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let whole = |cap: Option<Self>| cap.ok_or(CapError::Malformed);
        if let Some(body) = text.strip_prefix(DIR) {
            let parse = |()| whole(DirCap::parse(body).map(Self::Write));
            return Some(constraint.writable().and_then(parse));
        }
        if let Some(body) = text.strip_prefix(DIR_RO) {
            let parse = |()| whole(DirReadCap::parse(body).map(Self::Read));
            return Some(constraint.mutable().and_then(parse));
        }
        let body = text.strip_prefix(DIR_VERIFIER)?;
        Some(whole(DirVerifyCap::parse(body).map(Self::Verify)))
    }

    pub(super) fn reveal(&self) -> String {
        match self {
            Self::Write(cap) => cap.reveal(),
            Self::Read(cap) => cap.reveal(),
            Self::Verify(cap) => cap.reveal(),
        }
    }

    pub const fn right(&self) -> Right {
        match self {
            Self::Write(_) => Right::Write,
            Self::Read(_) => Right::Read,
            Self::Verify(_) => Right::Verify,
        }
    }

    /// Which tub keeps it.
    pub const fn place(&self) -> &DirPlace {
        match self {
            Self::Write(cap) => cap.place(),
            Self::Read(cap) => cap.place(),
            Self::Verify(cap) => cap.place(),
        }
    }

    /// The name under which the server keeps it.
    pub fn directory_id(&self) -> [u8; 32] {
        match self {
            Self::Write(cap) => cap.read_cap().directory_id(),
            Self::Read(cap) => cap.directory_id(),
            Self::Verify(cap) => *cap.directory_id(),
        }
    }

    /// Attenuates: the same without the authority to change it.
    #[must_use]
    pub fn read_cap(&self) -> Self {
        match self {
            Self::Write(cap) => Self::Read(cap.read_cap()),
            other => other.clone(),
        }
    }

    /// Attenuates to what checks it and does not read it.
    pub fn verify_cap(&self) -> DirVerifyCap {
        match self {
            Self::Write(cap) => cap.verify_cap(),
            Self::Read(cap) => cap.verify_cap(),
            Self::Verify(cap) => cap.clone(),
        }
    }
}

impl DirCap {
    pub const fn new(place: DirPlace, key: DirWriteKey) -> Self {
        Self { place, key }
    }

    pub const fn place(&self) -> &DirPlace {
        &self.place
    }

    pub const fn key(&self) -> &DirWriteKey {
        &self.key
    }

    /// Attenuates: the read cap of the same directory.
    pub fn read_cap(&self) -> DirReadCap {
        DirReadCap {
            place: self.place.clone(),
            key: Secret::new(tagged(READ_KEY_TAG, self.key.reveal())),
            verify_hash: sha256(&self.verify_key()),
        }
    }

    pub fn verify_cap(&self) -> DirVerifyCap {
        self.read_cap().verify_cap()
    }

    /// The seed of the Ed25519 key that signs the directory's heads.
    pub fn signing_seed(&self) -> DirSigningSeed {
        Secret::new(tagged(SIGNING_SEED_TAG, self.key.reveal()))
    }

    /// The public half of the key that signs the directory's heads.
    pub fn verify_key(&self) -> [u8; 32] {
        let pair = Ed25519KeyPair::from_seed_unchecked(self.signing_seed().reveal());
        // Any 32 bytes are a seed, so there always is a pair.
        let key = pair.ok().and_then(|pair| pair.public_key().as_ref().try_into().ok());
        key.unwrap_or_default()
    }

    /// The swissnum of the directory's write facet.
    pub fn write_facet(&self) -> [u8; 32] {
        tagged(WRITE_FACET_TAG, self.key.reveal())
    }

    pub fn reveal(&self) -> String {
        format!("{DIR}{}:{}", self.place.text(), base32::encode(self.key.reveal()))
    }

    pub(super) fn parse(body: &str) -> Option<Self> {
        let (place, key) = body.rsplit_once(':')?;
        let key = Secret::new(base32::decode_array(key).ok()?);
        Some(Self { place: DirPlace::parse(place)?, key })
    }
}

impl DirReadCap {
    pub const fn place(&self) -> &DirPlace {
        &self.place
    }

    pub const fn key(&self) -> &DirReadKey {
        &self.key
    }

    /// SHA-256 of the public key that signs the directory's heads.
    pub const fn verify_hash(&self) -> &Hash {
        &self.verify_hash
    }

    /// The name under which the server keeps the directory.
    pub fn directory_id(&self) -> [u8; 32] {
        let mut hasher = Tagged::new(DIRECTORY_ID_TAG);
        hasher.update(self.key.reveal());
        hasher.update(&self.verify_hash);
        hasher.finish()
    }

    /// Attenuates: the verify cap of the same directory.
    pub fn verify_cap(&self) -> DirVerifyCap {
        let Self { place, verify_hash, .. } = self;
        let (place, verify_hash) = (place.clone(), *verify_hash);
        DirVerifyCap { place, id: self.directory_id(), verify_hash }
    }

    pub fn reveal(&self) -> String {
        let (key, hash) = (base32::encode(self.key.reveal()), base32::encode(&self.verify_hash));
        format!("{DIR_RO}{}:{key}:{hash}", self.place.text())
    }

    pub(super) fn parse(body: &str) -> Option<Self> {
        let (place, key, verify_hash) = two_keys(body)?;
        Some(Self { place, key: Secret::new(key), verify_hash })
    }
}

impl DirVerifyCap {
    pub const fn place(&self) -> &DirPlace {
        &self.place
    }

    pub const fn verify_hash(&self) -> &Hash {
        &self.verify_hash
    }

    pub const fn directory_id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The swissnum of the directory's read facet.
    pub fn read_facet(&self) -> [u8; 32] {
        tagged(READ_FACET_TAG, &self.id)
    }

    pub fn reveal(&self) -> String {
        let (id, hash) = (base32::encode(&self.id), base32::encode(&self.verify_hash));
        format!("{DIR_VERIFIER}{}:{id}:{hash}", self.place.text())
    }

    pub(super) fn parse(body: &str) -> Option<Self> {
        let (place, id, verify_hash) = two_keys(body)?;
        Some(Self { place, id, verify_hash })
    }
}

/// From the right, as hints have colons of their own.
fn two_keys(body: &str) -> Option<(DirPlace, [u8; 32], Hash)> {
    let (body, hash) = body.rsplit_once(':')?;
    let (place, key) = body.rsplit_once(':')?;
    let (key, hash) = (base32::decode_array(key).ok()?, base32::decode_array(hash).ok()?);
    Some((DirPlace::parse(place)?, key, hash))
}

impl fmt::Debug for DirPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for DirCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirCap(at {:?})", self.place)
    }
}

impl fmt::Debug for DirReadCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirReadCap(at {:?})", self.place)
    }
}

impl fmt::Debug for DirVerifyCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirVerifyCap(at {:?})", self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Cap, CapError, VdriveCap};

    fn cap(hints: &str) -> DirCap {
        DirCap::new(DirPlace::new([3; 32], hints).unwrap(), Secret::new([7; 32]))
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        for hints in ["", "tcp:grid.example:3457", "tcp:[::1]:9,tcp:a:1", "loop:server"] {
            let write = cap(hints);
            let texts = [write.reveal(), write.read_cap().reveal(), write.verify_cap().reveal()];
            let caps = [
                Cap::Vdrive(VdriveCap::Write(write.clone())),
                Cap::Vdrive(VdriveCap::Read(write.read_cap())),
                Cap::Vdrive(VdriveCap::Verify(write.verify_cap())),
            ];
            for (text, cap) in texts.iter().zip(caps) {
                assert_eq!(Cap::parse(text).unwrap(), cap, "{text}");
                assert_eq!(Cap::parse(&format!("{text}\n")).unwrap(), cap, "{text}");
            }
        }
    }

    #[test]
    fn authority_only_shrinks() {
        let write = cap("tcp:h:1");
        let (read, verify) = (write.read_cap(), write.verify_cap());
        let key = |bytes: &[u8]| base32::encode(bytes);
        assert!(!read.reveal().contains(&key(write.key().reveal())));
        assert!(!verify.reveal().contains(&key(read.key().reveal())));
        assert_eq!(read.verify_cap(), verify);
        assert_eq!(read.directory_id(), *verify.directory_id());
        assert_ne!(write.write_facet(), verify.read_facet());
        assert_ne!(write.write_facet(), *write.signing_seed().reveal());
        assert_ne!(write.write_facet(), *read.key().reveal());
    }

    #[test]
    fn debug_shows_no_secret() {
        let write = cap("tcp:h:1");
        let shown = format!("{write:?} {:?} {:?}", write.read_cap(), write.verify_cap());
        for secret in [write.key().reveal(), write.read_cap().key().reveal()] {
            assert!(!shown.contains(&base32::encode(secret)), "{shown}");
        }
    }

    #[test]
    fn constraints_are_kept() {
        let write = cap("tcp:h:1");
        let (read, verify) = (write.read_cap().reveal(), write.verify_cap().reveal());
        let write = write.reveal();
        let cases = [
            (format!("ro.{write}"), false, Some(CapError::NotReadOnly)),
            (format!("imm.{write}"), false, Some(CapError::NotImmutable)),
            (write, true, Some(CapError::NotImmutable)),
            (format!("ro.{read}"), false, None),
            (format!("imm.{read}"), false, Some(CapError::NotImmutable)),
            (read, true, Some(CapError::NotImmutable)),
            (verify, true, None),
        ];
        for (text, deep_immutable, error) in cases {
            assert_eq!(Cap::parse_within(&text, deep_immutable).err(), error, "{text}");
        }
    }

    #[test]
    fn damaged_texts_are_malformed() {
        let good = cap("tcp:h:1").reveal();
        let bad = [
            good.replace("tcp:h:1", "tcp:h/1:1"),
            good.replace("tcp:h:1", "tcp"),
            good.replace("tcp:h:1", "tcp:h:1@"),
            good.replace("tcp:h:1", &"tcp:h:1,".repeat(17)),
            good.replace('@', ""),
            format!("{good}a"),
            good.replace("URI:DIR:", "URI:DIR-RO:"),
        ];
        for text in bad {
            assert_eq!(Cap::parse(&text), Err(CapError::Malformed), "{text}");
        }
    }
}
