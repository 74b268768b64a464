//! A local file that is there whole or not at all, whether its making fails or is interrupted.

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, Once, PoisonError};
use tempfile::NamedTempFile;

/// Files that an interrupted process must not leave behind.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Written under another name in the same folder; [`NewFile::keep`] gives it its own.
pub struct NewFile {
    temporary: Option<NamedTempFile>,
    path: PathBuf,
}

impl NewFile {
    pub fn create(path: &Path) -> io::Result<Self> {
        watch_for_interrupts();
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let temporary = tempfile::Builder::new()
            .prefix(".tahoe-get-")
            // What the umask leaves of these, as for any new file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        unfinished.insert(temporary.path().to_owned());
        Ok(Self { temporary: Some(temporary), path: path.to_owned() })
    }

    /// The file to write to.
    pub fn file(&mut self) -> io::Result<&mut File> {
        let temporary = self.temporary.as_mut();
        temporary.map(NamedTempFile::as_file_mut).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The file is whole: from now on it stands under its own name.
    pub fn keep(mut self) -> io::Result<()> {
        let Some(temporary) = self.temporary.take() else { return Ok(()) };
        let name = temporary.path().to_owned();
        let kept = temporary.persist(&self.path);
        forget(&name);
        kept.map(drop).map_err(|error| error.error)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let name = temporary.path().to_owned();
            drop(temporary);
            forget(&name);
        }
    }
}

fn forget(name: &Path) {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
}

/// From the first call on, Ctrl-C and a request to end remove unfinished files first.
fn watch_for_interrupts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let (ready, listening) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("interrupts".into());
        // Without it the process ends all the same, and may leave such a file.
        if thread.spawn(move || wait_for_one(&ready)).is_ok() {
            let _ = listening.recv();
        }
    });
}

fn wait_for_one(ready: &Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let code = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).ok()?;
        let mut terminate = signal(SignalKind::terminate()).ok()?;
        let _ = ready.send(());
        Some(tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 })
    });
    let Some(code) = code else { return };
    // Held to the end: nobody makes another file now.
    let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for name in unfinished.iter() {
        let _ = std::fs::remove_file(name);
    }
    exit(code);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = NewFile::create(&path).unwrap();
        file.file().unwrap().write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut file = NewFile::create(&path).unwrap();
        file.file().unwrap().write_all(b"whole").unwrap();
        file.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
