//! Capabilities of mutable files and of the directories made of them (`docs/spec/formats-mutable.md`
//! §2, §10): read, attenuated and kept for others, not used.
//!
//! ```text
//! URI:{SSK,MDMF,DIR2,DIR2-MDMF}{,-RO,-Verifier}:<b32 key, 16 bytes>:<b32 fingerprint, 32 bytes>
//! ```
//! A directory may hold them, so who lists one without its write key must be given the read cap.

use super::CapError;
use super::parse::{Constraint, split_constraint};
use crate::base::base32;
use crate::base::hash::{Hash, tagged, truncated};
use std::fmt;
use zeroize::Zeroize;

const READ_KEY_TAG: &[u8] = b"allmydata_mutable_writekey_to_readkey_v1";

/// What a mutable cap gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    Write,
    Read,
    Verify,
}

/// Prefix, family, access; and whether something may follow the fingerprint.
const KINDS: [(&str, &str, Access); 12] = [
    ("URI:SSK:", "SSK", Access::Write),
    ("URI:SSK-RO:", "SSK", Access::Read),
    ("URI:SSK-Verifier:", "SSK", Access::Verify),
    ("URI:MDMF:", "MDMF", Access::Write),
    ("URI:MDMF-RO:", "MDMF", Access::Read),
    ("URI:MDMF-Verifier:", "MDMF", Access::Verify),
    ("URI:DIR2:", "DIR2", Access::Write),
    ("URI:DIR2-RO:", "DIR2", Access::Read),
    ("URI:DIR2-Verifier:", "DIR2", Access::Verify),
    ("URI:DIR2-MDMF:", "DIR2-MDMF", Access::Write),
    ("URI:DIR2-MDMF-RO:", "DIR2-MDMF", Access::Read),
    ("URI:DIR2-MDMF-Verifier:", "DIR2-MDMF", Access::Verify),
];

/// A cap of a mutable file, or of a directory in one.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignCap {
    family: &'static str,
    access: Access,
    key: [u8; 16],
    fingerprint: Hash,
}

impl ForeignCap {
    /// Parses as [`super::Cap::parse_within`] does; [`CapError::Unknown`] if it is no such kind.
    pub fn parse_within(text: &str, deep_immutable: bool) -> Result<Self, CapError> {
        let (text, constraint) = split_constraint(text, deep_immutable);
        parse(text, constraint)
    }

    pub fn is_writable(&self) -> bool {
        self.access == Access::Write
    }

    /// Whether it only lets its holder check.
    pub fn is_verifier(&self) -> bool {
        self.access == Access::Verify
    }

    pub fn is_directory(&self) -> bool {
        self.family.starts_with("DIR2")
    }

    /// Attenuates a write cap; others stay as they are.
    pub fn read_cap(&self) -> Self {
        if self.access != Access::Write {
            return self.clone();
        }
        let key = truncated(tagged(READ_KEY_TAG, &self.key));
        Self { access: Access::Read, key, ..self.clone() }
    }

    /// Without a suffix or prefix that was read.
    pub fn reveal(&self) -> String {
        let access = match self.access {
            Access::Write => "",
            Access::Read => "-RO",
            Access::Verify => "-Verifier",
        };
        let (key, seal) = (base32::encode(&self.key), base32::encode(&self.fingerprint));
        format!("URI:{}{access}:{key}:{seal}", self.family)
    }
}

impl Drop for ForeignCap {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for ForeignCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForeignCap({}, {:?})", self.family, self.access)
    }
}

pub(super) fn parse(text: &str, constraint: Constraint) -> Result<ForeignCap, CapError> {
    let kind = KINDS.iter().find_map(|(prefix, family, access)| {
        text.strip_prefix(prefix).map(|body| (body, *family, *access))
    });
    let (body, family, access) = kind.ok_or(CapError::Unknown)?;
    match access {
        Access::Write => constraint.writable()?,
        Access::Read => constraint.mutable()?,
        Access::Verify => {}
    }
    // The original's patterns end in `$`, which lets one newline pass.
    let body = body.strip_suffix('\n').unwrap_or(body);
    let fields = fields(body, family.ends_with("MDMF"));
    let (key, fingerprint) = fields.ok_or(CapError::Malformed)?;
    Ok(ForeignCap { family, access, key, fingerprint })
}

/// Those of the segmented format may carry hints behind a further colon, which are dropped.
fn fields(body: &str, may_go_on: bool) -> Option<([u8; 16], Hash)> {
    let (key, rest) = body.split_once(':')?;
    let fingerprint = match rest.split_once(':') {
        Some((fingerprint, _)) if may_go_on => fingerprint,
        _ => rest,
    };
    Some((base32::decode_array(key).ok()?, base32::decode_array(fingerprint).ok()?))
}
