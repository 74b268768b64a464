//! Capabilities: texts whose possession is authority (`docs/spec/formats-immutable.md` §5).
//!
//! ```text
//! read cap     URI:CHK:<b32 key>:<b32 UEB hash>:<k>:<N>:<size>
//! verify cap   URI:CHK-Verifier:<b32 SI>:<b32 UEB hash>:<k>:<N>:<size>
//! literal      URI:LIT:<b32 plaintext>
//! immutable directory   the same three, as URI:DIR2-CHK:, URI:DIR2-CHK-Verifier:, URI:DIR2-LIT:
//! directory             URI:DIR:, URI:DIR-RO:, URI:DIR-Verifier: of a vdrive server, see [`dir`]
//! ```
//! In a [`Cap`] that was parsed every hash has its length. Its numbers may still be those of no file,
//! as the original's parser lets them pass; [`ChkCap::facts`] is where that is found. Holding a cap
//! is holding the authority, so nothing here has a `Display`, `Debug` shows no secret, and the text
//! comes from [`Cap::reveal`] alone. Authority only shrinks: a write cap gives its read cap, a read
//! cap its verify cap, never the other way.

pub mod dir;
mod foreign;
#[doc(hidden)]
pub mod fuzz;
mod parse;

pub use dir::{DirCap, DirPlace, DirReadCap, DirVerifyCap, DirWriteKey};
pub use foreign::ForeignCap;

use crate::base::StorageIndex;
use crate::base::base32;
use crate::base::file::{BadParams, FileFacts, FileKey, Params};
use crate::base::hash::Hash;
use std::fmt;

/// A capability of a kind that this program can use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cap {
    /// A file so small that its cap is the file.
    Lit(LitCap),
    /// Reads an immutable file.
    Chk(ChkCap),
    /// Verifies, and repairs, an immutable file without reading it.
    ChkVerify(ChkVerifyCap),
    /// An immutable directory so small that its cap holds its table.
    DirLit(LitCap),
    /// Reads an immutable directory: the file that holds its table.
    DirChk(ChkCap),
    /// Verifies an immutable directory.
    DirChkVerify(ChkVerifyCap),
    /// Changes a directory.
    Dir(DirCap),
    /// Reads a directory.
    DirRead(DirReadCap),
    /// Verifies a directory.
    DirVerify(DirVerifyCap),
}

/// Text that is no usable capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// Nothing that this program has heard of; perhaps of a later one.
    #[error("this is not a kind of capability that is known here")]
    Unknown,
    /// A known kind, but cut off, mistyped or with impossible numbers.
    #[error("this capability is damaged: some of its text is missing or mistyped")]
    Malformed,
    /// A kind of the format that this program does not handle.
    #[error("capabilities of this kind (mutable files and their directories) are not handled here")]
    Unsupported,
    /// A write cap where only reading may be given on.
    #[error("this capability gives write access where only read access may stand")]
    NotReadOnly,
    /// A mutable thing where all must stay as it is.
    #[error("this capability is of something that can change, where nothing may")]
    NotImmutable,
}

/// A literal: the plaintext itself.
#[derive(Clone, PartialEq, Eq)]
pub struct LitCap(Vec<u8>);

/// A read cap.
#[derive(Clone, PartialEq, Eq)]
pub struct ChkCap {
    key: FileKey,
    claims: Claims,
}

/// A verify cap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChkVerifyCap {
    index: StorageIndex,
    claims: Claims,
}

/// What both say about the shares, as it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Claims {
    ueb_hash: Hash,
    needed: u64,
    total: u64,
    size: u64,
}

impl Cap {
    /// Parses a capability. Of a prefix `ro.` or `imm.` only the constraint counts: the first lets no
    /// write cap pass, the second nothing that can change. One newline at the end is ignored.
    pub fn parse(text: &str) -> Result<Self, CapError> {
        parse::cap(text, false)
    }

    /// Parses a capability that stands where all must be immutable, if `deep_immutable`.
    pub fn parse_within(text: &str, deep_immutable: bool) -> Result<Self, CapError> {
        parse::cap(text, deep_immutable)
    }

    /// The text, for somebody who shall have the authority.
    pub fn reveal(&self) -> String {
        match self {
            Self::Lit(cap) => cap.spell(parse::LIT),
            Self::Chk(cap) => cap.spell(parse::CHK),
            Self::ChkVerify(cap) => cap.spell(parse::CHK_VERIFIER),
            Self::DirLit(cap) => cap.spell(parse::DIR_LIT),
            Self::DirChk(cap) => cap.spell(parse::DIR_CHK),
            Self::DirChkVerify(cap) => cap.spell(parse::DIR_CHK_VERIFIER),
            Self::Dir(cap) => cap.reveal(),
            Self::DirRead(cap) => cap.reveal(),
            Self::DirVerify(cap) => cap.reveal(),
        }
    }

