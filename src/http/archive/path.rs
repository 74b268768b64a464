//! Paths in archives, on both ways.
//!
//! Names of children may be anything; who unpacks an archive makes files of them, on whatever system. So
//! what leads up, or nowhere, on any of them never stands in an archive that is written. What an archive
//! that is read says is taken as a path only if it cannot be meant otherwise.

use crate::base::limits::{NAME_MAX, PATH_MAX};

/// Whether a child's name may stand in an archive: it is one name, whichever slash a system goes by, and no
/// way up in any of the spellings that Windows takes for one (`..`, `...`, `.. `).
pub fn is_fit(name: &str) -> bool {
    let leads_up =
        |part: &str| part.starts_with('.') && part.chars().all(|c| matches!(c, '.' | ' '));
    !name.is_empty() && !name.contains(['/', '\0']) && !name.split('\\').any(leads_up)
}

/// The path of such names. What Windows would take for a path from a drive's root on begins here.
pub fn within(names: &[&str]) -> String {
    let path = names.join("/");
    let is_rooted = path.starts_with('\\') || path.as_bytes().get(1) == Some(&b':');
    if is_rooted { format!("./{path}") } else { path }
}

/// Why a member of an archive is not taken, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("its path is not UTF-8")]
    NotText,
    #[error("its path begins with a slash")]
    Absolute,
    #[error("its path leads upwards")]
    Upwards,
    #[error("its path has a NUL in it")]
    Nul,
    #[error("a name in its path is too long")]
    LongName,
    #[error("it is too deep")]
    TooDeep,
}

/// The names in a path of an archive that is read; none are the directory itself. Names of nothing, and a dot,
/// say nothing, as programs write `./a` and `a//b`.
pub fn names(path: &[u8]) -> Result<Vec<&str>, BadPath> {
    let path = std::str::from_utf8(path).map_err(|_| BadPath::NotText)?;
    if path.contains('\0') {
        return Err(BadPath::Nul);
    }
    if path.starts_with('/') {
        return Err(BadPath::Absolute);
    }
    let mut names = Vec::new();
    for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match name {
            ".." => return Err(BadPath::Upwards),
            name if name.len() > NAME_MAX => return Err(BadPath::LongName),
            _ if names.len() == PATH_MAX => return Err(BadPath::TooDeep),
            name => names.push(name),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_wherever_it_is_unpacked() {
        for good in
            ["a", ".a", "..a", "a\\b", "a:b", "C:", "\n", " ", "a..", "...a", "~", "-rf", "a "]
        {
            assert!(is_fit(good), "{good:?}");
        }
        for bad in
            ["", ".", "..", "...", ".. ", ". .", "a/b", "/", "a\0", "..\\x", "a\\..", "\\.. \\x"]
        {
            assert!(!is_fit(bad), "{bad:?}");
        }
        assert_eq!(within(&["a", "b c"]), "a/b c");
        assert_eq!(within(&["C:", "x"]), "./C:/x");
        assert_eq!(within(&["\\x"]), "./\\x");
    }

    #[test]
    fn a_path_is_taken_if_it_cannot_be_meant_otherwise() {
        assert_eq!(names(b"./a//b/./c/").unwrap(), ["a", "b", "c"]);
        assert_eq!(names(b"a\\..\\b").unwrap(), ["a\\..\\b"]);
        for nothing in [&b""[..], b".", b"./", b".//./"] {
            assert!(names(nothing).unwrap().is_empty(), "{nothing:?}");
        }
        assert_eq!(names(b"/etc/passwd"), Err(BadPath::Absolute));
        assert_eq!(names(b"a/../../b"), Err(BadPath::Upwards));
        assert_eq!(names(b".."), Err(BadPath::Upwards));
        assert_eq!(names(b"a\0b"), Err(BadPath::Nul));
        assert_eq!(names(b"a\xff"), Err(BadPath::NotText));
    }

    #[test]
    fn paths_have_an_end() {
        let long = |length: usize| "a".repeat(length).into_bytes();
        assert!(names(&long(NAME_MAX)).is_ok());
        assert_eq!(names(&long(NAME_MAX + 1)), Err(BadPath::LongName));
        let deep = |depth: usize| vec!["a"; depth].join("/").into_bytes();
        assert_eq!(names(&deep(PATH_MAX)).map(|names| names.len()), Ok(PATH_MAX));
        assert_eq!(names(&deep(PATH_MAX + 1)), Err(BadPath::TooDeep));
    }
}
