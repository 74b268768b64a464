//! A folder of this machine, read into a [`Tree`].

use super::nodes::{self, Keys};
use super::{Count, Identity, Kind, Source, Tree};
use crate::cli::CliError;
use crate::cli::local::{path_shown, unreadable};
use std::ffi::OsStr;
use std::fs::{self, DirEntry, FileType, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What becomes of what is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A copy: what symbolic links lead to is copied, if they are followed.
    Copy { links: bool },
    /// A snapshot: symbolic links, special files and private keys are not in it, which is no failure.
    Snapshot,
}

impl For {
    pub fn is_snapshot(self) -> bool {
        self == Self::Snapshot
    }

    fn follows_links(self) -> bool {
        self == Self::Copy { links: true }
    }
}

/// What is read.
pub struct Rules<'a> {
    pub what_for: For,
    /// Asked for every name.
    pub wanted: &'a dyn Fn(&OsStr) -> bool,
    /// Asked after every folder whether to go on with so many copies of the same.
    pub fine: &'a dyn Fn(Count) -> Result<(), CliError>,
}

impl Tree<'_> {
    /// Reads the folder `path` and all below it into `into`. What cannot be read is left out.
    pub fn read_local(&mut self, into: usize, path: &Path, rules: &Rules) -> Result<(), CliError> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if let Some(reason) = nodes::reason_against(path, rules.what_for) {
            return Err(CliError::new(
                format!("{} is not copied: {reason}", path_shown(path)),
                "Stop a node to copy its folder; keep its keys where nobody else reads them.",
            ));
        }
        // The first one must be readable; nothing was asked for but this.
        fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        if let Some(folder) = self.folders.get_mut(into) {
            folder.identity = Some(identity(&metadata));
            folder.local = Some(path.to_owned());
            self.identities.insert(identity(&metadata));
        }
        let mut waiting = vec![(into, path.to_owned())];
        while let Some((number, path)) = waiting.pop() {
            let keys = Keys::of(&path, rules.what_for);
            for entry in self.entries(number, &path) {
                if !(rules.wanted)(&entry.file_name()) {
                    continue;
                }
                let Some(name) = self.name(number, &entry) else { continue };
                if let Some(reason) = keys.reason_against(&entry.file_name()) {
                    self.pass_over(&self.path_in(number, &name), reason);
                    continue;
                }
                if let Some(folder) = self.add_entry(number, &name, &entry, rules.what_for) {
                    waiting.push((folder, entry.path()));
                }
            }
            (rules.fine)(self.copies)?;
        }
        Ok(())
    }

    /// A folder of this machine as a folder in `above`.
    pub fn add_local_folder(&mut self, above: usize, name: &str, path: &Path) -> Option<usize> {
        let metadata = fs::metadata(path).ok()?;
        let number = self.add_folder(above, name, Some(identity(&metadata)))?;
        self.folders.get_mut(number)?.local = Some(path.to_owned());
        Some(number)
    }

    /// What is in a folder, sorted by name; nothing if it cannot be read.
    fn entries(&mut self, folder: usize, path: &Path) -> Vec<DirEntry> {
        let listed = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match listed {
            Ok(mut entries) => {
                entries.sort_by_key(DirEntry::file_name);
                entries
            }
            Err(error) => {
                let path = self.folder(folder).map(|folder| folder.path.clone());
                self.leave_out(&path.unwrap_or_default(), &error.to_string());
                Vec::new()
            }
        }
    }

    fn name(&mut self, folder: usize, entry: &DirEntry) -> Option<String> {
        match entry.file_name().into_string() {
            Ok(name) => Some(name),
            Err(name) => {
                let path = self.path_in(folder, &name.to_string_lossy());
                self.leave_out(&path, "its name is not UTF-8");
                None
            }
        }
    }

    /// Adds a file, or a folder, whose number is returned.
    fn add_entry(
        &mut self,
        above: usize,
        name: &str,
        entry: &DirEntry,
        what_for: For,
    ) -> Option<usize> {
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| FileType::is_symlink(&kind));
        if is_link && !what_for.follows_links() {
            self.count_out(Kind::Link, above, name);
            return None;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match nodes::reason_against_folder(&path) {
                Some(reason) => self.pass_over(&self.path_in(above, name), reason),
                None => return self.add_local_folder(above, name, &path),
            },
            Ok(metadata) if metadata.is_file() => {
                self.add_file(above, name, Source::Local(path), metadata.len());
            }
            Ok(_) if what_for.is_snapshot() => self.count_out(Kind::Special, above, name),
            Ok(_) => self.leave_out(&self.path_in(above, name), "it is no file and no folder"),
            Err(error) => self.leave_out(&self.path_in(above, name), &error.to_string()),
        }
        None
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}
