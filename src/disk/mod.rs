//! Every effect that a server has on a file system passes here.
//!
//! A [`Disk`] is a real file system ([`real`]), or one in memory that can lose power ([`memory`]),
//! with an optional [`Faults`] plan in front that makes a chosen call fail, or makes the process
//! seem to die there. ([`kv`], the map under rebuildable indexes, is the one exception: sled does
//! its own input and output, and nothing that matters is only there. `marker` says whether it was
//! left whole.) [`folder`] is what one server has to itself.
//!
//! Calls block; [`jobs`] keeps servers from waiting for them. Nothing is durable before [`File::sync`]; no new, renamed or removed name is
//! durable before [`Disk::sync_dir`] of the folder that holds it.

mod aligned;
mod direct;
pub mod faults;
pub mod folder;
pub mod jobs;
pub mod kv;
mod marker;
pub mod memory;
mod real;
mod size;
mod temporary;

pub use aligned::{ALIGNMENT, AlignedBuffer};
pub use faults::{Fault, Faults, Op};
pub use real::disk_size;
pub use size::{is_empty, true_size};
pub use temporary::temporary;

use faults::Verdict;
use std::any::Any;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskSize {
    pub total: u64,
    /// Of those, free.
    pub free: u64,
    /// Of those, for others than the system's administrator.
    pub available: u64,
}

/// How much of the page cache a write may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cache {
    /// Like any write.
    Keep,
    /// The bytes will not be read soon: let them go past the page cache, or leave it once they are
    /// on disk. Cheapest from an [`AlignedBuffer`], for an offset that is aligned too.
    Drop,
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Read,
    Change,
    /// It must not exist yet; readable by its owner only.
    New,
    /// Created if absent; readable by its owner only.
    ChangeOrNew,
}

/// One name in a folder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
}

/// A file system. Paths are absolute or relative to the process, as the operating system has it.
pub trait Backend: Send + Sync {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn RawFile>>;
    /// Fails with `AlreadyExists` if `to` is there.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// In the place of `to`, if that is there; whoever looks sees the one or the other.
    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    fn unlink(&self, path: &Path) -> io::Result<()>;
    fn mkdir(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn rmdir(&self, path: &Path) -> io::Result<()>;
    /// Names that are not valid Unicode are left out: nothing of ours has one.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Bytes that an unprivileged process may still write.
    fn free(&self, path: &Path) -> io::Result<u64>;
    /// Bytes of the unit in which the file system gives space to files and folders.
    fn block(&self, path: &Path) -> io::Result<u64>;
    /// Locks a folder against other processes until the answer is dropped.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// An open file of a [`Backend`].
pub trait RawFile: Send + Sync {
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize>;
    fn write_at(&self, bytes: &[u8], offset: u64, cache: Cache) -> io::Result<()>;
    /// These bytes will be read soon.
    fn will_read(&self, _offset: u64, _len: u64) {}
    fn sync(&self) -> io::Result<()>;
    /// A sync failed by plan: as with a real one, what it was for stays readable and is lost.
    fn sync_failed(&self) {}
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Length of the file.
    fn size(&self) -> io::Result<u64>;
}

/// A file system with its faults.
#[derive(Clone)]
pub struct Disk {
    backend: Arc<dyn Backend>,
    faults: Option<Arc<Faults>>,
}

impl Disk {
    /// The computer's own file system.
    pub fn real() -> Self {
        Self { backend: Arc::new(real::Real), faults: None }
    }

    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, faults: None }
    }

    /// The same disk, with `faults` before every call.
    pub fn with_faults(&self, faults: Arc<Faults>) -> Self {
        Self { backend: self.backend.clone(), faults: Some(faults) }
    }

    fn gate(&self, op: Op) -> io::Result<Verdict> {
        self.faults.as_ref().map_or(Ok(Verdict::Go), |faults| faults.next(op))
    }

    /// As [`Disk::gate`], for calls that happen whole or not at all.
    fn pass(&self, op: Op) -> io::Result<()> {
        match self.gate(op)? {
            Verdict::Go => Ok(()),
            Verdict::Torn => Err(faults::crashed()),
        }
    }

