//! What becomes of a directory whose log is damaged.
//!
//! ```text
//! nothing newer can be missing   the damaged log goes to quarantine/, a good one takes its place
//! an older state is whole        the damaged log goes to quarantine/, and that state is served from
//!                                there, to be read only, until `tahoe debug salvage-dirnode`
//! no state is whole              the damaged log goes to quarantine/; calls are answered `CORRUPT`
//! ```
//! A damaged log is never cut, changed or deleted. A log that is put in the directory's place, from a
//! backup or by that command, counts from the next start on.

use super::directory::{Directory, new_path, short};
use super::error::{Result, VdriveError};
use super::format::DirectoryId;
use super::paths::id_of;
use super::salvage::{Findings, salvage};
use super::store::{Store, StoreConfig};
use crate::disk::{Disk, Mode};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Writes the newest whole state of a damaged log to another file, which must not be there yet.
pub fn salvage_to(disk: &Disk, log: &Path, to: &Path) -> Result<Findings> {
    let (directory, findings) = salvage(disk, log)?;
    let new = new_path(to);
    directory.write_to(&new)?;
    disk.rename_new(&new, to)?;
    Ok(findings)
}

/// Puts the newest whole state of each directory that is in quarantine only in its place; what was
/// found of each. No server may have the folder open.
pub fn restore_all(dir: &Path) -> Result<Vec<(DirectoryId, Result<Findings>)>> {
    let store = Store::open(StoreConfig { index_on_disk: false, ..StoreConfig::new(dir) })?;
    let entries = store.disk.list(&store.paths.quarantine())?;
    let ids: BTreeSet<_> = entries.iter().filter_map(|entry| id_of(&entry.name)).collect();
    let away = ids.into_iter().filter(|id| {
        let served = store.disk.open(&store.paths.log(id), Mode::Read);
        served.is_err_and(|error| error.kind() == ErrorKind::NotFound)
    });
    let restored = away.map(|id| (id, store.restore(&id)));
    Ok(restored.collect())
}

impl Store {
    /// Reads a directory back, past damage if there is any.
    pub(super) fn load(&self, id: &DirectoryId) -> Result<Directory> {
        let path = self.paths.log(id);
        let at = match Directory::load(&self.disk, path.clone(), !self.trusted) {
            Ok(directory) if directory.facts.id == *id => return Ok(directory),
            Ok(_) | Err(VdriveError::Corrupt) => path.clone(),
            Err(VdriveError::NoSuchDirectory) => {
                self.quarantined(id).ok_or(VdriveError::NoSuchDirectory)?
            }
            Err(error) => return Err(error),
        };
        let found = salvage(&self.disk, &at).and_then(|found| match found.0.facts.id == *id {
            true => Ok(found),
            false => Err(VdriveError::Corrupt),
        });
        if let Err(error) = &found
            && *error != VdriveError::Corrupt
        {
            // The disk, and not what is on it.
            return Err(error.clone());
        }
        if let Ok((directory, findings)) = &found
            && findings.complete
        {
            match self.put_right(id, directory) {
                Ok(()) => {
                    tracing::error!(id = short(id), %findings, "a damaged directory was put right");
                    return Directory::load(&self.disk, path, !self.trusted);
                }
                Err(error) => tracing::error!(id = short(id), %error, "it cannot be written anew"),
            }
        }
        if at == path {
            self.set_aside(id);
        }
        let (directory, findings) = found.inspect_err(|error| {
            tracing::error!(id = short(id), %error, "nothing of a damaged directory is whole");
        })?;
        tracing::error!(
            id = short(id),
            %findings,
            "a directory is damaged; what is whole is served, and takes no changes until \
             `tahoe debug salvage-dirnode` is run"
        );
        Ok(directory)
    }

    /// The damaged log that was moved aside last.
    fn quarantined(&self, id: &DirectoryId) -> Option<PathBuf> {
        self.paths.quarantined(id).filter(|path| self.disk.open(path, Mode::Read).is_ok()).last()
    }

    /// Puts the newest whole state in the place of a directory that is in quarantine.
    fn restore(&self, id: &DirectoryId) -> Result<Findings> {
        let log = self.quarantined(id).ok_or(VdriveError::NoSuchDirectory)?;
        let (directory, findings) = salvage(&self.disk, &log)?;
        self.put_right(id, &directory)?;
        Ok(findings)
    }

    /// A good log in the place of a damaged one, which is kept.
    fn put_right(&self, id: &DirectoryId, good: &Directory) -> Result<()> {
        self.make_prefix(id)?;
        let path = self.paths.log(id);
        let new = new_path(&path);
        good.write_to(&new)?;
        if good.path == path {
            self.move_aside(id)?;
        }
        self.disk.rename_new(&new, &path)?;
        Ok(self.disk.sync_dir(&self.paths.prefix(id))?)
    }

    fn set_aside(&self, id: &DirectoryId) {
        match self.move_aside(id) {
            Ok(()) => tracing::error!(id = short(id), "a damaged directory was moved aside"),
            Err(error) => tracing::error!(id = short(id), %error, "a directory is damaged"),
        }
    }

    /// Moves a log to where it is kept.
    fn move_aside(&self, id: &DirectoryId) -> io::Result<()> {
        let (folder, path) = (self.paths.quarantine(), self.paths.log(id));
        self.disk.mkdir(&folder)?;
        for aside in self.paths.quarantined(id) {
            match self.disk.rename_new(&path, &aside) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                moved => {
                    moved?;
                    self.disk.sync_dir(&folder)?;
                    return self.disk.sync_dir(&self.paths.prefix(id));
                }
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}
