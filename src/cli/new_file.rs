//! A local file that somebody asked for: where it replaces what is there it is whole or not there at
//! all, whether its making fails or is interrupted.

use crate::base::lock::locked;
use crate::gateway::destination::{Destination, Given, Writing};
use crate::node::signals::{ENDING, Signals};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, Once};

/// Files that an interrupted process must not leave behind.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Whatever stands at a path, being written; [`NewFile::keep`] makes a file of it.
pub struct NewFile {
    writing: Option<Writing>,
}

impl NewFile {
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_as(path, Given::default())
    }

    /// The same, where more is known of what a whole file is to be.
    pub fn create_as(path: &Path, given: Given) -> io::Result<Self> {
        watch_for_interrupts();
        let destination = Destination::find(path)?;
        // Not while a FIFO waits for its reader: an interrupt must be heard there.
        let whole = matches!(destination, Destination::Whole(..));
        let unfinished = whole.then(unfinished);
        let writing = destination.open_as(given)?;
        if let (Some(mut unfinished), Some(name)) = (unfinished, writing.unfinished()) {
            unfinished.insert(name.to_owned());
        }
        Ok(Self { writing: Some(writing) })
    }

    /// Whether it is written beside its place, and nothing of it seen before it is kept.
    pub fn is_whole(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| writing.unfinished().is_some())
    }

    /// The file is whole: from now on it stands under its own name.
    pub fn keep(mut self) -> io::Result<()> {
        self.end(Writing::keep)
    }

    fn end(&mut self, how: impl FnOnce(Writing) -> io::Result<()>) -> io::Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let name = writing.unfinished().map(Path::to_owned);
        let ended = how(writing);
        if let Some(name) = name {
            unfinished().remove(&name);
        }
        ended
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writing.as_mut().map_or(Ok(0), |writing| writing.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writing.as_mut().map_or(Ok(()), Writing::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = self.end(|writing| {
            drop(writing);
            Ok(())
        });
    }
}

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    locked(&UNFINISHED)
}

/// From the first call on, whatever signal would end this process has it remove
/// unfinished files first.
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
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    let signal = runtime.block_on(async {
        let mut signals = Signals::of(ENDING).ok()?;
        let _ = ready.send(());
        Some(signals.wait().await)
    });
    let Some(signal) = signal else { return };
    // Held to the end: nobody makes another file now.
    let unfinished = unfinished();
    for name in unfinished.iter() {
        let _ = std::fs::remove_file(name);
    }
    // As a shell says of a process that a signal ended.
    exit(128 + signal.as_raw());
}
