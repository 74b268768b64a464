//! How many copies of the same a command makes where several links lead there: so many as are asked
//! for, since the links of a few directories can make more than any disk holds.

use crate::base::limits::{COPIED_BYTES_MAX, COPIES_MAX};
use crate::cli::CliError;
use crate::cli::output::remark;
use crate::cli::tree::Count;
use indicatif::{DecimalBytes, HumanCount};
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What may be made without asking; see [`Copies::check`].
pub struct Copies {
    most: AtomicU64,
    bytes: AtomicU64,
}

impl Copies {
    /// So many as the user said, or a few.
    pub fn new(most: Option<u64>) -> Self {
        let bytes = if most.is_some() { u64::MAX } else { COPIED_BYTES_MAX };
        Self { most: AtomicU64::new(most.unwrap_or(COPIES_MAX)), bytes: AtomicU64::new(bytes) }
    }

    /// Whether so many copies, beyond the first of each, may be made; a person is asked where there is
    /// one, and asked again when it has become ten times as much.
    pub fn check(&self, copies: Count) -> Result<(), CliError> {
        if copies.things() <= self.most.load(Relaxed) && copies.bytes <= self.bytes.load(Relaxed) {
            return Ok(());
        }
        let what = format!(
            "Several links lead to the same folders: {} more files and {} more folders, {}, would be \
             copies of what is copied already",
            HumanCount(copies.files),
            HumanCount(copies.folders),
            DecimalBytes(copies.bytes)
        );
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let advice = format!("If they are wanted, say so with --copies {}.", copies.things());
            return Err(CliError::new(what, advice));
        }
        remark(format_args!("{what}. Make them? [y/N]"));
        if !is_yes(io::stdin().lines().next()) {
            return Err(CliError::new("Nothing was copied", "Copy parts of it by themselves."));
        }
        self.most.store(copies.things().saturating_mul(10), Relaxed);
        self.bytes.store(copies.bytes.saturating_mul(10), Relaxed);
        Ok(())
    }
}

fn is_yes(line: Option<io::Result<String>>) -> bool {
    let line = line.and_then(Result::ok).unwrap_or_default();
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}

/// What is everywhere beyond what is there once.
pub fn beyond(once: Count, everywhere: Count) -> Count {
    Count {
        files: everywhere.files.saturating_sub(once.files),
        folders: everywhere.folders.saturating_sub(once.folders),
        bytes: everywhere.bytes.saturating_sub(once.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_copies_are_made_and_more_only_if_asked_for() {
        let copies = |files, folders, bytes| Count { files, folders, bytes };
        for (most, count, fine) in [
            (None, copies(1, COPIES_MAX - 2, 0), true),
            (None, copies(1, COPIES_MAX - 1, COPIED_BYTES_MAX), true),
            (None, copies(1, COPIES_MAX, 0), false),
            (None, copies(1, 0, COPIED_BYTES_MAX + 1), false),
            (Some(5), copies(2, 3, u64::MAX), true),
            (Some(5), copies(3, 3, 0), false),
            (Some(u64::MAX), copies(u64::MAX, u64::MAX, u64::MAX), true),
        ] {
            assert_eq!(Copies::new(most).check(count).is_ok(), fine, "{most:?} {count:?}");
        }
        assert_eq!(beyond(copies(1, 2, 3), copies(1, 5, 3)), copies(0, 3, 0));
    }

    #[test]
    fn only_yes_is_yes() {
        let line = |text: &str| Some(Ok(text.to_owned()));
        assert!(is_yes(line("y")) && is_yes(line("Yes ")));
        assert!(!is_yes(line("")) && !is_yes(line("no")) && !is_yes(None));
    }
}
