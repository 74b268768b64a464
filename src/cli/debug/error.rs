//! What a person is told when one of these commands fails.

use std::fmt;
use std::path::Path;

/// A failed command: one sentence on what happened, one on what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct DebugError {
    pub what: String,
    pub advice: String,
    pub kind: Kind,
}

/// What the exit code says of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Failed,
    /// The arguments cannot mean anything.
    Usage,
    /// Whoever read the output has seen enough.
    NobodyReads,
}

impl DebugError {
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), kind: Kind::Failed }
    }

    pub fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::new(what, advice) }
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
        let kind = match error.kind() {
            std::io::ErrorKind::BrokenPipe => Kind::NobodyReads,
            _ => Kind::Failed,
        };
        let what = format!("stdout cannot be written: {error}.");
        Self { kind, ..Self::new(what, "Check the program that reads it, or write to a file.") }
    }
}
