//! What is kept: a line each in the node's file `private/keep`.
//!
//! ```text
//! private          the owner's drive
//! global           the one that the grid shares
//! URI:…            any cap; a verify cap of a file is enough
//! # …              nothing
//! ```
//! Without the file both drives are kept.

use crate::base::limits::KEPT_MAX;
use crate::cap::Cap;
use std::str::FromStr;

/// In a node's directory.
pub const FILE: &str = "private/keep";

/// One thing that is kept, with all below it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    Private,
    Global,
    Cap(Cap),
}

/// A line that names nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not `private`, `global` or a capability")]
pub struct NotKept;

impl FromStr for Kept {
    type Err = NotKept;

    fn from_str(line: &str) -> Result<Self, NotKept> {
        match line {
            "private" => Ok(Self::Private),
            "global" => Ok(Self::Global),
            cap => Cap::parse(cap).map(Self::Cap).map_err(|_| NotKept),
        }
    }
}

impl Kept {
    /// As it stands in the file: this gives the cap away.
    pub fn line(&self) -> String {
        match self {
            Self::Private => "private".to_owned(),
            Self::Global => "global".to_owned(),
            Self::Cap(cap) => cap.reveal(),
        }
    }

    /// What it is called where a cap must not be seen.
    pub fn name(&self) -> String {
        match self {
            Self::Private => "private".to_owned(),
            Self::Global => "global".to_owned(),
            Self::Cap(cap) => cap.index_text(),
        }
    }
}

/// What a file says, and the numbers of the lines that say nothing, from 1. No file: both drives.
pub fn parse(text: Option<&str>) -> (Vec<Kept>, Vec<usize>) {
    let Some(text) = text else { return (vec![Kept::Private, Kept::Global], Vec::new()) };
    let (mut kept, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.parse() {
            Ok(one) if kept.len() < KEPT_MAX => kept.push(one),
            _ => bad.push(number),
        }
    }
    (kept, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_file_both_drives_are_kept_and_with_one_what_it_says() {
        assert_eq!(parse(None), (vec![Kept::Private, Kept::Global], vec![]));
        assert_eq!(parse(Some("")), (vec![], vec![]));
        let lit = "URI:LIT:me";
        let text = format!("# mine\n\n  private\nnonsense\n{lit}\n");
        let (kept, bad) = parse(Some(&text));
        assert_eq!(kept.iter().map(Kept::line).collect::<Vec<_>>(), ["private", lit]);
        assert_eq!(bad, [4]);
    }

    #[test]
    fn no_more_is_kept_than_is_read() {
        let (kept, bad) = parse(Some(&"global\n".repeat(KEPT_MAX + 2)));
        assert_eq!((kept.len(), bad.len()), (KEPT_MAX, 2));
    }
}
