//! A file system in memory that can lose power.
//!
//! It is as forgetful as the rules allow: after [`MemoryDisk::lose_power`] each 512-byte piece of
//! an unsynced write, each unsynced change of length and each unsynced change of a folder is there
//! or not, by the toss of a seeded coin, whatever the order in which they were made. What a failed
//! sync of a file was for can be read until then and is never durable, as with Linux.

use super::{Backend, Cache, Entry, Mode, RawFile};
use crate::base::lock::locked;
use crate::base::seeded::Rng;
use std::any::Any;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

const PIECE: usize = 512;

enum Change {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq)]
enum Node {
    Folder,
    File(usize),
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    now: Names,
    durable: Names,
    /// Path and what it became (`None`: removed).
    unsynced: Vec<(PathBuf, Option<Node>)>,
    free: Option<u64>,
    block: Option<u64>,
}

/// See the module.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<State>>);

struct MemoryFile {
    disk: MemoryDisk,
    inode: usize,
}

fn missing() -> io::Error {
    ErrorKind::NotFound.into()
}

fn splice(data: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset.saturating_add(bytes.len());
    if data.len() < end {
        data.resize(end, 0);
    }
    if let Some(place) = data.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

impl Inode {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(len) => self.durable.resize(len as usize, 0),
                Change::Bytes(offset, bytes) => splice(&mut self.durable, offset as usize, &bytes),
            }
        }
    }

    fn lose(&mut self, coin: &mut Rng) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(len) if coin.toss() => self.durable.resize(len as usize, 0),
                Change::Length(_) => {}
                Change::Bytes(offset, bytes) => {
                    for (index, piece) in bytes.chunks(PIECE).enumerate() {
                        if coin.toss() {
                            splice(&mut self.durable, offset as usize + index * PIECE, piece);
                        }
                    }
                }
            }
        }
        self.now = self.durable.clone();
    }
}

impl State {
    fn set(&mut self, path: &Path, node: Option<Node>) {
        match node {
            Some(node) => self.now.insert(path.to_owned(), node),
            None => self.now.remove(path),
        };
        self.unsynced.push((path.to_owned(), node));
    }

    fn parent_exists(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if parent.parent().is_some() => match self.now.get(parent) {
                Some(Node::Folder) => Ok(()),
                _ => Err(missing()),
            },
            _ => Ok(()),
        }
    }

    fn has_children(&self, path: &Path) -> bool {
        self.now.keys().any(|name| name.parent() == Some(path))
    }

    fn inode(&mut self, number: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(number).ok_or_else(missing)
    }
}

fn persist(durable: &mut Names, path: PathBuf, node: Option<Node>) {
    match node {
        Some(node) => durable.insert(path, node),
        None => durable.remove(&path),
    };
}

impl MemoryDisk {
    /// A disk that has nothing but its root.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what [`Backend::free`] answers.
    pub fn set_free(&self, bytes: u64) {
        self.state().free = Some(bytes);
    }

    /// Sets what [`Backend::block`] answers; without it, a byte.
    pub fn set_block(&self, bytes: u64) {
        self.state().block = Some(bytes);
    }

    /// Forgets what was not synced, or some of it, as the coin of this seed decides.
    pub fn lose_power(&self, seed: u64) {
        let mut coin = Rng::new(seed);
        let mut state = self.state();
        let state = &mut *state;
        for (path, node) in std::mem::take(&mut state.unsynced) {
            if coin.toss() {
                persist(&mut state.durable, path, node);
            }
        }
        let all = state.durable.clone();
        state.durable.retain(|path, _| reachable(&all, path));
        state.now = state.durable.clone();
        state.inodes.iter_mut().for_each(|inode| inode.lose(&mut coin));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

/// Whether every folder above `path` (but the root) survived.
fn reachable(names: &Names, path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .filter(|above| above.parent().is_some())
        .all(|above| names.get(above) == Some(&Node::Folder))
}

impl Backend for MemoryDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn RawFile>> {
        let mut state = self.state();
        let inode = match (state.now.get(path).copied(), mode) {
            (Some(Node::File(_)), Mode::New) => return Err(ErrorKind::AlreadyExists.into()),
            (Some(Node::File(inode)), _) => inode,
            (None, Mode::New | Mode::ChangeOrNew) => {
                state.parent_exists(path)?;
                let inode = state.inodes.len();
                state.inodes.push(Inode::default());
                state.set(path, Some(Node::File(inode)));
                inode
            }
            _ => return Err(missing()),
        };
        Ok(Box::new(MemoryFile { disk: self.clone(), inode }))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.parent_exists(to)?;
        if state.now.contains_key(to) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let node = state.now.get(from).copied().ok_or_else(missing)?;
        state.set(from, None);
        state.set(to, Some(node));
        Ok(())
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.parent_exists(to)?;
        let node = state.now.get(from).copied().ok_or_else(missing)?;
        state.set(from, None);
        state.set(to, Some(node));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        for (name, node) in std::mem::take(&mut state.unsynced) {
            if name.parent() == Some(path) {
                persist(&mut state.durable, name, node);
            } else {
                state.unsynced.push((name, node));
            }
        }
        Ok(())
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        match state.now.get(path) {
            Some(Node::File(_)) => state.set(path, None),
            _ => return Err(missing()),
        }
        Ok(())
    }

    fn mkdir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.parent_exists(path)?;
        if state.now.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.set(path, Some(Node::Folder));
        Ok(())
    }

    fn rmdir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if state.now.get(path) != Some(&Node::Folder) {
            return Err(missing());
        }
        if state.has_children(path) {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        state.set(path, None);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        if path.parent().is_some() && state.now.get(path) != Some(&Node::Folder) {
            return Err(missing());
        }
        let below = state.now.iter().filter(|(name, _)| name.parent() == Some(path));
        let entry = |(name, node): (&PathBuf, &Node)| {
            let name = name.file_name()?.to_str()?.to_owned();
            Some(Entry { name, is_dir: *node == Node::Folder })
        };
        Ok(below.filter_map(entry).collect())
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(self.state().free.unwrap_or(1 << 40))
    }

    fn block(&self, _: &Path) -> io::Result<u64> {
        Ok(self.state().block.unwrap_or(1))
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        Ok(Box::new(()))
    }
}

impl RawFile for MemoryFile {
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        let rest = state.inode(self.inode)?.now.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(to.len());
        to.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64, _: Cache) -> io::Result<()> {
        let mut state = self.disk.state();
        let inode = state.inode(self.inode)?;
        splice(&mut inode.now, offset as usize, bytes);
        inode.unsynced.push(Change::Bytes(offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.inode(self.inode)?.sync();
        Ok(())
    }

    fn sync_failed(&self) {
        if let Ok(inode) = self.disk.state().inode(self.inode) {
            inode.unsynced.clear();
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let inode = state.inode(self.inode)?;
        inode.now.resize(len as usize, 0);
        inode.unsynced.push(Change::Length(len));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().inode(self.inode)?.now.len() as u64)
    }
}
