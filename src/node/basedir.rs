//! A node is a directory of small files, each holding one value that people may read and edit.
//!
//! Writing is atomic and durable: a temporary file in the same folder, synced, renamed, and the
//! folder synced. Files under `private/` have mode 0600, the folder 0700. A value that makes no
//! sense is reported with its file, what was found and what would be accepted; a private one is
//! never quoted.

use crate::disk::temporary;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file as it was: its inode, length and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(u64, u64, i64, i64);

/// No configuration value is longer.
const VALUE_MAX: u64 = 64 << 10;
/// Secrets, and how they are kept.
const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// A node directory that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum BasedirError {
    /// The owner wrote something that means nothing.
    #[error("{}: found {found}, but what is accepted is {accepted}", file.display())]
    Value { file: PathBuf, found: String, accepted: String },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Another process runs this node.
    #[error("{} is in use by a running node{}", path.display(), process(*pid))]
    InUse { path: PathBuf, pid: Option<u32> },
    /// Something that is made once was there, and is not any more.
    #[error("{} {state}{}, and no new one is made: {cost}", file.display(), shown_by(*witness))]
    Lost { file: PathBuf, state: &'static str, witness: Option<&'static str>, cost: &'static str },
    /// There is no node in this folder.
    #[error("{} is not a node directory", path.display())]
    NotANode { path: PathBuf },
    /// The folder holds something already.
    #[error("{} already holds a node or other files", path.display())]
    Occupied { path: PathBuf },
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

fn shown_by(witness: Option<&str>) -> String {
    witness.map_or_else(String::new, |name| format!(", though {name} shows that the node has run"))
}

/// What a node does in its grid. Kept in the file `role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Introducer,
    Vdrive,
    Client,
}

impl Role {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Introducer => "introducer",
            Self::Vdrive => "vdrive",
            Self::Client => "client",
        }
    }
}

/// An existing node directory.
#[derive(Debug, Clone)]
pub struct Basedir {
    path: PathBuf,
    synced: Synced,
}

/// When a written value is safe from a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synced {
    /// Before the write returns.
    Each,
    /// When somebody calls [`Basedir::sync`].
    Together,
}

impl Basedir {
    /// The node in `path`.
    pub fn open(path: &Path) -> Result<Self, BasedirError> {
        if !Self::is_node(path) {
            return Err(BasedirError::NotANode { path: path.to_owned() });
        }
        let path = path.canonicalize().map_err(|source| io_error(path, source))?;
        Ok(Self { path, synced: Synced::Each })
    }

    /// The same directory, its values still written atomically but made durable only by
    /// [`Basedir::sync`]: for many that are made at once.
    #[must_use]
    pub fn synced_together(self) -> Self {
        Self { synced: Synced::Together, ..self }
    }

    /// Makes all that was written durable, with whatever else its file system holds.
    pub fn sync(&self) -> Result<(), BasedirError> {
        let sync = File::open(&self.path).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        sync.map_err(|source| io_error(&self.path, source))
    }

    /// Whether `path` looks like a node: it says its role, or at least how to join a grid.
    pub fn is_node(path: &Path) -> bool {
        path.join("role").is_file() || path.join("introducer.furl").is_file()
    }

    /// Makes an empty node directory; refuses one that holds anything.
    pub fn create(path: &Path, role: Role, synced: Synced) -> Result<Self, BasedirError> {
        if path.exists() {
            let mut entries = fs::read_dir(path).map_err(|source| io_error(path, source))?;
            if entries.next().is_some() {
                return Err(BasedirError::Occupied { path: path.to_owned() });
            }
        }
        make_folder(path, 0o755)?;
        let path = path.canonicalize().map_err(|source| io_error(path, source))?;
        let this = Self { path, synced };
        make_folder(&this.join("private"), 0o700)?;
        this.write("role", role.name())?;
        Ok(this)
    }

    /// What this node does. A directory that was put together by hand is a client.
    pub fn role(&self) -> Result<Role, BasedirError> {
        const ACCEPTED: &str = "`client`, `introducer` or `vdrive`";
        match self.read("role")?.as_deref() {
            Some("introducer") => Ok(Role::Introducer),
            Some("vdrive") => Ok(Role::Vdrive),
            Some("client") => Ok(Role::Client),
            Some(other) => Err(self.bad("role", other, ACCEPTED)),
            None if self.join("role").exists() || self.has_served() => {
                Err(self.bad("role", "", ACCEPTED))
            }
            None => Ok(Role::Client),
        }
    }

