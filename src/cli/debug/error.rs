//! What a person is told when one of these commands fails.

use std::fmt;
use std::path::Path;

/// A failed command: one sentence on what happened, one on what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct DebugError {
    pub what: String,
    pub advice: String,
    /// The arguments cannot mean anything (exit code 2).
    pub usage: bool,
}

impl DebugError {
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), usage: false }
    }

    pub fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { usage: true, ..Self::new(what, advice) }
    }

    /// A file that could not be used.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        let what = format!("{} cannot be used: {error}.", path.display());
        Self::new(
            what,
            "Check that the path exists, that you may use it and that the disk has room.",
        )
    }
}

impl fmt::Display for DebugError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.advice)
    }
}

impl std::error::Error for DebugError {}

/// Standard output is the one thing whose failure has no path.
impl From<std::io::Error> for DebugError {
    fn from(error: std::io::Error) -> Self {
        Self::new(
            format!("The output could not be written: {error}."),
            "Check the program that reads it, or write to a file.",
        )
    }
}
