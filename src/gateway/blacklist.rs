//! Objects that the owner does not want this gateway to touch: `access.blacklist` in the node's
//! folder, in the format of the original.
//!
//! ```text
//! # a remark
//! <storage index> <reason>
//! ```
//! A directory of a vdrive server is named as `?t=manifest` and `t=check` name it. The file is read
//! again when it has changed; without it nothing is prohibited. One that cannot be read prohibits
//! everything, since nobody can tell what it was to prohibit.

use super::answer::Failure;
use super::work::walk::index_text;
use crate::base::limits::BLACKLIST_MAX;
use crate::cap::Cap;
use crate::grid::deep::MayEnter;
use actix_web::http::StatusCode;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// When a file was changed, in seconds and nanoseconds, and its length.
type Stamp = (i64, i64, u64);

/// Reasons by storage index.
type Entries = HashMap<String, String>;

/// The file and what it said last. Clones share it.
#[derive(Clone, Default)]
pub struct Blacklist {
    file: Option<PathBuf>,
    read: Arc<Mutex<(Option<Stamp>, Entries)>>,
}

impl Blacklist {
    /// In that file, which need not be there.
    pub fn new(file: PathBuf) -> Self {
        Self { file: Some(file), read: Arc::default() }
    }

    /// 403 for what the owner prohibits.
    pub fn check(&self, cap: &Cap) -> Result<(), Failure> {
        let reason = self.reason(&index_text(cap)).map_err(|error| {
            tracing::error!(%error, "the file access.blacklist cannot be read");
            let text = "Access Prohibited: the node's file access.blacklist cannot be read.";
            Failure::forbidden(text)
        })?;
        match reason {
            None => Ok(()),
            Some(reason) => {
                let text = format!("Access Prohibited: {reason}");
                Err(Failure::new(StatusCode::FORBIDDEN, text))
            }
        }
    }

    /// For walks, which go around what is prohibited.
    pub fn may_enter(&self) -> MayEnter {
        let this = self.clone();
        Arc::new(move |cap| this.check(cap).is_ok())
    }

    fn reason(&self, index: &str) -> io::Result<Option<String>> {
        let Some(path) = &self.file else { return Ok(None) };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match std::fs::metadata(path) {
            Ok(file) => (file.mtime(), file.mtime_nsec(), file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *read = (None, Entries::new());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if read.0 != Some(changed) {
            let mut text = String::new();
            File::open(path)?.take(BLACKLIST_MAX).read_to_string(&mut text)?;
            *read = (Some(changed), parse(&text));
        }
        Ok(read.1.get(index).cloned())
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
        assert!(list.check(&one).is_ok());
        let index = one.storage_index().unwrap();
        fs::write(&path, format!("# why\n\n {index}  taken down,  by law\n")).unwrap();
        let refused = list.check(&one).unwrap_err();
        assert_eq!(refused.text, "Access Prohibited: taken down,  by law");
        assert_eq!(refused.status, 403);
        assert!(list.check(&literal).is_ok());
        fs::remove_file(&path).unwrap();
        assert!(list.check(&one).is_ok());
        fs::create_dir(&path).unwrap();
        assert_eq!(list.check(&one).unwrap_err().status, 403);
    }
}
