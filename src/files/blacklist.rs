//! Objects that the owner does not want this node to touch: `access.blacklist` in the node's
//! folder, in the format of the original.
//!
//! ```text
//! # a remark
//! <storage index> <reason>
//! ```
//! A directory of a vdrive server is named as `?t=manifest` and `t=check` name it. The file is read
//! again when it has changed; without it nothing is prohibited. One that cannot be read prohibits
//! everything, since nobody can tell what it was to prohibit.

use crate::base::limits::BLACKLIST_MAX;
use crate::base::lock::locked;
use crate::cap::Cap;
use crate::grid::Prohibitions;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// When a file was changed, in seconds and nanoseconds, and its length.
type Stamp = (i64, i64, u64);

/// Reasons by storage index.
type Entries = HashMap<String, String>;

/// The file and what it said last. Clones share it.
#[derive(Clone)]
pub struct Blacklist {
    file: PathBuf,
    read: Arc<Mutex<(Option<Stamp>, Entries)>>,
}

impl Blacklist {
    /// In that file, which need not be there.
    pub fn new(file: PathBuf) -> Self {
        Self { file, read: Arc::default() }
    }

    /// The reason against `cap`, whose index is made only where there is a list.
    fn find(&self, cap: &Cap) -> io::Result<Option<String>> {
        let changed = match std::fs::metadata(&self.file) {
            Ok(file) => (file.mtime(), file.mtime_nsec(), file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut read = locked(&self.read);
        if read.0 != Some(changed) {
            let mut text = String::new();
            File::open(&self.file)?.take(BLACKLIST_MAX).read_to_string(&mut text)?;
            *read = (Some(changed), parse(&text));
        }
        if read.1.is_empty() {
            return Ok(None);
        }
        drop(read);
        let index = cap.index_text();
        Ok(locked(&self.read).1.get(&index).cloned())
    }
}

impl Prohibitions for Blacklist {
    fn reason(&self, cap: &Cap) -> Option<String> {
        self.find(cap).unwrap_or_else(|error| {
            tracing::error!(%error, "the file access.blacklist cannot be read");
            Some("the node's file access.blacklist cannot be read.".to_owned())
        })
    }
}

fn parse(text: &str) -> Entries {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| match line.split_once(char::is_whitespace) {
        Some((index, reason)) => (index.to_owned(), reason.trim().to_owned()),
        None => (line.to_owned(), "no reason is given".to_owned()),
    };
    lines.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_file_says_what_is_prohibited_and_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.blacklist");
        let list = Blacklist::new(path.clone());
        let cap = |last: char| {
            let text =
                format!("URI:CHK:{}:{}:3:10:100", "a".repeat(25) + "e", "a".repeat(51) + "q");
            Cap::parse(&text.replace('q', &last.to_string())).unwrap()
        };
        let (one, literal) = (cap('a'), Cap::parse("URI:LIT:me").unwrap());
        assert_eq!(list.reason(&one), None);
        let index = one.storage_index().unwrap();
        fs::write(&path, format!("# why\n\n {index}  taken down,  by law\n")).unwrap();
        assert_eq!(list.reason(&one).unwrap(), "taken down,  by law");
        assert_eq!(list.reason(&literal), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(list.reason(&one), None);
        fs::create_dir(&path).unwrap();
        assert!(list.reason(&one).unwrap().contains("cannot be read"));
    }
}
