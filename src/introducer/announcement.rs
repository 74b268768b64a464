//! One node's signed statement: "I run this service, at this furl".
//!
//! ```text
//! announcement = "tahoe-announcement-1" ‖ key[32] ‖ sequence u64 BE
//!              ‖ field(service) ‖ field(furl) ‖ field(nickname) ‖ field(version)
//!              ‖ field(permutation seed) ‖ field(lease seed) ‖ signature[64]
//! field(x)     = len(x) u16 BE ‖ x
//! ```
//! The signature is Ed25519 by `key` over everything before it. The statement is believed only if
//! the Montgomery form of `key` is the tub id of the furl, so nobody can announce for another.

use crate::base::hash::sha256;
use crate::base::limits::{ANNOUNCEMENT_MAX, FURL_TEXT_MAX, NICKNAME_MAX};
use crate::tub::identity::verify;
use crate::tub::{Furl, Identity, TubId};
use std::fmt;

const MAGIC: &[u8] = b"tahoe-announcement-1";
const SIGNATURE_LEN: usize = 64;
/// Permutation seeds are 20 bytes (a 1.20 node's), 32 (ours) or whatever a node kept; no more.
const SEED_MAX: usize = 64;

/// Why an announcement is not believed. Always the announcer's (or introducer's) fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnnouncementError {
    #[error("the announcement is malformed")]
    Malformed,
    #[error("the announcement is too long")]
    TooLong,
    #[error("the announcement is not signed by the tub that it names")]
    NotSigned,
}

/// What a node says about one of its services.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields {
    /// Grows with every announcement of one tub; receivers keep the highest.
    pub sequence: u64,
    /// The kind of service, such as `storage`.
    pub service: String,
    /// Where to reach it. Whoever may read the list may use the service.
    pub furl: Furl,
    /// For people; nothing depends on it.
    pub nickname: String,
    /// Program and version, for people.
    pub version: String,
    /// Decides where this server stands in every file's server order.
    pub permutation_seed: Vec<u8>,
    /// What clients mix into this server's lease secrets.
    pub lease_seed: [u8; 20],
}

impl Fields {
    /// The tub that runs the service.
    pub fn tub(&self) -> TubId {
        self.furl.tub()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} (sequence {})", self.service, self.tub(), self.sequence)
    }
}

/// Fields whose signature and tub were checked, with the bytes that prove it.
#[derive(Clone, PartialEq, Eq)]
pub struct Announcement {
    fields: Fields,
    bytes: Vec<u8>,
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)
    }
}

impl std::ops::Deref for Announcement {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}

impl Announcement {
    /// Checks form, signature and tub.
    pub fn verify(bytes: &[u8]) -> Result<Self, AnnouncementError> {
        if bytes.len() > ANNOUNCEMENT_MAX {
            return Err(AnnouncementError::TooLong);
        }
        let signed_len =
            bytes.len().checked_sub(SIGNATURE_LEN).ok_or(AnnouncementError::Malformed)?;
        let (signed, signature) =
            bytes.split_at_checked(signed_len).ok_or(AnnouncementError::Malformed)?;
        let (key, fields) = parse(signed)?;
        let signature = signature.try_into().map_err(|_| AnnouncementError::Malformed)?;
        if !verify(fields.tub(), &key, signed, signature) {
            return Err(AnnouncementError::NotSigned);
        }
        Ok(Self { fields, bytes: bytes.to_vec() })
    }

    /// Signs `fields`; fails when they are too long, or name another tub than `identity`'s.
    pub fn sign(identity: &Identity, fields: &Fields) -> Result<Self, AnnouncementError> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&identity.verify_key());
        bytes.extend_from_slice(&fields.sequence.to_be_bytes());
        let furl = fields.furl.reveal();
        let parts: [&[u8]; 6] = [
            fields.service.as_bytes(),
            furl.as_bytes(),
            fields.nickname.as_bytes(),
            fields.version.as_bytes(),
            &fields.permutation_seed,
            &fields.lease_seed,
        ];
        for part in parts {
            let len = u16::try_from(part.len()).map_err(|_| AnnouncementError::TooLong)?;
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        let signature = identity.sign(&bytes);
        bytes.extend_from_slice(&signature);
        Self::verify(&bytes)
    }

    /// The signed bytes, for others to check.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The default of `permutation_seed` and `lease_seed` for a new node.
