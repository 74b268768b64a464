//! One process a node directory.
//!
//! `node.lock` is locked twice while a node runs: `flock` keeps a second node out, also one in the
//! same process, and a record lock lets the kernel tell who holds it, so that `stop` signals the
//! process that really runs this node and never one that inherited a number. Both end with the
//! process, however it ends.

use super::basedir::{Basedir, BasedirError, io_error};
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use rustix::process::{Flock, FlockType, Pid, Signal, fcntl_getlk, kill_process};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::time::{Duration, Instant};

const NAME: &str = "node.lock";
/// How often a command looks whether a stopping node is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A node gets so long to stop cleanly; transfers under way get three seconds of it.
const STOP_TIME: Duration = Duration::from_secs(20);
/// A killed process is gone as soon as the kernel has written its pages.
const KILL_TIME: Duration = Duration::from_secs(20);

/// Held by the process that runs a node.
#[derive(Debug)]
pub struct NodeLock {
    file: File,
}

impl NodeLock {
    /// Takes the directory for this process, or says who has it.
    pub fn take(basedir: &Basedir) -> Result<Self, BasedirError> {
        let mut file = open(basedir)?;
        let fail = |source| io_error(&basedir.join(NAME), source);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let pid = holder(&file).map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
                return Err(BasedirError::InUse { path: basedir.path().to_owned(), pid });
            }
            Err(error) => return Err(fail(error.into())),
        }
        // Where record locks do not work, the number in the file must do.
        let _ = fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
        file.set_len(0).map_err(fail)?;
        file.rewind().map_err(fail)?;
        writeln!(file, "{}", std::process::id()).map_err(fail)?;
        Ok(Self { file })
    }
}

impl Drop for NodeLock {
    fn drop(&mut self) {
        // A leftover number would only mislead; that it stays is no harm.
        let _ = self.file.set_len(0);
    }
}

fn open(basedir: &Basedir) -> Result<File, BasedirError> {
    let path = basedir.join(NAME);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|source| io_error(&path, source))
}

/// The process that holds the record lock.
fn holder(file: &File) -> Option<Pid> {
    let held = fcntl_getlk(file, &Flock::from(FlockType::WriteLock)).ok().flatten();
    held.and_then(|lock| lock.pid)
}

/// The process that runs the node in `basedir`, if one does and the system tells its number.
pub fn running(basedir: &Basedir) -> Result<Option<Pid>, BasedirError> {
    let Some(file) = held(basedir)? else { return Ok(None) };
    Ok(holder(&file).or_else(|| written(basedir)))
}

/// Whether a process runs the node in `basedir`.
pub fn is_running(basedir: &Basedir) -> Result<bool, BasedirError> {
    Ok(held(basedir)?.is_some())
}

/// The lock, if some process holds it.
fn held(basedir: &Basedir) -> Result<Option<File>, BasedirError> {
    let path = basedir.join(NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io_error(&path, source)),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(None),
        Err(_) => Ok(Some(file)),
    }
}

fn written(basedir: &Basedir) -> Option<Pid> {
    let number = basedir.read(NAME).ok()??.parse().ok()?;
    Pid::from_raw(number)
}

/// Asks the process to end, and makes it if it does not; returns when the directory is free.
pub fn stop(basedir: &Basedir, pid: Pid) -> io::Result<()> {
    for (signal, wait) in [(Signal::TERM, STOP_TIME), (Signal::KILL, KILL_TIME)] {
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if matches!(running(basedir), Ok(None)) {
                return Ok(());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::basedir::{Role, Synced};

    #[test]
    fn a_directory_has_one_node_and_is_free_again_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let node = Basedir::create(&dir.path().join("n"), Role::Client, Synced::Each).unwrap();
        assert_eq!(running(&node).unwrap(), None);
        let lock = NodeLock::take(&node).unwrap();
        assert!(matches!(NodeLock::take(&node), Err(BasedirError::InUse { .. })));
        assert!(running(&node).unwrap().is_some() && is_running(&node).unwrap());
        drop(lock);
        assert!(running(&node).unwrap().is_none() && !is_running(&node).unwrap());
        NodeLock::take(&node).unwrap();
    }
}
