//! What the two caps of a stored link lead to, and how a link is stored
//! (`docs/spec/formats-mutable.md` §10.2).

use super::{ChildError, Target};
use crate::cap::{Cap, CapError, ForeignCap, VdriveCap};
use crate::vdrive::format::DirectoryId;

const READ_ONLY: &str = "ro.";
const IMMUTABLE: &str = "imm.";

impl Target {
    /// What a write cap and a read cap, either or both, lead to. Caps of unknown kinds are kept if
    /// it is certain that reading one does not give write access, or whatever else their place
    /// forbids. `deep_immutable` is the place where nothing may ever change.
    pub fn from_caps(
        rw: Option<&str>,
        ro: Option<&str>,
        deep_immutable: bool,
    ) -> Result<Self, ChildError> {
        let (rw, ro) = (rw.filter(|cap| !cap.is_empty()), ro.filter(|cap| !cap.is_empty()));
        let Some(cap) = rw.or(ro) else { return Ok(Self::Unknown { rw: None, ro: None }) };
        match Cap::parse_within(cap, deep_immutable) {
            Ok(cap) if !cap.is_verifier() => Ok(Self::Known(cap)),
            Err(CapError::Unsupported) => match ForeignCap::parse_within(cap, deep_immutable) {
                Ok(cap) if !cap.is_verifier() => Ok(Self::foreign(&cap)),
                _ => unknown(rw, ro, deep_immutable),
            },
            _ => unknown(rw, ro, deep_immutable),
        }
    }

    fn foreign(cap: &ForeignCap) -> Self {
        let rw = cap.is_writable().then(|| cap.reveal());
        Self::Unknown { rw, ro: Some(cap.read_cap().reveal()) }
    }

    /// What a cap that somebody gives stands for. One that is not understood may be of a later version.
    pub fn named_by(text: &str) -> Self {
        match Cap::parse(text) {
            Ok(cap) => Self::Known(cap),
            Err(_) if text.starts_with(READ_ONLY) || text.starts_with(IMMUTABLE) => {
                Self::Unknown { rw: None, ro: Some(text.to_owned()) }
            }
            Err(_) => Self::Unknown { rw: Some(text.to_owned()), ro: None },
        }
    }

    /// The cap, of a kind that this program can use.
    pub const fn known(&self) -> Option<&Cap> {
        match self {
            Self::Known(cap) => Some(cap),
            Self::Unknown { .. } => None,
        }
    }

    /// The cap of a file that can be read.
    pub fn file(&self) -> Option<&Cap> {
        self.known().filter(|cap| cap.readable_file().is_some())
    }

    /// Its cap as it was given, with write access if there is any.
    pub fn cap_text(&self) -> Option<String> {
        match self {
            Self::Known(cap) => Some(cap.reveal()),
            Self::Unknown { rw, ro } => rw.clone().or_else(|| ro.clone()),
        }
    }

    /// The cap that changes what it leads to.
    pub fn write_uri(&self) -> Option<String> {
        match self {
            Self::Known(cap) => cap.is_writable().then(|| cap.reveal()),
            Self::Unknown { rw, .. } => rw.clone(),
        }
    }

    /// The cap that reads it, prefix included where the kind is unknown.
    pub fn read_uri(&self) -> Option<String> {
        match self {
            Self::Known(cap) => Some(cap.read_cap().reveal()),
            Self::Unknown { ro, .. } => ro.clone(),
        }
    }

    /// Whether it is known to be a directory that this program can open.
    pub fn is_directory(&self) -> bool {
        match self {
            Self::Known(cap) => cap.is_directory(),
            Self::Unknown { rw, ro } => {
                let cap = rw.as_deref().or(ro.as_deref()).unwrap_or_default();
                ForeignCap::parse_within(cap, false).is_ok_and(|cap| cap.is_directory())
            }
        }
    }

    /// What a directory is called on its server, whichever cap leads to it; none of what is immutable.
    pub fn directory_id(&self) -> Option<DirectoryId> {
        match self {
            Self::Known(cap) => cap.vdrive().map(VdriveCap::directory_id),
            Self::Unknown { .. } => None,
        }
    }

    /// Whether it is certain, or promised, that nothing below it ever changes.
    pub fn is_deep_immutable(&self) -> bool {
        match self {
            Self::Known(cap) => !cap.is_mutable(),
            Self::Unknown { rw, ro } => {
                rw.is_none() && ro.as_ref().is_none_or(|ro| ro.starts_with(IMMUTABLE))
            }
        }
    }

    /// The same without write access.
    #[must_use]
    pub fn read_only(&self) -> Self {
        match self {
            Self::Known(cap) => Self::Known(cap.read_cap()),
            Self::Unknown { ro, .. } => Self::Unknown { rw: None, ro: ro.clone() },
        }
    }
}

/// A link whose kind is not known here.
fn unknown(rw: Option<&str>, ro: Option<&str>, deep_immutable: bool) -> Result<Target, ChildError> {
    let prefixed = |cap: &str| cap.starts_with(IMMUTABLE) || cap.starts_with(READ_ONLY);
    let (rw, ro) = match (rw, ro) {
        (Some(rw), None) if deep_immutable && rw.starts_with(IMMUTABLE) => (None, Some(rw)),
        (Some(_), None) if deep_immutable => return Err(ChildError::UnknownWrite),
        (Some(_), Some(_)) if deep_immutable => return Err(CapError::NotImmutable.into()),
        (Some(rw), None) if prefixed(rw) => (None, Some(rw)),
        (Some(_), None) => return Err(ChildError::UnknownWrite),
        // A thing that cannot change has no write cap.
        (Some(_), Some(ro)) if ro.starts_with(IMMUTABLE) => {
            return Err(CapError::NotImmutable.into());
        }
        both => both,
    };
    if let Some(ro) = ro {
        match Cap::parse_within(ro, deep_immutable) {
            Ok(_) | Err(CapError::Unknown | CapError::Unsupported) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let ro = ro.map(|ro| if deep_immutable { immutable(ro) } else { read_only(ro) });
    Ok(Target::Unknown { rw: rw.map(str::to_owned), ro })
}

fn immutable(ro: &str) -> String {
    if ro.starts_with(IMMUTABLE) {
        return ro.to_owned();
    }
    format!("{IMMUTABLE}{}", ro.strip_prefix(READ_ONLY).unwrap_or(ro))
}

fn read_only(ro: &str) -> String {
    if ro.starts_with(READ_ONLY) || ro.starts_with(IMMUTABLE) {
        return ro.to_owned();
    }
    format!("{READ_ONLY}{ro}")
}

/// A read cap as it is stored: without the prefix that its place implies.
pub(super) fn without_prefix(ro: &str, deep_immutable: bool) -> &str {
    match ro.strip_prefix(IMMUTABLE) {
        Some(bare) if deep_immutable => bare,
        Some(_) => ro,
        None => ro.strip_prefix(READ_ONLY).unwrap_or(ro),
    }
}