pub fn default_seeds(tub: TubId) -> (Vec<u8>, [u8; 20]) {
    let mut lease_seed = [0; 20];
    for (to, from) in lease_seed.iter_mut().zip(sha256(&tub.0)) {
        *to = from;
    }
    (tub.0.to_vec(), lease_seed)
}

fn parse(signed: &[u8]) -> Result<([u8; 32], Fields), AnnouncementError> {
    let mut rest = Reader(signed);
    if rest.take(MAGIC.len())? != MAGIC {
        return Err(AnnouncementError::Malformed);
    }
    let key = rest.array()?;
    let sequence = u64::from_be_bytes(rest.array()?);
    let service = rest.text(NICKNAME_MAX)?;
    let furl = Furl::parse(&rest.text(FURL_TEXT_MAX)?).map_err(|_| AnnouncementError::Malformed)?;
    let nickname = rest.text(NICKNAME_MAX)?;
    let version = rest.text(NICKNAME_MAX)?;
    let permutation_seed = rest.field(SEED_MAX)?.to_vec();
    let lease_seed = rest.field(20)?.try_into().map_err(|_| AnnouncementError::Malformed)?;
    if service.is_empty() || !rest.0.is_empty() {
        return Err(AnnouncementError::Malformed);
    }
    let fields =
        Fields { sequence, service, furl, nickname, version, permutation_seed, lease_seed };
    Ok((key, fields))
}

/// Takes fields off the front; never more than is there.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], AnnouncementError> {
        let (front, rest) = self.0.split_at_checked(len).ok_or(AnnouncementError::Malformed)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AnnouncementError> {
        self.take(N)?.try_into().map_err(|_| AnnouncementError::Malformed)
    }

    fn field(&mut self, max: usize) -> Result<&'a [u8], AnnouncementError> {
        let len = usize::from(u16::from_be_bytes(self.array()?));
        if len > max {
            return Err(AnnouncementError::TooLong);
        }
        self.take(len)
    }

    /// Text without control characters: it ends up on terminals and pages.
    fn text(&mut self, max: usize) -> Result<String, AnnouncementError> {
        let text =
            std::str::from_utf8(self.field(max)?).map_err(|_| AnnouncementError::Malformed)?;
        if text.chars().any(char::is_control) {
            return Err(AnnouncementError::Malformed);
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::secret::IdentitySeed;

    fn identity(seed: u8) -> Identity {
        Identity::from_seed(&IdentitySeed::new([seed; 32]))
    }

    /// What the tub made from `seed` announces.
    pub fn signed(seed: u8, sequence: u64) -> Announcement {
        let identity = identity(seed);
        let fields = Fields { sequence, ..fields(identity.tub_id()) };
        Announcement::sign(&identity, &fields).unwrap()
    }

    fn fields(tub: TubId) -> Fields {
        let furl = format!("pb+xk1://{tub}@tcp:127.0.0.1:9/{}", "a".repeat(52));
        Fields {
            sequence: 7,
            service: "storage".into(),
            furl: Furl::parse(&furl).unwrap(),
            nickname: "Möwe".into(),
            version: "tahoe/0.1".into(),
            permutation_seed: vec![1; 32],
            lease_seed: [2; 20],
        }
    }

    #[test]
    fn signed_announcements_are_believed_and_keep_their_fields() {
        let made = signed(1, 7);
        let read = Announcement::verify(made.bytes()).unwrap();
        assert!(read == made && read.nickname == "Möwe" && read.tub() == identity(1).tub_id());
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_believed() {
        let good = signed(2, 7).bytes().to_vec();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Announcement::verify(&bad).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(Announcement::verify(&good[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn nobody_announces_for_another_tub() {
        let honest = fields(identity(4).tub_id());
        assert_eq!(Announcement::sign(&identity(3), &honest), Err(AnnouncementError::NotSigned));
    }

    #[test]
    fn control_characters_and_long_names_are_refused() {
        let mallory = identity(5);
        let with = |nickname: String| {
            Announcement::sign(&mallory, &Fields { nickname, ..fields(mallory.tub_id()) })
        };
        assert_eq!(with("a\u{1b}[2J".into()), Err(AnnouncementError::Malformed));
        assert!(with("x".repeat(NICKNAME_MAX)).is_ok());
        assert_eq!(with("x".repeat(NICKNAME_MAX + 1)), Err(AnnouncementError::TooLong));
    }
}
