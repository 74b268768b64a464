//! Capabilities: texts whose possession is authority (`docs/spec/formats-immutable.md` §5).
//!
//! A cap is of something, and gives a right:
//!
//! ```text
//!                         write      read        verify
//! file        URI:                   LIT: CHK:   CHK-Verifier:      [`FileCap`]
//! directory   URI:DIR2-              LIT: CHK:   CHK-Verifier:      whose table is such a file
//! directory   URI:        DIR:       DIR-RO:     DIR-Verifier:      of a vdrive server, [`VdriveCap`]
//! ```
//! In a [`Cap`] that was parsed every hash has its length. Its numbers may still be those of no file,
//! as the original's parser lets them pass; [`ChkCap::facts`] is where that is found. Holding a cap
//! is holding the authority, so nothing here has a `Display`, `Debug` shows no secret, and the text
//! comes from [`Cap::reveal`] alone. Authority only shrinks: a write cap gives its read cap, a read
//! cap its verify cap, never the other way.

pub mod dir;
mod file;
mod foreign;
#[doc(hidden)]
pub mod fuzz;
mod parse;

pub use dir::{DirCap, DirPlace, DirReadCap, DirVerifyCap, DirWriteKey, VdriveCap};
pub use file::{ChkCap, ChkVerifyCap, FileCap, LitCap};
pub use foreign::ForeignCap;

use crate::base::StorageIndex;
use crate::base::base32;

/// A capability of a kind that this program can use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cap {
    /// Of a file.
    File(FileCap),
    /// Of the directory whose table is in that file.
    Table(FileCap),
    /// Of a directory that a vdrive server keeps.
    Vdrive(VdriveCap),
}

/// What a cap lets its holder do; a higher one includes the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Check it, and repair it, without reading it.
    Verify,
    Read,
    Write,
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
            Self::File(file) => file.spell(parse::FILE),
            Self::Table(file) => file.spell(parse::TABLE),
            Self::Vdrive(cap) => cap.reveal(),
        }
    }

    pub const fn right(&self) -> Right {
        match self {
            Self::File(file) | Self::Table(file) => file.right(),
            Self::Vdrive(cap) => cap.right(),
        }
    }

    /// Whether it is of a directory; of a file otherwise.
    pub const fn is_directory(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// Whether what it reads can change. A verify cap reads nothing.
    pub fn is_mutable(&self) -> bool {
        matches!(self, Self::Vdrive(_)) && !self.is_verifier()
    }

    /// Whether its holder may change something.
    pub fn is_writable(&self) -> bool {
        self.right() == Right::Write
    }

    /// Whether it only lets its holder check, and not read.
    pub fn is_verifier(&self) -> bool {
        self.right() == Right::Verify
    }

    /// The file that it reads, if it is of a file.
    pub fn readable_file(&self) -> Option<&FileCap> {
        match self {
            Self::File(file) if !self.is_verifier() => Some(file),
            _ => None,
        }
    }

    /// The file that it is of, or that holds its directory's table.
    pub const fn file(&self) -> Option<&FileCap> {
        match self {
            Self::File(file) | Self::Table(file) => Some(file),
            Self::Vdrive(_) => None,
        }
    }

    /// The directory of a vdrive server that it is of.
    pub const fn vdrive(&self) -> Option<&VdriveCap> {
        match self {
            Self::File(_) | Self::Table(_) => None,
            Self::Vdrive(cap) => Some(cap),
        }
    }

    /// Bytes of the file, or of the table of an immutable directory.
    pub fn size(&self) -> Option<u64> {
        self.file().map(FileCap::size)
    }

    /// Where the shares are; a literal has none, and a vdrive server keeps none.
    pub fn storage_index(&self) -> Option<StorageIndex> {
        self.file()?.storage_index()
    }

    /// What it is called where nothing of its authority may be told: its storage index, or what a
    /// directory is called on its server; empty for a literal.
    pub fn index_text(&self) -> String {
        match self {
            Self::Vdrive(cap) => base32::encode(&cap.directory_id()),
            _ => self.storage_index().map_or_else(String::new, |index| index.to_string()),
        }
    }

    /// Attenuates: the same without the authority to change it.
    pub fn read_cap(&self) -> Self {
        match self {
            Self::Vdrive(cap) => Self::Vdrive(cap.read_cap()),
            other => other.clone(),
        }
    }

    /// What lets somebody check it and not read it; a literal has nothing to check.
    pub fn verify_cap(&self) -> Option<Self> {
        Some(match self {
            Self::File(file) => Self::File(file.verify_cap()?),
            Self::Table(file) => Self::Table(file.verify_cap()?),
            Self::Vdrive(cap) => Self::Vdrive(VdriveCap::Verify(cap.verify_cap())),
        })
    }
}

impl<T: Into<FileCap>> From<T> for Cap {
    fn from(file: T) -> Self {
        Self::File(file.into())
    }
}

impl From<VdriveCap> for Cap {
    fn from(cap: VdriveCap) -> Self {
        Self::Vdrive(cap)
    }
}

impl From<DirCap> for Cap {
    fn from(cap: DirCap) -> Self {
        Self::Vdrive(VdriveCap::Write(cap))
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
            let Ok(Cap::File(FileCap::Chk(cap))) = Cap::parse(&text) else { panic!("{text}") };
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
