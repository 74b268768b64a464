//! Addresses: which object a path names, and how texts are spelled in one.
//!
//! ```text
//! /uri/CAP/a/b      the child b of the child a of what CAP names; /cap is the same
//! /vdrive/global/a  below the grid's own directory; /vdrive/private below the owner's
//! ```
//! Elements are percent-encoded UTF-8, NFC once they are decoded. One slash at the end says
//! nothing; an empty element anywhere else is refused.

use super::FilesError;
use crate::grid::dirnode::normalise;

/// Where a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A cap as it stood in the path; not yet parsed.
    Cap(String),
    Global,
    Private,
}

/// An object, by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub root: Root,
    /// Names of children, NFC, from the root on.
    pub path: Vec<String>,
}

impl Address {
    /// The object at a path, if it is one of an object.
    pub fn at(path: &str) -> Result<Option<Self>, FilesError> {
        let (first, rest) = split(path);
        match (first.as_str(), rest.as_slice()) {
            ("uri" | "cap", [cap, rest @ ..]) => Self::of_cap(cap, rest).map(Some),
            ("vdrive", [root, rest @ ..]) => Self::of_vdrive(&word(root), rest).map(Some),
            _ => Ok(None),
        }
    }

    /// Where it is; none for a root.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.path.split_last()?;
        Some(Self { root: self.root.clone(), path: above.to_vec() })
    }

    /// The cap in a path's first element; `!` stands for a slash there, as it did in 0.6.
    pub fn of_cap(cap: &str, rest: &[&str]) -> Result<Self, FilesError> {
        Ok(Self { root: Root::Cap(decode_cap(cap)?), path: names(rest)? })
    }

    fn of_vdrive(root: &str, rest: &[&str]) -> Result<Self, FilesError> {
        let root = match root {
            "global" => Root::Global,
            "private" => Root::Private,
            _ => return Err(FilesError::NothingThere),
        };
        Ok(Self { root, path: names(rest)? })
    }

    /// The root, and so many names below it.
    pub fn above(&self, depth: usize) -> Self {
        let path = self.path.iter().take(depth).cloned().collect();
        Self { root: self.root.clone(), path }
    }

    /// What has this name in it.
    pub fn child(&self, name: &str) -> Self {
        let path = self.path.iter().cloned().chain([name.to_owned()]).collect();
        Self { root: self.root.clone(), path }
    }

    /// The name of the object in its directory, if it was reached through one.
    pub fn name(&self) -> Option<&str> {
        self.path.last().map(String::as_str)
    }

    /// The address as a path, without a slash at the end; children are at `path/NAME`.
    pub fn path(&self) -> String {
        let mut path = match &self.root {
            Root::Cap(cap) => format!("/uri/{}", percent_encode(cap)),
            Root::Global => "/vdrive/global".to_owned(),
            Root::Private => "/vdrive/private".to_owned(),
        };
        for name in &self.path {
            path.push('/');
            path.push_str(&percent_encode(name));
        }
        path
    }
}

/// The first word of a path, and what stands behind it. Slashes before and behind that word say nothing:
/// an address that ends in one is often joined with a path that begins with one.
pub fn split(path: &str) -> (String, Vec<&str>) {
    let mut parts = path.trim_start_matches('/').split('/');
    let first = word(parts.next().unwrap_or_default());
    (first, parts.skip_while(|part| part.is_empty()).collect())
}

/// A part of a path that may be a word of ours, however it is spelled.
pub fn word(part: &str) -> String {
    percent_decode(part).unwrap_or_else(|_| part.to_owned())
}

/// The cap in an element of a path.
pub fn decode_cap(element: &str) -> Result<String, FilesError> {
    Ok(percent_decode(element)?.replace('!', "/"))
}

/// The names in the elements of a path.
fn names(elements: &[&str]) -> Result<Vec<String>, FilesError> {
    let elements = match elements.split_last() {
        Some((&"", rest)) => rest,
        _ => elements,
    };
    let name = |element: &&str| match *element {
        "" => Err(FilesError::EmptyName),
        element => nfc(&percent_decode(element)?),
    };
    elements.iter().map(name).collect()
}

/// A name in the one spelling of all that look the same.
pub fn nfc(name: &str) -> Result<String, FilesError> {
    Ok(normalise(name)?)
}

pub fn percent_decode(text: &str) -> Result<String, FilesError> {
    let bad = || FilesError::BadAddress;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|c| char::from(c).to_digit(16));
        let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// Escapes everything that is not plainly part of a word.
pub fn percent_encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_composed() {
        let address = Address::of_cap("URI%3ADIR2%3Ax", &["a%20b", "u%CC%88", ""]).unwrap();
        assert_eq!(address.root, Root::Cap("URI:DIR2:x".into()));
        assert_eq!(address.path, ["a b", "\u{fc}"]);
        assert_eq!(address.name(), Some("\u{fc}"));
        assert_eq!(address.path(), "/uri/URI%3ADIR2%3Ax/a%20b/%C3%BC");
        assert_eq!(Address::of_cap("a!b", &[]).unwrap().root, Root::Cap("a/b".into()));
    }

    #[test]
    fn empty_elements_and_broken_escapes_are_refused() {
        for path in [&["a", "", "b"][..], &["", ""], &["%zz"], &["%f"], &["%ff"]] {
            assert!(Address::of_cap("x", path).is_err(), "{path:?}");
        }
        assert!(Address::of_cap("x", &[""]).unwrap().path.is_empty());
        let other = Address::of_vdrive("other", &[]);
        assert!(matches!(other, Err(FilesError::NothingThere)));
        assert_eq!(Address::of_vdrive("global", &["a", ""]).unwrap().path(), "/vdrive/global/a");
    }
}
