//! The folder that one server has to itself.

use super::Disk;
use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

/// Nobody else opens the folder while this lives.
pub type FolderLock = Box<dyn Any + Send + Sync>;

/// How often, and how long apart, a folder's lock is tried.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// Locks a folder against other processes; one that is just stopping gets a moment. `None`: another has
/// it.
pub fn lock(disk: &Disk, folder: &Path) -> io::Result<Option<FolderLock>> {
    for _ in 0..LOCK_TRIES {
        match disk.lock(folder) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(LOCK_PAUSE),
            locked => return locked.map(Some),
        }
    }
    Ok(None)
}

/// Makes a folder and one within it, durably, if they are not there and the folder's own place is.
pub fn prepare(disk: &Disk, folder: &Path, within: &Path) -> io::Result<()> {
    if disk.mkdir(folder)?
        && let Some(parent) = folder.parent()
    {
        disk.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
    }
    if disk.mkdir(within)? {
        disk.sync_dir(folder)?;
    }
    Ok(())
}
