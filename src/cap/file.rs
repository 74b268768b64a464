//! Capabilities of files (`docs/spec/formats-immutable.md` §5).
//!
//! ```text
//! LIT:<b32 plaintext>
//! CHK:<b32 key>:<b32 UEB hash>:<k>:<N>:<size>
//! CHK-Verifier:<b32 SI>:<b32 UEB hash>:<k>:<N>:<size>
//! ```
//! behind `URI:` for a file, behind `URI:DIR2-` for the directory whose table it holds.

use super::Right;
use crate::base::StorageIndex;
use crate::base::base32;
use crate::base::file::{BadParams, FileFacts, FileKey, Params, decimal};
use crate::base::hash::Hash;
use std::fmt;

const LIT: &str = "LIT:";
const CHK: &str = "CHK:";
const CHK_VERIFIER: &str = "CHK-Verifier:";

/// A capability of a file, whatever the file holds. A new kind of file is a case here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileCap {
    /// A file so small that its cap is the file.
    Lit(LitCap),
    /// Reads an immutable file.
    Chk(ChkCap),
    /// Verifies, and repairs, an immutable file without reading it.
    ChkVerify(ChkVerifyCap),
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

impl FileCap {
    /// What is behind the prefix; some if it is of such a kind, and the cap if it is whole. The
    /// original's patterns end in `$`, which lets one newline pass, but for those of verify caps.
    pub(super) fn parse(text: &str) -> Option<Option<Self>> {
        if let Some(body) = text.strip_prefix(CHK_VERIFIER) {
            return Some(ChkVerifyCap::parse(body).map(Self::ChkVerify));
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        if let Some(body) = text.strip_prefix(CHK) {
            return Some(ChkCap::parse(body).map(Self::Chk));
        }
        let body = text.strip_prefix(LIT)?;
        Some(base32::decode(body).ok().map(LitCap::new).map(Self::Lit))
    }

    pub(super) fn spell(&self, prefix: &str) -> String {
        match self {
            Self::Lit(cap) => cap.spell(prefix),
            Self::Chk(cap) => cap.spell(prefix),
            Self::ChkVerify(cap) => cap.spell(prefix),
        }
    }

    pub const fn right(&self) -> Right {
        match self {
            Self::Lit(_) | Self::Chk(_) => Right::Read,
            Self::ChkVerify(_) => Right::Verify,
        }
    }

    /// Bytes of the file.
    pub const fn size(&self) -> u64 {
        match self {
            Self::Lit(cap) => cap.0.len() as u64,
            Self::Chk(cap) => cap.claims.size,
            Self::ChkVerify(cap) => cap.claims.size,
        }
    }

    /// Where the shares are; a literal has none.
    pub fn storage_index(&self) -> Option<StorageIndex> {
        match self {
            Self::Lit(_) => None,
            Self::Chk(cap) => Some(cap.storage_index()),
            Self::ChkVerify(cap) => Some(cap.index),
        }
    }

    /// What shares of the file are checked against; a literal has none. Fails if no file has such
    /// share counts.
    pub fn facts(&self) -> Option<Result<FileFacts, BadParams>> {
        match self {
            Self::Lit(_) => None,
            Self::Chk(cap) => Some(cap.facts()),
            Self::ChkVerify(cap) => Some(cap.facts()),
        }
    }

    /// Attenuates to what checks it and does not read it; a literal has nothing to check.
    pub fn verify_cap(&self) -> Option<Self> {
        match self {
            Self::Lit(_) => None,
            Self::Chk(cap) => Some(Self::ChkVerify(cap.verify_cap())),
            Self::ChkVerify(cap) => Some(Self::ChkVerify(*cap)),
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
        self.spell(super::parse::FILE)
    }

    fn spell(&self, prefix: &str) -> String {
        format!("{prefix}{LIT}{}", base32::encode(&self.0))
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

    fn parse(body: &str) -> Option<Self> {
        let (key, rest) = body.split_once(':')?;
        let key = FileKey::new(base32::decode_array(key).ok()?);
        Some(Self { key, claims: Claims::parse(rest, Some)? })
    }

    pub fn reveal(&self) -> String {
        self.spell(super::parse::FILE)
    }

    fn spell(&self, prefix: &str) -> String {
        format!("{prefix}{CHK}{}:{}", base32::encode(self.key.reveal()), self.claims.text())
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

    /// The pattern of verify caps is not anchored: whatever follows the digits of the size is dropped.
    fn parse(body: &str) -> Option<Self> {
        let (index, rest) = body.split_once(':')?;
        let index = StorageIndex::from_base32(index).ok()?;
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let claims = Claims::parse(rest, |size| size.get(..digits(size)))?;
        Some(Self { index, claims })
    }

    pub fn reveal(&self) -> String {
        self.spell(super::parse::FILE)
    }

    fn spell(&self, prefix: &str) -> String {
        format!("{prefix}{CHK_VERIFIER}{}:{}", self.index, self.claims.text())
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

    fn parse<'a>(text: &'a str, trim: impl Fn(&'a str) -> Option<&'a str>) -> Option<Self> {
        let mut fields = text.splitn(4, ':');
        let ueb_hash = base32::decode_array(fields.next()?).ok()?;
        let needed = decimal(fields.next()?.as_bytes())?;
        let total = decimal(fields.next()?.as_bytes())?;
        let size = decimal(trim(fields.next()?)?.as_bytes())?;
        Some(Self { ueb_hash, needed, total, size })
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

impl From<LitCap> for FileCap {
    fn from(cap: LitCap) -> Self {
        Self::Lit(cap)
    }
}

impl From<ChkCap> for FileCap {
    fn from(cap: ChkCap) -> Self {
        Self::Chk(cap)
    }
}

impl From<ChkVerifyCap> for FileCap {
    fn from(cap: ChkVerifyCap) -> Self {
        Self::ChkVerify(cap)
    }
}
