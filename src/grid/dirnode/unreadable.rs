//! What of a directory does not open: left out of what is listed, counted, and named, so that it
//! harms nothing but itself and a writer can be rid of it.
//!
//! Whoever may write a directory may sign rows of any bytes. None of them is the failure of the
//! others.

use super::DirError;
use crate::base::base32;
use crate::base::limits::UNREADABLE_NAMED_MAX;
use crate::vdrive::format::RowId;
use std::fmt;

/// How something that does not open is called: it has no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nameless {
    /// A row of a directory on a vdrive server.
    Row(RowId),
    /// An entry of an immutable directory's table, the first being 1.
    Entry(u64),
}

/// Something that does not open, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened {
    pub what: Nameless,
    pub why: &'static str,
}

/// All that does not open in one directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreadable {
    pub count: u64,
    /// The first of them, at most [`UNREADABLE_NAMED_MAX`].
    pub named: Vec<Unopened>,
}

impl Nameless {
    /// A row as it is called in texts and addresses.
    pub fn parse_row(text: &str) -> Option<RowId> {
        base32::decode_array(text.trim()).ok()
    }
}

impl Unopened {
    pub(super) fn row(id: &RowId, error: &DirError) -> Self {
        Self { what: Nameless::Row(*id), why: why(error) }
    }

    pub(super) fn entry(number: u64, error: &DirError) -> Self {
        Self { what: Nameless::Entry(number), why: why(error) }
    }
}

impl Unreadable {
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn note(&mut self, one: Unopened) {
        self.count += 1;
        if self.named.len() < UNREADABLE_NAMED_MAX {
            self.named.push(one);
        }
    }
}

fn why(error: &DirError) -> &'static str {
    match error {
        DirError::Corrupt(why) => why,
        _ => "it makes no sense",
    }
}

impl fmt::Display for Nameless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(id) => f.write_str(&base32::encode(id)),
            Self::Entry(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, why } = self;
        match what {
            Nameless::Row(_) => write!(
                f,
                "row {what} of the directory does not open ({why}); to be rid of it, whoever may \
                 change the directory runs `tahoe rm --row {what} DIRECTORY`"
            ),
            Nameless::Entry(_) => {
                write!(f, "entry {what} of the immutable directory does not open ({why})")
            }
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("1 thing in it does not open"),
            count => write!(f, "{count} things in it do not open"),
        }
    }
}
