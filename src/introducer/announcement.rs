//! One node's signed statement: "I run this service, at this furl".
//!
//! ```text
//! announcement = "tahoe-announcement-1" ‖ key[32] ‖ sequence u64 BE
//!              ‖ field(service) ‖ field(furl) ‖ field(nickname) ‖ field(version)
//!              ‖ field(permutation seed) ‖ field(lease seed) ‖ *further ‖ signature[64]
//! further      = kind u8 ‖ field(content)      in ascending order of kinds; 1 is a [`Succession`]
//! field(x)     = len(x) u16 BE ‖ x
//! ```
//! The signature is Ed25519 by `key` over everything before it. The statement is believed only if
//! the Montgomery form of `key` is the tub id of the furl, so nobody can announce for another. Kinds
//! that a reader does not know mean nothing to it, so that later versions can say more.
//!
//! A lease seed counts only if it is the tub's default or proven by a succession; instead of one that
//! merely is announced the default is used. Else who copies another server's seed would be sent what
//! renews that server's leases.

use super::succession::Succession;
use crate::base::hash::sha256;
use crate::base::limits::{ANNOUNCEMENT_MAX, FURL_TEXT_MAX, NICKNAME_MAX};
use crate::tub::identity::verify;
use crate::tub::{Furl, Identity, TubId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const MAGIC: &[u8] = b"tahoe-announcement-1";
const SIGNATURE_LEN: usize = 64;
/// Permutation seeds are 20 bytes (a 1.20 node's), 32 (ours) or whatever a node kept; no more.
const SEED_MAX: usize = 64;
/// The kind of a succession.
const SUCCESSION: u8 = 1;

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
    /// What clients mix into this server's lease secrets. Of a verified announcement it is the seed that
    /// counts, whatever was announced.
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
    /// A lease seed that was announced and does not count.
    unproven: Option<[u8; 20]>,
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
        let Parsed { key, mut fields, succession } = parse(signed)?;
        let signature = signature.try_into().map_err(|_| AnnouncementError::Malformed)?;
        let tub = fields.tub();
        if !verify(tub, &key, signed, signature) {
            return Err(AnnouncementError::NotSigned);
        }
        let (announced, default) = (fields.lease_seed, default_seeds(tub).1);
        let counts = announced == default
            || succession.is_some_and(|proof| proof.seed(tub) == Some(announced));
        if !counts {
            fields.lease_seed = default;
        }
        Ok(Self { fields, unproven: (!counts).then_some(announced), bytes: bytes.to_vec() })
    }

    /// Signs `fields`; fails when they are too long, or name another tub than `identity`'s.
    pub fn sign(identity: &Identity, fields: &Fields) -> Result<Self, AnnouncementError> {
        Self::sign_with(identity, fields, None)
    }

    /// As [`Announcement::sign`], with the proof that the lease seed is this tub's.
    pub fn sign_with(
        identity: &Identity,
        fields: &Fields,
        succession: Option<&Succession>,
    ) -> Result<Self, AnnouncementError> {
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
            field(&mut bytes, part)?;
        }
        if let Some(succession) = succession {
            bytes.push(SUCCESSION);
            field(&mut bytes, &succession.to_bytes()?)?;
        }
        let signature = identity.sign(&bytes);
        bytes.extend_from_slice(&signature);
        Self::verify(&bytes)
    }

    /// The lease seed that was announced, if it is neither the tub's default nor proven.
    pub const fn unproven_seed(&self) -> Option<[u8; 20]> {
        self.unproven
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

/// The tubs that announce a lease seed which another tub announces too, and do not prove it. Which of
/// them lies cannot be told.
pub fn contested<'a>(all: impl Iterator<Item = &'a Announcement> + Clone) -> BTreeSet<TubId> {
    let mut unproven: BTreeMap<[u8; 20], usize> =
        all.clone().filter_map(|one| Some((one.unproven?, 0))).collect();
    if unproven.is_empty() {
        return BTreeSet::new();
    }
    for one in all.clone() {
        if let Some(count) = unproven.get_mut(&one.unproven.unwrap_or(one.lease_seed)) {
            *count += 1;
        }
    }
    let shared = |seed: [u8; 20]| unproven.get(&seed).is_some_and(|count| *count > 1);
    all.filter(|one| one.unproven.is_some_and(shared)).map(|one| one.tub()).collect()
}

/// A statement that is well formed, and not checked further.
struct Parsed {
    key: [u8; 32],
    fields: Fields,
    succession: Option<Succession>,
}

fn parse(signed: &[u8]) -> Result<Parsed, AnnouncementError> {
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
    if service.is_empty() {
        return Err(AnnouncementError::Malformed);
    }
    let succession = further(rest)?;
    let fields =
        Fields { sequence, service, furl, nickname, version, permutation_seed, lease_seed };
    Ok(Parsed { key, fields, succession })
}

/// What is said besides.
fn further(mut rest: Reader<'_>) -> Result<Option<Succession>, AnnouncementError> {
    let (mut succession, mut last) = (None, None);
    while !rest.0.is_empty() {
        let [kind] = rest.array()?;
        let content = rest.field(ANNOUNCEMENT_MAX)?;
        if last.replace(kind).is_some_and(|last| last >= kind) {
            return Err(AnnouncementError::Malformed);
        }
        if kind == SUCCESSION {
            succession = Some(Succession::parse(content)?);
        }
    }
    Ok(succession)
}