    /// Whether it is of a directory; of a file otherwise.
    pub const fn is_directory(&self) -> bool {
        !matches!(self, Self::Lit(_) | Self::Chk(_) | Self::ChkVerify(_))
    }

    /// Whether what it reads can change. A verify cap reads nothing.
    pub const fn is_mutable(&self) -> bool {
        matches!(self, Self::Dir(_) | Self::DirRead(_))
    }

    /// Whether its holder may change something.
    pub const fn is_writable(&self) -> bool {
        matches!(self, Self::Dir(_))
    }

    /// Whether it only lets its holder check, and not read.
    pub const fn is_verifier(&self) -> bool {
        matches!(self, Self::ChkVerify(_) | Self::DirChkVerify(_) | Self::DirVerify(_))
    }

    /// Bytes of the file, or of the table of an immutable directory.
    pub const fn size(&self) -> Option<u64> {
        match self {
            Self::Lit(cap) | Self::DirLit(cap) => Some(cap.0.len() as u64),
            Self::Chk(cap) | Self::DirChk(cap) => Some(cap.claims.size),
            Self::ChkVerify(cap) | Self::DirChkVerify(cap) => Some(cap.claims.size),
            Self::Dir(_) | Self::DirRead(_) | Self::DirVerify(_) => None,
        }
    }

    /// Where the shares are; a literal has none, and a vdrive server keeps none.
    pub fn storage_index(&self) -> Option<StorageIndex> {
        match self {
            Self::Chk(cap) | Self::DirChk(cap) => Some(cap.storage_index()),
            Self::ChkVerify(cap) | Self::DirChkVerify(cap) => Some(cap.index),
            _ => None,
        }
    }

    /// What it is called where nothing of its authority may be told: its storage index, or what a
    /// directory is called on its server; empty for a literal.
    pub fn index_text(&self) -> String {
        match self.verify_cap() {
            Some(Self::DirVerify(cap)) => base32::encode(cap.directory_id()),
            _ => self.storage_index().map_or_else(String::new, |index| index.to_string()),
        }
    }

    /// Attenuates: the same without the authority to change it.
    pub fn read_cap(&self) -> Self {
        match self {
            Self::Dir(cap) => Self::DirRead(cap.read_cap()),
            other => other.clone(),
        }
    }

    /// What lets somebody check it and not read it; a literal has nothing to check.
    pub fn verify_cap(&self) -> Option<Self> {
        match self {
            Self::Lit(_) | Self::DirLit(_) => None,
            Self::Chk(cap) => Some(Self::ChkVerify(cap.verify_cap())),
            Self::DirChk(cap) => Some(Self::DirChkVerify(cap.verify_cap())),
            Self::Dir(cap) => Some(Self::DirVerify(cap.verify_cap())),
            Self::DirRead(cap) => Some(Self::DirVerify(cap.verify_cap())),
            Self::ChkVerify(_) | Self::DirChkVerify(_) | Self::DirVerify(_) => Some(self.clone()),
        }
    }
}

impl LitCap {
    /// A literal of any length; uploads make them of at most [`crate::base::limits::LIT_MAX`] bytes.
    pub const fn new(plaintext: Vec<u8>) -> Self {
        Self(plaintext)
    }

    pub fn plaintext(&self) -> &[u8] {
        &self.0
    }

    pub fn reveal(&self) -> String {
        self.spell(parse::LIT)
    }

    fn spell(&self, kind: &str) -> String {
        format!("{kind}{}", base32::encode(&self.0))
    }
}

impl ChkCap {
    pub const fn new(key: FileKey, facts: FileFacts) -> Self {
        Self { key, claims: Claims::of(facts) }
    }

    pub const fn key(&self) -> &FileKey {
        &self.key
    }

    /// What shares of the file are checked against; fails if no file has such share counts.
    pub fn facts(&self) -> Result<FileFacts, BadParams> {
        self.claims.facts()
    }

    pub const fn size(&self) -> u64 {
        self.claims.size
    }

    pub const fn ueb_hash(&self) -> &Hash {
        &self.claims.ueb_hash
    }

    pub fn storage_index(&self) -> StorageIndex {
        self.key.storage_index()
    }

    /// Attenuates: the verify cap of the same file.
    pub fn verify_cap(&self) -> ChkVerifyCap {
        ChkVerifyCap { index: self.storage_index(), claims: self.claims }
    }

    pub fn reveal(&self) -> String {
        self.spell(parse::CHK)
    }

