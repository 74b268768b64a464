//! Where things are in a vdrive directory.
//!
//! ```text
//! dirs/ab/ID.log        one directory; ab = the first two characters of its id in base32
//! dirs/ab/ID.new        the same, being written anew; of no meaning
//! quarantine/ID.log     a directory that was found damaged; ID-2.log and so on: once more
//! index/, index.clean   rebuildable from the logs
//! ```

use super::format::DirectoryId;
use crate::base::base32;
use crate::base::limits::QUARANTINED_MAX;
use crate::disk::kv::Place;
use std::path::PathBuf;

/// A vdrive directory.
#[derive(Clone, Debug)]
pub(super) struct Paths(pub PathBuf);

impl Paths {
    pub fn dirs(&self) -> PathBuf {
        self.0.join("dirs")
    }

    pub fn prefix(&self, id: &DirectoryId) -> PathBuf {
        let id = base32::encode(id);
        self.dirs().join(id.get(..2).unwrap_or(&id))
    }

    pub fn log(&self, id: &DirectoryId) -> PathBuf {
        self.prefix(id).join(file_name(id))
    }

    pub fn quarantine(&self) -> PathBuf {
        self.0.join("quarantine")
    }

    /// Where damaged logs of a directory are kept, the first one first.
    pub fn quarantined(&self, id: &DirectoryId) -> impl Iterator<Item = PathBuf> {
        let (folder, name) = (self.quarantine(), base32::encode(id));
        (1..=QUARANTINED_MAX).map(move |number| match number {
            1 => folder.join(format!("{name}.log")),
            _ => folder.join(format!("{name}-{number}.log")),
        })
    }

    pub fn index(&self) -> Place {
        Place { folder: self.0.join("index"), marker: self.0.join("index.clean") }
    }
}

fn file_name(id: &DirectoryId) -> String {
    format!("{}.log", base32::encode(id))
}

/// The directory whose log has this name.
pub(super) fn id_of(file_name: &str) -> Option<DirectoryId> {
    let name = file_name.strip_suffix(".log")?;
    base32::decode_array(name.split('-').next()?).ok()
}