    pub fn open(&self, path: &Path, mode: Mode) -> io::Result<File> {
        self.pass(if mode == Mode::Read { Op::Open } else { Op::OpenToWrite })?;
        Ok(File { raw: self.backend.open(path, mode)?, disk: self.clone() })
    }

    /// Renames; `AlreadyExists` if `to` is there, which is left alone.
    pub fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Op::Rename)?;
        self.backend.rename_new(from, to)
    }

    /// Renames, in the place of what `to` named.
    pub fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Op::Rename)?;
        self.backend.rename_over(from, to)
    }

    /// Makes `bytes` all that is in a file, durably: after a crash it has them or what it had before.
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = path.with_extension("new");
        let file = self.open(&new, Mode::ChangeOrNew)?;
        file.set_len(0)?;
        file.write_at(bytes, 0, Cache::Keep)?;
        file.sync()?;
        self.rename_over(&new, path)?;
        path.parent().map_or(Ok(()), |folder| self.sync_dir(folder))
    }

    /// Makes names made, moved or removed in this folder durable.
    pub fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.pass(Op::SyncDir)?;
        self.backend.sync_dir(path)
    }

    pub fn unlink(&self, path: &Path) -> io::Result<()> {
        self.pass(Op::Unlink)?;
        self.backend.unlink(path)
    }

    /// Makes a folder; true if it is new.
    pub fn mkdir(&self, path: &Path) -> io::Result<bool> {
        self.pass(Op::Mkdir)?;
        match self.backend.mkdir(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn rmdir(&self, path: &Path) -> io::Result<()> {
        self.pass(Op::Unlink)?;
        self.backend.rmdir(path)
    }

    /// The names in a folder, in no order; none if there is no such folder.
    pub fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.pass(Op::List)?;
        match self.backend.list(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    pub fn free(&self, path: &Path) -> io::Result<u64> {
        self.pass(Op::Stat)?;
        self.backend.free(path)
    }

    /// Bytes of the unit in which space is given to files and folders; at least one.
    pub fn block(&self, path: &Path) -> io::Result<u64> {
        self.pass(Op::Stat)?;
        Ok(self.backend.block(path)?.max(1))
    }

    pub fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.pass(Op::Stat)?;
        self.backend.lock(path)
    }

    /// Removes a folder and what is in it, at most `depth` levels of folders below it.
    pub fn remove_tree(&self, path: &Path, depth: u32) -> io::Result<()> {
        for entry in self.list(path)? {
            let below = path.join(&entry.name);
            match (entry.is_dir, depth) {
                (false, _) => self.unlink(&below)?,
                (true, 0) => return Err(io::Error::other("deeper than such a folder goes")),
                (true, _) => self.remove_tree(&below, depth - 1)?,
            }
        }
        match self.rmdir(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// An open file.
pub struct File {
    raw: Box<dyn RawFile>,
    disk: Disk,
}

impl File {
    /// Fills `to` as far as the file goes; says how far.
    pub fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.pass(Op::Read)?;
        let mut filled = 0;
        while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.raw.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Lets the disk begin with a read that will come soon. Nothing depends on it.
    pub fn will_read(&self, offset: u64, len: u64) {
        self.raw.will_read(offset, len);
    }

    /// Up to `len` bytes from `offset` on; fewer at the end of the file.
    pub fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let filled = self.read_at(&mut bytes, offset)?;
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub fn write_at(&self, bytes: &[u8], offset: u64, cache: Cache) -> io::Result<()> {
        match self.disk.gate(Op::Write)? {
            Verdict::Go => self.raw.write_at(bytes, offset, cache),
            Verdict::Torn => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                self.raw.write_at(half, offset, cache)?;
                Err(faults::crashed())
            }
        }
    }

    /// Makes the file's bytes and length durable. After an error the bytes may be gone from
    /// memory: a second call may succeed although they never reached the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.pass(Op::Sync).inspect_err(|_| self.raw.sync_failed())?;
        self.raw.sync()
    }

    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.pass(Op::SetLen)?;
        self.raw.set_len(len)
    }

    /// Length of the file.
    pub fn size(&self) -> io::Result<u64> {
        self.disk.pass(Op::Stat)?;
        self.raw.size()
    }
}