/// Appends a field.
pub(super) fn field(bytes: &mut Vec<u8>, content: &[u8]) -> Result<(), AnnouncementError> {
    let len = u16::try_from(content.len()).map_err(|_| AnnouncementError::TooLong)?;
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(content);
    Ok(())
}

/// Takes fields off the front; never more than is there.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], AnnouncementError> {
        let (front, rest) = self.0.split_at_checked(len).ok_or(AnnouncementError::Malformed)?;
        self.0 = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AnnouncementError> {
        self.take(N)?.try_into().map_err(|_| AnnouncementError::Malformed)
    }

    pub(super) fn field(&mut self, max: usize) -> Result<&'a [u8], AnnouncementError> {
        let len = usize::from(u16::from_be_bytes(self.array()?));
        if len > max {
            return Err(AnnouncementError::TooLong);
        }
        self.take(len)
    }

    /// Fails unless all was taken.
    pub(super) fn end(self) -> Result<(), AnnouncementError> {
        if self.0.is_empty() { Ok(()) } else { Err(AnnouncementError::Malformed) }
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
    use crate::base::limits::{CERTIFICATE_MAX, RSA_SIGNATURE_MAX};
    use crate::base::secret::IdentitySeed;
    use crate::introducer::succession::tests::succession;

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

    /// What the tub made from `seed` announces with a lease seed.
    fn claiming(seed: u8, lease_seed: [u8; 20], proof: Option<&Succession>) -> Announcement {
        let identity = identity(seed);
        let fields = Fields { lease_seed, ..fields(identity.tub_id()) };
        Announcement::sign_with(&identity, &fields, proof).unwrap()
    }

    #[test]
    fn a_lease_seed_counts_if_it_is_the_tubs_own_or_proven() {
        let own = default_seeds(identity(6).tub_id()).1;
        let plain = claiming(6, own, None);
        assert!(plain.lease_seed == own && plain.unproven_seed().is_none());
        let claimed = claiming(6, [2; 20], None);
        assert!(claimed.lease_seed == own && claimed.unproven_seed() == Some([2; 20]));
        let (proof, name) = succession(identity(6).tub_id());
        let proven = claiming(6, name, Some(&proof));
        assert!(proven.lease_seed == name && proven.unproven_seed().is_none());
        let without = claiming(6, name, None);
        assert!(without.lease_seed == own && without.unproven_seed() == Some(name));
        let other = claiming(6, [2; 20], Some(&proof));
        assert!(other.lease_seed == own && other.unproven_seed() == Some([2; 20]));
        let copied = claiming(7, name, Some(&proof));
        assert_eq!(copied.unproven_seed(), Some(name), "the proof is another tub's");
    }

    #[test]
    fn of_those_that_announce_one_seed_only_who_proves_it_is_believed() {
        let (proof, name) = succession(identity(1).tub_id());
        let own = default_seeds(identity(2).tub_id()).1;
        let all = [
            claiming(1, name, Some(&proof)),
            claiming(2, own, None),
            claiming(3, name, None),
            claiming(4, own, None),
            claiming(5, [5; 20], None),
            claiming(6, [6; 20], None),
            claiming(7, [6; 20], None),
        ];
        let tubs = [3, 4, 6, 7].map(|seed| identity(seed).tub_id());
        assert_eq!(contested(all.iter()), tubs.into());
        assert!(contested([].iter()).is_empty());
    }

    /// Signs `further` behind the known fields of an announcement.
    fn saying(seed: u8, further: &[u8]) -> Result<Announcement, AnnouncementError> {
        let plain = signed(seed, 7).bytes().to_vec();
        let mut bytes = [&plain[..plain.len() - SIGNATURE_LEN], further].concat();
        let signature = identity(seed).sign(&bytes);
        bytes.extend_from_slice(&signature);
        Announcement::verify(&bytes)
    }

    #[test]
    fn what_later_versions_say_besides_means_nothing() {
        let unknown = |kind: u8| [&[kind][..], &3u16.to_be_bytes(), b"new"].concat();
        assert!(saying(8, &[]).is_ok() && saying(8, &unknown(0)).is_ok());
        let known = saying(8, &[unknown(2), unknown(200)].concat()).unwrap();
        assert_eq!(known.nickname, "Möwe");
        for bad in [
            [unknown(3), unknown(2)].concat(),
            [unknown(2), unknown(2)].concat(),
            unknown(2)[..5].to_vec(),
            vec![2],
            [&[SUCCESSION][..], &5u16.to_be_bytes(), &[0; 5]].concat(),
        ] {
            assert_eq!(saying(8, &bad).err(), Some(AnnouncementError::Malformed), "{bad:?}");
        }
    }

    #[test]
    fn certificates_and_signatures_are_as_long_as_they_may_be() {
        let said = |certificate: usize, signature: usize| {
            let mut content = Vec::new();
            field(&mut content, &vec![0; certificate]).unwrap();
            field(&mut content, &vec![0; signature]).unwrap();
            let mut further = vec![SUCCESSION];
            field(&mut further, &content).unwrap();
            saying(9, &further).err()
        };
        assert_eq!(said(CERTIFICATE_MAX, RSA_SIGNATURE_MAX), None);
        assert_eq!(said(CERTIFICATE_MAX + 1, 1), Some(AnnouncementError::TooLong));
        assert_eq!(said(1, RSA_SIGNATURE_MAX + 1), Some(AnnouncementError::TooLong));
    }
}