    /// Whether the node was an introducer or a vdrive server; then it did not begin by hand.
    fn has_served(&self) -> bool {
        let secrets = ["private/introducer.swissnum", "private/vdrive.swissnum"];
        secrets.iter().any(|name| self.join(name).exists())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in this directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The value in a file, without surrounding white space; none if there is no such file or
    /// nothing in it.
    pub fn read(&self, name: &str) -> Result<Option<String>, BasedirError> {
        let Some(file) = self.open_if_there(name)? else { return Ok(None) };
        let mut text = String::new();
        let read = file.take(VALUE_MAX + 1).read_to_string(&mut text);
        match read {
            Ok(len) if len as u64 <= VALUE_MAX => {
                let value = text.trim();
                Ok((!value.is_empty()).then(|| value.to_owned()))
            }
            _ => Err(self.bad(name, "something else", "one short line of text")),
        }
    }

    /// What is another one once the file is, or may be; none without a file.
    pub fn stamp(&self, name: &str) -> Option<Stamp> {
        let found = fs::metadata(self.join(name)).ok()?;
        Some(Stamp(found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    }

    /// A text of several lines; none if there is no such file.
    pub fn read_text(&self, name: &str, max: u64) -> Result<Option<String>, BasedirError> {
        let Some(file) = self.open_if_there(name)? else { return Ok(None) };
        let mut text = String::new();
        match file.take(max + 1).read_to_string(&mut text) {
            Ok(len) if len as u64 <= max => Ok(Some(text)),
            Ok(_) => Err(self.bad(name, "too much", &format!("a text of at most {max} bytes"))),
            Err(source) => Err(io_error(&self.join(name), source)),
        }
    }

    fn open_if_there(&self, name: &str) -> Result<Option<File>, BasedirError> {
        let path = self.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io_error(&path, source)),
        }
    }

    /// The lines of a record that the node itself writes, the last `max` bytes of it. Whatever became
    /// of it, what can still be read counts, and nothing of it keeps a node from starting.
    pub fn read_record(&self, name: &str, max: u64) -> String {
        self.try_record(name, max).unwrap_or_else(|error| {
            tracing::error!(%error, "a record that cannot be read");
            String::new()
        })
    }

    /// The same, for who must not take a disk that fails for a record that is empty.
    pub fn try_record(&self, name: &str, max: u64) -> Result<String, BasedirError> {
        let Some(mut file) = self.open_if_there(name)? else { return Ok(String::new()) };
        let mut read = || {
            let len = file.metadata()?.len();
            file.seek(io::SeekFrom::Start(len.saturating_sub(max)))?;
            let mut bytes = Vec::new();
            (&mut file).take(max).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(|source| io_error(&self.join(name), source))
    }

    /// Whether a flag file is there. `0`, `false` and `no` in it mean no.
    pub fn flag(&self, name: &str) -> Result<bool, BasedirError> {
        if !self.join(name).exists() {
            return Ok(false);
        }
        let value = self.read(name)?.unwrap_or_default();
        match value.to_ascii_lowercase().as_str() {
            "" | "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(self.bad(name, &value, "an empty file, `1` or `0`")),
        }
    }

    /// Writes a value that anybody on this machine may read.
    pub fn write(&self, name: &str, value: &str) -> Result<(), BasedirError> {
        self.write_bytes(name, format!("{value}\n").as_bytes(), PUBLIC_MODE)
    }

    /// Writes a secret: mode 0600, wherever it is.
    pub fn write_secret(&self, name: &str, value: &str) -> Result<(), BasedirError> {
        self.write_bytes(name, format!("{value}\n").as_bytes(), PRIVATE_MODE)
    }

    /// Adds a line to a secret; it is durable when this returns. A line that a crash cut short
    /// stays a line of its own.
    pub fn append_secret(&self, name: &str, line: &str) -> Result<(), BasedirError> {
        let path = self.join(name);
        let added = append(&path).and_then(|mut file| {
            let new = file.metadata()?.len() == 0;
            file.write_all(format!("{}{line}\n", if new { "" } else { "\n" }).as_bytes())?;
            file.sync_data()?;
            match path.parent() {
                Some(folder) if new => File::open(folder)?.sync_all(),
                _ => Ok(()),
            }
        });
        added.map_err(|source| io_error(&path, source))
    }

    /// Replaces a file as a whole; after a crash it is the old one or the new one. One that says
    /// the same already stays.
    fn write_bytes(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), BasedirError> {
        let path = self.join(name);
        if fs::read(&path).is_ok_and(|now| now == bytes) {
            return self.keep_mode(name, mode);
        }
        write_atomically(&path, bytes, mode, self.synced).map_err(|source| io_error(&path, source))
    }

    /// Takes from others the right to read a secret that was put here by hand.
    pub fn hide(&self, name: &str) -> Result<(), BasedirError> {
        self.keep_mode(name, PRIVATE_MODE)
    }

    /// Takes from others what `mode` does not give them.
    fn keep_mode(&self, name: &str, mode: u32) -> Result<(), BasedirError> {
        let path = self.join(name);
        let metadata = fs::metadata(&path).map_err(|source| io_error(&path, source))?;
        if metadata.permissions().mode() & 0o777 & !mode != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
                .map_err(|source| io_error(&path, source))?;
        }
        Ok(())
    }

    /// Removes a file if it is there.
    pub fn remove(&self, name: &str) -> Result<(), BasedirError> {
        let path = self.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path, error)),
            _ => Ok(()),
        }
    }

    /// Makes a folder in this directory if it is not there.
    pub fn folder(&self, name: &str, mode: u32) -> Result<PathBuf, BasedirError> {
        let path = self.join(name);
        make_folder(&path, mode)?;
        Ok(path)
    }

    /// A sentence about a value that makes no sense.
    pub fn bad(&self, name: &str, found: &str, accepted: &str) -> BasedirError {
        let found = if found.is_empty() {
            "nothing".to_owned()
        } else if name.starts_with("private/") || name.ends_with(".furl") {
            "something else (not shown, it may be a secret)".to_owned()
        } else {
            let short: String = found.chars().take(80).collect();
            format!("{short:?}")
        };
        BasedirError::Value { file: self.join(name), found, accepted: accepted.to_owned() }
    }
}