    fn spell(&self, kind: &str) -> String {
        format!("{kind}{}:{}", base32::encode(self.key.reveal()), self.claims.text())
    }
}

impl ChkVerifyCap {
    pub const fn new(index: StorageIndex, facts: FileFacts) -> Self {
        Self { index, claims: Claims::of(facts) }
    }

    /// What shares of the file are checked against; fails if no file has such share counts.
    pub fn facts(&self) -> Result<FileFacts, BadParams> {
        self.claims.facts()
    }

    pub const fn storage_index(&self) -> StorageIndex {
        self.index
    }

    pub fn reveal(&self) -> String {
        self.spell(parse::CHK_VERIFIER)
    }

    fn spell(&self, kind: &str) -> String {
        format!("{kind}{}:{}", self.index, self.claims.text())
    }
}

impl Claims {
    const fn of(facts: FileFacts) -> Self {
        let FileFacts { params, size, ueb_hash } = facts;
        Self { ueb_hash, needed: params.needed() as u64, total: params.total() as u64, size }
    }

    fn facts(&self) -> Result<FileFacts, BadParams> {
        let params = Params::new(self.needed, self.total)?;
        Ok(FileFacts { params, size: self.size, ueb_hash: self.ueb_hash })
    }

    fn text(&self) -> String {
        let Self { ueb_hash, needed, total, size } = self;
        format!("{}:{needed}:{total}:{size}", base32::encode(ueb_hash))
    }
}

impl fmt::Debug for LitCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LitCap({} bytes)", self.0.len())
    }
}

impl fmt::Debug for ChkCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        masked(f, "ChkCap", &self.claims)
    }
}

impl fmt::Debug for ChkVerifyCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        masked(f, "ChkVerifyCap", &self.claims)
    }
}

fn masked(f: &mut fmt::Formatter<'_>, name: &str, claims: &Claims) -> fmt::Result {
    let Claims { needed, total, size, .. } = claims;
    write!(f, "{name}({needed} of {total}, {size} bytes)")
}

impl From<LitCap> for Cap {
    fn from(cap: LitCap) -> Self {
        Self::Lit(cap)
    }
}

impl From<ChkCap> for Cap {
    fn from(cap: ChkCap) -> Self {
        Self::Chk(cap)
    }
}

impl From<ChkVerifyCap> for Cap {
    fn from(cap: ChkVerifyCap) -> Self {
        Self::ChkVerify(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:\
                        aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3:10:12345";

    #[test]
    fn debug_shows_no_secret() {
        let key = "cbzs7oghp4wprbzyfzsjuc6b4a";
        let text = READ.replacen("aaaaaaaaaaaaaaaaaaaaaaaaaa", key, 1);
        let shown = format!("{:?}", Cap::parse(&text).unwrap());
        assert!(!shown.contains(key) && !shown.contains("16, 115"), "{shown}");
        assert_eq!(format!("{:?}", LitCap::new(b"secret".to_vec())), "LitCap(6 bytes)");
    }

    #[test]
    fn impossible_counts_are_read_and_give_no_facts() {
        for counts in [":0:0:", ":0:10:", ":11:10:", ":3:257:"] {
            let text = READ.replace(":3:10:", counts);
            let Ok(Cap::Chk(cap)) = Cap::parse(&text) else { panic!("{text}") };
            assert_eq!(cap.reveal(), text);
            assert!(cap.facts().is_err() && cap.verify_cap().facts().is_err());
        }
    }

    #[test]
    fn texts_that_are_no_numbers_are_malformed() {
        for (from, to) in [
            (":3:10:", ":+3:10:"),
            (":3:10:", "::10:"),
            (":12345", ":18446744073709551616"),
            (":12345", ":-1"),
            (":12345", ":"),
        ] {
            let text = READ.replace(from, to);
            assert_eq!(Cap::parse(&text), Err(CapError::Malformed), "{text}");
        }
        assert!(Cap::parse(&READ.replace(":12345", ":18446744073709551615")).is_ok());
    }

    #[test]
    fn leading_zeros_are_read_and_not_written() {
        let cap = Cap::parse(&READ.replace(":3:10:12345", ":03:0010:012345")).unwrap();
        assert_eq!(cap.reveal(), READ);
    }

    #[test]
    fn a_text_beyond_the_limit_is_no_cap() {
        let limit = crate::base::limits::CAP_TEXT_MAX;
        let lit = |len: usize| format!("URI:LIT:{}", "a".repeat(len - "URI:LIT:".len()));
        assert!(Cap::parse(&lit(limit)).is_ok());
        assert_eq!(Cap::parse(&lit(limit + 8)), Err(CapError::Malformed));
    }
}
