//! Names with `*` and `?` in them. Names of files are bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// A pattern for whole names.
#[derive(Debug, Clone)]
pub struct Glob(Vec<u32>);

/// Of a name: a character by its number, or a byte that is part of none.
const BYTE: u32 = 0x0100_0000;

fn units(name: &OsStr) -> Vec<u32> {
    let chunks = name.as_bytes().utf8_chunks();
    let units = chunks.flat_map(|chunk| {
        let others = chunk.invalid().iter().map(|byte| BYTE + u32::from(*byte));
        chunk.valid().chars().map(u32::from).chain(others)
    });
    units.collect()
}

impl Glob {
    pub fn parse(text: OsString) -> Result<Self, String> {
        if text.is_empty() || text.as_bytes().contains(&b'/') {
            return Err("what is accepted is a name without slashes, such as `*.o`".to_owned());
        }
        Ok(Self(units(&text)))
    }

    /// Whether all of `name` fits. Never more than one step back: linear for what people write.
    pub fn matches(&self, name: &OsStr) -> bool {
        const STAR: u32 = '*' as u32;
        const ONE: u32 = '?' as u32;
        let name = units(name);
        let (mut at, mut pos) = (0, 0);
        // Behind the last star, and how far that star reaches so far.
        let mut star: Option<(usize, usize)> = None;
        while let Some(unit) = name.get(pos) {
            match self.0.get(at) {
                Some(&STAR) => {
                    at += 1;
                    star = Some((at, pos));
                }
                Some(p) if *p == ONE || p == unit => {
                    at += 1;
                    pos += 1;
                }
                _ => match &mut star {
                    Some((behind, reach)) => {
                        *reach += 1;
                        (at, pos) = (*behind, *reach);
                    }
                    None => return false,
                },
            }
        }
        self.0.get(at..).is_some_and(|rest| rest.iter().all(|unit| *unit == STAR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &[u8]) -> Result<Glob, String> {
        Glob::parse(OsStr::from_bytes(pattern).to_owned())
    }

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, name, fits) in [
            ("*.o", "a.o", true),
            ("*.o", "a.oo", false),
            ("*.o", ".o", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aüc", true),
            ("*a*b*", "xxaxbx", true),
            ("*a*b*", "b a", false),
            ("*ab", "aab", true),
            ("*", "", true),
            ("ü*", "über", true),
            ("core", "core.c", false),
        ] {
            let found = glob(pattern.as_bytes()).unwrap().matches(name.as_ref());
            assert_eq!(found, fits, "{pattern} {name}");
        }
        assert!(glob(b"").is_err() && glob(b"a/b").is_err());
    }

    #[test]
    fn names_that_are_not_text_can_be_meant() {
        let name = OsStr::from_bytes(b"caf\xe9\xff.txt");
        for (pattern, fits) in [
            (&b"caf\xe9\xff.txt"[..], true),
            (b"caf??.txt", true),
            (b"caf?.txt", false),
            (b"*.txt", true),
            (b"caf\xe9*", true),
            (b"caf\xff*", false),
            ("caf\u{e9}*".as_bytes(), false),
        ] {
            assert_eq!(glob(pattern).unwrap().matches(name), fits, "{pattern:?}");
        }
    }
}