/// Wraps an error of the file system with the path that it is about.
pub fn io_error(path: &Path, source: io::Error) -> BasedirError {
    BasedirError::Io { path: path.to_owned(), source }
}

fn make_folder(path: &Path, mode: u32) -> Result<(), BasedirError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|source| io_error(path, source))
}

fn write_atomically(path: &Path, bytes: &[u8], mode: u32, synced: Synced) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut temporary = temporary(folder, ".new-", mode)?;
    temporary.as_file_mut().write_all(bytes)?;
    // The umask may have taken rights that the mode gives; it never adds any.
    temporary.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    if synced == Synced::Each {
        temporary.as_file().sync_all()?;
    }
    temporary.persist(path).map_err(|error| error.error)?;
    if synced == Synced::Each {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Opens a file of the node for appending, made with mode 0600: logs name peers.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(PRIVATE_MODE).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> (tempfile::TempDir, Basedir) {
        let dir = tempfile::tempdir().unwrap();
        let node = Basedir::create(&dir.path().join("n"), Role::Client, Synced::Each).unwrap();
        (dir, node)
    }

    #[test]
    fn values_are_trimmed_and_empty_ones_are_absent() {
        let (_dir, node) = node();
        fs::write(node.join("nickname"), "  Ada\n\n").unwrap();
        fs::write(node.join("webport"), "\n").unwrap();
        assert_eq!(node.read("nickname").unwrap().as_deref(), Some("Ada"));
        assert_eq!(node.read("webport").unwrap(), None);
        assert_eq!(node.read("sizelimit").unwrap(), None);
    }

    #[test]
    fn secrets_are_for_the_owner_alone() {
        let (_dir, node) = node();
        node.write_secret("private/secret", "s").unwrap();
        fs::set_permissions(node.join("private/secret"), fs::Permissions::from_mode(0o644))
            .unwrap();
        node.hide("private/secret").unwrap();
        assert_eq!(node.read("private/secret").unwrap().as_deref(), Some("s"));
        let mode = fs::metadata(node.join("private/secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_role_that_was_lost_is_not_a_clients() {
        let (_dir, node) = node();
        node.write("role", "").unwrap();
        assert!(matches!(node.role(), Err(BasedirError::Value { .. })));
        node.remove("role").unwrap();
        assert_eq!(node.role().unwrap(), Role::Client);
        node.write_secret("private/vdrive.swissnum", "s").unwrap();
        assert!(matches!(node.role(), Err(BasedirError::Value { .. })));
    }

    #[test]
    fn a_record_is_read_whatever_became_of_it() {
        let (_dir, node) = node();
        assert_eq!(node.read_record("private/record", 100), "");
        fs::write(node.join("private/record"), b"\xff\xfe\nsecond\nthird\n").unwrap();
        assert!(node.read_record("private/record", 100).ends_with("\nsecond\nthird\n"));
        assert_eq!(node.read_record("private/record", 7), "\nthird\n", "the newest count");
        fs::create_dir(node.join("private/folder")).unwrap();
        assert_eq!(node.read_record("private/folder", 100), "");
    }

    #[test]
    fn a_used_folder_is_not_overwritten() {
        let (_dir, node) = node();
        let again = Basedir::create(node.path(), Role::Introducer, Synced::Each);
        assert!(matches!(again, Err(BasedirError::Occupied { .. })));
    }

    #[test]
    fn private_values_are_never_quoted() {
        let (_dir, node) = node();
        assert!(!node.bad("private/secret", "hunter2", "x").to_string().contains("hunter2"));
        assert!(!node.bad("introducer.furl", "hunter2", "x").to_string().contains("hunter2"));
        let shown = node.bad("sizelimit", "lots", "a number").to_string();
        assert!(shown.contains("\"lots\"") && shown.contains("sizelimit"), "{shown}");
    }

    #[test]
    fn an_endless_value_is_refused() {
        let (_dir, node) = node();
        fs::write(node.join("nickname"), vec![b'x'; VALUE_MAX as usize + 1]).unwrap();
        assert!(matches!(node.read("nickname"), Err(BasedirError::Value { .. })));
    }
}
