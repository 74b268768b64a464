//! Reading capability texts, with the quirks of the original's patterns.

use super::{Cap, CapError, FileCap, VdriveCap, foreign};
use crate::base::limits::CAP_TEXT_MAX;

/// Before the caps of files, and before those of directories that files hold.
pub(super) const FILE: &str = "URI:";
pub(super) const TABLE: &str = "URI:DIR2-";

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
    if let Some(found) = VdriveCap::parse(text, constraint) {
        return found.map(Cap::Vdrive);
    }
    let table = text.strip_prefix(TABLE).and_then(FileCap::parse).map(|cap| cap.map(Cap::Table));
    let file = || text.strip_prefix(FILE).and_then(FileCap::parse).map(|cap| cap.map(Cap::File));
    match table.or_else(file) {
        Some(found) => found.ok_or(CapError::Malformed),
        None => foreign::parse(text, constraint).and(Err(CapError::Unsupported)),
    }
}
