//! The files of a backup: stored unless the database knows them.

use super::database::{Known, Stamp};
use super::{Report, Run};
use crate::cli::cp::{nothing_stored, store};
use crate::cli::kept::metadata;
use crate::cli::progress::Progress;
use crate::cli::tree::{Leaf, Source, Tree};
use crate::cli::{CliError, parallel};
use crate::disk::is_empty;
use serde_json::{Map, Value};
use std::fs::{self, Metadata};
use std::path::Path;

/// A file that is in the grid.
pub struct Stored {
    pub cap: String,
    pub metadata: Map<String, Value>,
    /// So many bytes of it were read and sent just now; none if it was known.
    new: Option<u64>,
}

impl Stored {
    /// One that an earlier backup stored.
    pub fn reused(cap: String, facts: &Metadata) -> Self {
        Self { cap, metadata: metadata(facts), new: None }
    }
}

impl Run<'_> {
    /// Sees to it that all files of the tree are in the grid, several at a time; none for one that
    /// could not be read.
    pub fn files(&self, tree: &Tree, report: &mut Report) -> Result<Vec<Option<Stored>>, CliError> {
        let progress = Progress::files(tree.bytes(), tree.files.len());
        let all = parallel::each(tree.files.iter().collect(), |leaf: &Leaf| {
            let Source::Local(path) = &leaf.source else { return Ok(None) };
            self.many.one(&leaf.path, &progress, || self.file(path, leaf, &progress))
        });
        progress.finish();
        let all = all?;
        if !all.is_empty() && all.iter().all(Option::is_none) {
            return Err(nothing_stored());
        }
        for stored in &all {
            match stored.as_ref().map(|stored| stored.new) {
                Some(Some(bytes)) => {
                    report.stored += 1;
                    report.bytes += bytes;
                }
                Some(None) => report.reused += 1,
                None => {}
            }
        }
        Ok(all)
    }

    fn file(&self, path: &Path, leaf: &Leaf, progress: &Progress) -> Result<Stored, CliError> {
        if let Some(stored) = self.known(path) {
            self.tell(progress, "reused", leaf);
            progress.skip(leaf.size);
            return Ok(stored);
        }
        let (cap, file) = store(path, self.connection, progress)?;
        progress.file_done();
        self.tell(progress, "stored", leaf);
        let before = Stamp::of(file.metadata());
        // One that was written to meanwhile is read again next time, and one whose facts say nothing.
        let is_told = file.metadata().len() == file.read_so_far();
        if is_told && file.metadata_now().is_ok_and(|now| Stamp::of(&now) == before) {
            self.database.set_file(path, before, &cap, self.now);
        }
        let new = Some(file.read_so_far());
        Ok(Stored { cap, metadata: metadata(file.metadata()), new })
    }

    /// For the user who asked for every line.
    fn tell(&self, progress: &Progress, what: &str, leaf: &Leaf) {
        if self.verbose {
            progress.remark(format_args!("{what} {}", leaf.path));
        }
    }

    /// A file that an earlier backup stored, that did not change and that is still there.
    fn known(&self, path: &Path) -> Option<Stored> {
        let (known, facts) = self.remembered_file(path)?;
        self.may_reuse(&known).then(|| Stored::reused(known.cap, &facts))
    }

    /// What the database says of a file that did not change.
    pub fn remembered_file(&self, path: &Path) -> Option<(Known, Metadata)> {
        if self.ignore_timestamps {
            return None;
        }
        let facts = fs::metadata(path).ok()?;
        // What is said to be empty may be made up as it is read.
        if facts.len() == 0 && !is_empty(path).unwrap_or(false) {
            return None;
        }
        let known = self.database.file(path, Stamp::of(&facts))?;
        Some((known, facts))
    }
}
