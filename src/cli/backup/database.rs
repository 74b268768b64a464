//! What earlier backups stored: which cap a file of this size and these times has, and which cap a
//! directory with this content has. Whether it is still there only the grid knows ([`super::audit`]).
//!
//! ```text
//! tree "files-GRID"    path                     → {"stamp": …, "cap": CAP, "checked": SECONDS}
//! tree "folders-GRID"  SHA-256d of the children → {"cap": CAP, "checked": SECONDS}
//! ```
//! `checked` is when it was stored, or last seen in the grid. It may be lost at any time: then everything is stored again, and gets the same caps. A damaged one
//! is moved aside.

use crate::base::base32;
use crate::base::hash::{sha256, tagged};
use crate::cli::CliError;
use crate::cli::output::remark;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Memory that sled may use for pages.
const CACHE: u64 = 8 << 20;

pub struct Database(Option<Trees>);

struct Trees {
    db: sled::Db,
    files: sled::Tree,
    folders: sled::Tree,
}

/// What tells whether a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FileRow {
    stamp: Stamp,
    cap: String,
    checked: u64,
}

#[derive(Serialize, Deserialize)]
struct FolderRow {
    cap: String,
    checked: u64,
}

/// A cap from an earlier backup.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    pub cap: String,
    /// When it was stored, or last seen in the grid; seconds since 1970.
    pub checked: u64,
}

/// Where the database keeps something.
pub enum Row {
    File(PathBuf),
    Folder([u8; 32]),
}

impl Row {
    /// That of a folder with this content.
    pub fn folder(content: &str) -> Self {
        Self::Folder(key(content))
    }
}

impl Database {
    /// One that knows nothing and keeps nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// The database in `folder`, for this grid; caps of another grid are of no use in it.
    pub fn open(folder: &Path, grid: &[u8]) -> Result<Self, CliError> {
        let busy = |error: &sled::Error| match error {
            sled::Error::Io(io) => {
                io.kind() == ErrorKind::WouldBlock || io.kind() == ErrorKind::Other
            }
            _ => false,
        };
        let trees = match Trees::open(folder, grid) {
            Ok(trees) => trees,
            Err(Some(error)) if busy(&error) => {
                return Err(CliError::new(
                    "Another backup with this node directory is running",
                    "Wait until it is finished.",
                ));
            }
            Err(_) => {
                let aside = folder.with_extension("damaged");
                remark(format_args!(
                    "the backup database is damaged; it goes to {} and a new one is begun",
                    aside.display()
                ));
                let _ = fs::remove_dir_all(&aside);
                let moved = fs::rename(folder, &aside);
                moved.map_err(|error| crate::cli::local::unwritable(folder, &error))?;
                Trees::open(folder, grid).map_err(|_| {
                    CliError::new(
                        format!("The backup database {} cannot be made", folder.display()),
                        "Check that you may write there and that the disk has room.",
                    )
                })?
            }
        };
        Ok(Self(Some(trees)))
    }

    pub fn file(&self, path: &Path, stamp: Stamp) -> Option<Known> {
        let trees = self.0.as_ref()?;
        let row: FileRow = get(&trees.files, path.as_os_str().as_bytes())?;
        (row.stamp == stamp).then_some(Known { cap: row.cap, checked: row.checked })
    }

    pub fn set_file(&self, path: &Path, stamp: Stamp, cap: &str, now: u64) {
        if let Some(trees) = &self.0 {
            let row = FileRow { stamp, cap: cap.to_owned(), checked: now };
            set(&trees.files, path.as_os_str().as_bytes(), &row);
        }
    }

    pub fn folder(&self, content: &str) -> Option<Known> {
        let trees = self.0.as_ref()?;
        let row: FolderRow = get(&trees.folders, &key(content))?;
        Some(Known { cap: row.cap, checked: row.checked })
    }

