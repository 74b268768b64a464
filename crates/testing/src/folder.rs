//! Where a server of a test keeps what it has.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tahoe::disk::Disk;
use tahoe::disk::memory::MemoryDisk;
use tempfile::TempDir;

/// A folder of its own, on a disk of either kind; gone when it is dropped.
pub struct Folder {
    pub disk: Disk,
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Folder {
    pub fn real() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().to_owned();
        Self { disk: Disk::real(), path, _temporary: Some(temporary) }
    }

    pub fn memory() -> Self {
        let disk = Disk::new(Arc::new(MemoryDisk::new()));
        Self { disk, path: "/server".into(), _temporary: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
