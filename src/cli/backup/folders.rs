//! The directories of a backup: immutable, from the deepest up, made unless the database knows one
//! with the same children.

use super::files::Stored;
use super::{Report, Run};
use crate::cli::kept::metadata;
use crate::cli::objects::{NewChild, children_body};
use crate::cli::output::remark;
use crate::cli::progress::Progress;
use crate::cli::tree::{Folder, TOP, Tree};
use crate::cli::{CliError, parallel};
use std::fs;

/// A directory that is in the grid, and whether it was made just now.
type Made = (String, bool);

impl Run<'_> {
    /// Sees to it that all folders of the tree are in the grid; returns the cap of the first.
    pub fn folders(
        &self,
        tree: &Tree,
        files: &[Option<Stored>],
        report: &mut Report,
    ) -> Result<String, CliError> {
        let mut caps: Vec<Option<String>> = vec![None; tree.folders.len()];
        let progress = Progress::finding();
        for level in tree.levels() {
            let made = parallel::each(level, |number| {
                let Some(folder) = tree.folder(number) else { return Ok(None) };
                let body = content(folder, tree, files, &caps);
                let make = || self.folder(&body, folder);
                let made = match number {
                    // Without the first there is no snapshot.
                    TOP => Some(self.many.patiently(make)?),
                    _ => self.many.one(&folder.path, &progress, make)?,
                };
                Ok(made.map(|made| (number, made)))
            })?;
            for (number, (cap, new)) in made.into_iter().flatten() {
                *if new { &mut report.made } else { &mut report.kept } += 1;
                if let Some(slot) = caps.get_mut(number) {
                    *slot = Some(cap);
                }
            }
        }
        let top = caps.into_iter().nth(TOP).flatten();
        top.ok_or_else(|| CliError::new("There is nothing to back up", "Name a folder."))
    }

    fn folder(&self, body: &str, folder: &Folder) -> Result<Made, CliError> {
        let known = self.database.folder(body).filter(|_| !self.ignore_timestamps);
        if let Some(known) = known.filter(|known| self.may_reuse(known)) {
            return Ok((known.cap, false));
        }
        let answer = self.connection.post("/uri?t=mkdir-immutable", body)?;
        let cap = answer.success("")?.text()?;
        self.database.set_folder(body, &cap, self.now);
        if self.verbose {
            let path = if folder.path.is_empty() { "." } else { &folder.path };
            remark(format_args!("made directory {path}"));
        }
        Ok((cap, true))
    }
}

/// The children of a folder, in the order of their names: the same content, the same text.
pub fn content(
    folder: &Folder,
    tree: &Tree,
    files: &[Option<Stored>],
    folders: &[Option<String>],
) -> String {
    let files = folder.files.iter().filter_map(|(name, number)| {
        let stored = files.get(*number)?.as_ref()?;
        let metadata = Some(stored.metadata.clone());
        Some(NewChild { name, directory: false, cap: &stored.cap, writable: false, metadata })
    });
    let folders = folder.folders.iter().filter_map(|(name, number)| {
        let cap = folders.get(*number)?.as_deref()?;
        let path = tree.folder(*number)?.local.as_ref();
        let metadata = path.and_then(|path| fs::metadata(path).ok()).map(|one| metadata(&one));
        Some(NewChild { name, directory: true, cap, writable: false, metadata })
    });
    let mut all: Vec<_> = files.chain(folders).collect();
    all.sort_unstable_by_key(|child| child.name);
    children_body(all)
}
