//! Reading capability texts, with the quirks of the original's patterns.

use super::dir::{DirCap, DirReadCap, DirVerifyCap};
use super::{Cap, CapError, ChkCap, ChkVerifyCap, Claims, LitCap, foreign};
use crate::base::StorageIndex;
use crate::base::base32;
use crate::base::file::{FileKey, decimal};
use crate::base::limits::CAP_TEXT_MAX;

pub(super) const CHK: &str = "URI:CHK:";
pub(super) const CHK_VERIFIER: &str = "URI:CHK-Verifier:";
pub(super) const LIT: &str = "URI:LIT:";
pub(super) const DIR_CHK: &str = "URI:DIR2-CHK:";
pub(super) const DIR_CHK_VERIFIER: &str = "URI:DIR2-CHK-Verifier:";
pub(super) const DIR_LIT: &str = "URI:DIR2-LIT:";
pub(super) const DIR: &str = "URI:DIR:";
pub(super) const DIR_RO: &str = "URI:DIR-RO:";
pub(super) const DIR_VERIFIER: &str = "URI:DIR-Verifier:";

/// What the place where a text stands, or its own prefix, allows it to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Constraint {
    None,
    ReadOnly,
    Immutable,
}

impl Constraint {
    pub fn writable(self) -> Result<(), CapError> {
        match self {
            Self::None => Ok(()),
            Self::ReadOnly => Err(CapError::NotReadOnly),
            Self::Immutable => Err(CapError::NotImmutable),
        }
    }

    pub fn mutable(self) -> Result<(), CapError> {
        match self {
            Self::None | Self::ReadOnly => Ok(()),
            Self::Immutable => Err(CapError::NotImmutable),
        }
    }
}

/// The text without one prefix `ro.` or `imm.`, and what it is held to. A second prefix is left
/// standing and makes the kind unknown.
pub(super) fn split_constraint(text: &str, deep_immutable: bool) -> (&str, Constraint) {
    let (text, own) = match (text.strip_prefix("imm."), text.strip_prefix("ro.")) {
        (Some(text), _) => (text, Constraint::Immutable),
        (None, Some(text)) => (text, Constraint::ReadOnly),
        (None, None) => (text, Constraint::None),
    };
    (text, if deep_immutable { Constraint::Immutable } else { own })
}

pub(super) fn cap(text: &str, deep_immutable: bool) -> Result<Cap, CapError> {
    if text.len() > CAP_TEXT_MAX {
        return Err(CapError::Malformed);
    }
    let (text, constraint) = split_constraint(text, deep_immutable);
    if text.starts_with(DIR) {
        constraint.writable()?;
    } else if text.starts_with(DIR_RO) {
        constraint.mutable()?;
    }
    if let Some(found) = verify_kinds(text).or_else(|| other_kinds(text)) {
        return found.ok_or(CapError::Malformed);
    }
    foreign::parse(text, constraint).and(Err(CapError::Unsupported))
}

/// Some if the text is of such a kind, and the cap if it is whole.
fn verify_kinds(text: &str) -> Option<Option<Cap>> {
    if let Some(body) = text.strip_prefix(CHK_VERIFIER) {
        return Some(verify_cap(body).map(Cap::ChkVerify));
    }
    let body = text.strip_prefix(DIR_CHK_VERIFIER)?;
    Some(verify_cap(body).map(Cap::DirChkVerify))
}

fn other_kinds(text: &str) -> Option<Option<Cap>> {
    // The original's patterns end in `$`, which lets one newline pass.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let body = |kind| text.strip_prefix(kind);
    if let Some(body) = body(CHK) {
        return Some(read_cap(body).map(Cap::Chk));
    }
    if let Some(body) = body(LIT) {
        return Some(literal(body).map(Cap::Lit));
    }
    if let Some(body) = body(DIR_CHK) {
        return Some(read_cap(body).map(Cap::DirChk));
    }
    if let Some(body) = body(DIR_LIT) {
        return Some(literal(body).map(Cap::DirLit));
    }
    if let Some(body) = body(DIR) {
        return Some(DirCap::parse(body).map(Cap::Dir));
    }
    if let Some(body) = body(DIR_RO) {
        return Some(DirReadCap::parse(body).map(Cap::DirRead));
    }
    body(DIR_VERIFIER).map(|body| DirVerifyCap::parse(body).map(Cap::DirVerify))
}

fn literal(body: &str) -> Option<LitCap> {
    base32::decode(body).ok().map(LitCap::new)
}

fn read_cap(body: &str) -> Option<ChkCap> {
    let (key, rest) = body.split_once(':')?;
    let key = FileKey::new(base32::decode_array(key).ok()?);
    Some(ChkCap { key, claims: claims(rest, Some)? })
}

/// The pattern of verify caps is not anchored: whatever follows the digits of the size is dropped.
fn verify_cap(body: &str) -> Option<ChkVerifyCap> {
    let (index, rest) = body.split_once(':')?;
    let index = StorageIndex::from_base32(index).ok()?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let claims = claims(rest, |size| size.get(..digits(size)))?;
    Some(ChkVerifyCap { index, claims })
}

fn claims<'a>(text: &'a str, trim: impl Fn(&'a str) -> Option<&'a str>) -> Option<Claims> {
    let mut fields = text.splitn(4, ':');
    let ueb_hash = base32::decode_array(fields.next()?).ok()?;
    let needed = decimal(fields.next()?.as_bytes())?;
    let total = decimal(fields.next()?.as_bytes())?;
    let size = decimal(trim(fields.next()?)?.as_bytes())?;
    Some(Claims { ueb_hash, needed, total, size })
}