    pub fn set_folder(&self, content: &str, cap: &str, now: u64) {
        if let Some(trees) = &self.0 {
            set(&trees.folders, &key(content), &FolderRow { cap: cap.to_owned(), checked: now });
        }
    }

    /// What stands there was seen in the grid.
    pub fn set_checked(&self, row: &Row, now: u64) {
        let Some(trees) = &self.0 else { return };
        let (tree, key) = match row {
            Row::File(path) => (&trees.files, path.as_os_str().as_bytes()),
            Row::Folder(key) => (&trees.folders, key.as_slice()),
        };
        if let Some(mut facts) = get::<Map<String, Value>>(tree, key) {
            facts.insert("checked".to_owned(), now.into());
            set(tree, key, &facts);
        }
    }

    /// Lets the next backup know.
    pub fn flush(&self) {
        if let Some(trees) = &self.0 {
            let _ = caught(|| trees.db.flush());
        }
    }
}

impl Trees {
    /// None as the error: sled could not even say what is wrong.
    fn open(folder: &Path, grid: &[u8]) -> Result<Self, Option<sled::Error>> {
        caught(|| {
            let db = sled::Config::new().path(folder).cache_capacity(CACHE).open()?;
            // It is under private/ already; whoever copies the folder elsewhere keeps this.
            let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
            let grid = base32::encode(&sha256(grid));
            let files = db.open_tree(format!("files-{grid}"))?;
            let folders = db.open_tree(format!("folders-{grid}"))?;
            Ok(Self { db, files, folders })
        })
    }
}

fn key(content: &str) -> [u8; 32] {
    tagged(b"tahoe_backup_directory_v1", content.as_bytes())
}

/// Sled may panic on a damaged store.
fn caught<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Option<sled::Error>> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(Some),
        Err(_) => Err(None),
    }
}

/// A row; none if there is no readable one, which only costs time.
fn get<T: DeserializeOwned>(tree: &sled::Tree, key: &[u8]) -> Option<T> {
    let bytes = caught(|| tree.get(key)).ok()??;
    serde_json::from_slice(&bytes).ok()
}

fn set<T: Serialize>(tree: &sled::Tree, key: &[u8], row: &T) {
    if let Ok(bytes) = serde_json::to_vec(row) {
        let _ = caught(|| tree.insert(key, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_while_it_does_not_change_and_in_its_grid_only() {
        let folder = tempfile::tempdir().unwrap();
        let (path, place) = (folder.path().join("file"), folder.path().join("db"));
        fs::write(&path, "one").unwrap();
        let stamp = Stamp::of(&fs::metadata(&path).unwrap());
        let database = Database::open(&place, b"grid").unwrap();
        assert_eq!(database.file(&path, stamp), None);
        database.set_file(&path, stamp, "CAP", 5);
        let known = |checked| Some(Known { cap: "CAP".into(), checked });
        assert_eq!(database.file(&path, stamp), known(5));
        database.set_checked(&Row::File(path.clone()), 7);
        assert_eq!(database.file(&path, stamp), known(7));
        fs::write(&path, "three").unwrap();
        assert_eq!(database.file(&path, Stamp::of(&fs::metadata(&path).unwrap())), None);
        database.set_folder("{}", "DIR", 0);
        database.set_checked(&Row::folder("{}"), 9);
        assert_eq!(database.folder("{}"), Some(Known { cap: "DIR".into(), checked: 9 }));
        database.set_checked(&Row::folder("other"), 9);
        assert_eq!(database.folder("other"), None);
        assert!(Database::open(&place, b"grid").is_err(), "one backup at a time");
        drop(database);
        let other = Database::open(&place, b"other grid").unwrap();
        assert_eq!((other.file(&path, stamp), other.folder("{}")), (None, None));
    }

    #[test]
    fn a_damaged_database_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("backup.sled");
        fs::write(&place, "this is no folder").unwrap();
        let database = Database::open(&place, b"").unwrap();
        database.set_folder("{}", "DIR", 0);
        assert!(folder.path().join("backup.damaged").exists());
    }
}
