//! Reading capability texts, with the quirks of the original's patterns.

use super::{Cap, CapError, ChkCap, ChkVerifyCap, Claims, LitCap};
use crate::base::StorageIndex;
use crate::base::base32;
use crate::base::file::{FileKey, decimal};
use crate::base::limits::CAP_TEXT_MAX;

pub(super) const CHK: &str = "URI:CHK:";
pub(super) const CHK_VERIFIER: &str = "URI:CHK-Verifier:";
pub(super) const LIT: &str = "URI:LIT:";

/// Known kinds without a use here.
const UNSUPPORTED: [&str; 15] = [
    "URI:SSK:",
    "URI:SSK-RO:",
    "URI:SSK-Verifier:",
    "URI:MDMF:",
    "URI:MDMF-RO:",
    "URI:MDMF-Verifier:",
    "URI:DIR2:",
    "URI:DIR2-RO:",
    "URI:DIR2-Verifier:",
    "URI:DIR2-CHK:",
    "URI:DIR2-CHK-Verifier:",
    "URI:DIR2-LIT:",
    "URI:DIR2-MDMF:",
    "URI:DIR2-MDMF-RO:",
    "URI:DIR2-MDMF-Verifier:",
];

pub(super) fn cap(text: &str) -> Result<Cap, CapError> {
    if text.len() > CAP_TEXT_MAX {
        return Err(CapError::Malformed);
    }
    // All kinds here are read-only and immutable, so both constraints hold. A second prefix is left
    // standing and makes the kind unknown.
    let text = text.strip_prefix("imm.").or(text.strip_prefix("ro.")).unwrap_or(text);
    if let Some(body) = text.strip_prefix(CHK_VERIFIER) {
        return verify_cap(body).map(Cap::from).ok_or(CapError::Malformed);
    }
    // The original's patterns end in `$`, which lets one newline pass.
    let text = text.strip_suffix('\n').unwrap_or(text);
    if let Some(body) = text.strip_prefix(CHK) {
        return read_cap(body).map(Cap::from).ok_or(CapError::Malformed);
    }
    if let Some(body) = text.strip_prefix(LIT) {
        let plaintext = base32::decode(body).map_err(|_| CapError::Malformed)?;
        return Ok(LitCap::new(plaintext).into());
    }
    let unsupported = UNSUPPORTED.iter().any(|kind| text.starts_with(kind));
    Err(if unsupported { CapError::Unsupported } else { CapError::Unknown })
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
