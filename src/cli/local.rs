//! Files of this machine: read for storing, and what is said when that fails.

use super::CliError;
use super::error::Reach;
use super::http::Answer;
use super::output::shown;
use crate::disk::true_size;
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// An open file that gives exactly the bytes that it had when it was opened, or, where the system does
/// not know how many they are, all that come.
pub struct LocalFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    size: Option<u64>,
    read: u64,
    failed: Option<io::Error>,
}

impl LocalFile {
    pub fn open(path: &Path) -> Result<Self, CliError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        if metadata.is_dir() {
            return Err(CliError::new(
                format!("{} is a folder", path_shown(path)),
                "Copy all of it with `tahoe cp -r`, or store an archive of it.",
            ));
        }
        let size = true_size(&file, &metadata);
        Ok(Self { path: path.to_owned(), file, metadata, size, read: 0, failed: None })
    }

    /// Its length, if that is known beforehand.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Bytes that were read.
    pub fn read_so_far(&self) -> u64 {
        self.read
    }

    /// As it was when it was opened.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// As it is now.
    pub fn metadata_now(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The outcome of sending it: where reading failed, that and not the gateway is to blame.
    pub fn blame(self, answer: Result<Answer, CliError>) -> Result<Answer, CliError> {
        match self.failed {
            Some(error) => Err(unreadable(&self.path, &error)),
            None => answer,
        }
    }

    /// Whether reading it failed.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

impl Read for LocalFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.map(|size| size.saturating_sub(self.read));
        let wanted = left.map_or(buffer.len(), |left| {
            usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()))
        });
        let result = match buffer.get_mut(..wanted) {
            Some(buffer) if !buffer.is_empty() => self.file.read(buffer),
            _ => return Ok(0),
        };
        let result = match (result, self.size) {
            (Ok(0), Some(_)) => Err(io::Error::other("it became shorter while it was read")),
            (result, _) => result.inspect(|len| self.read += *len as u64),
        };
        result.map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error);
            kind.into()
        })
    }
}

/// The last element of a path, if it is text.
pub fn file_name(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// A path as it may go to a terminal: its names may be those that somebody else chose.
pub fn path_shown(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

/// Whether this process, or the machine, has as many files open as it may.
pub fn are_too_many_open(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

pub fn unreadable(path: &Path, error: &io::Error) -> CliError {
    let path = path_shown(path);
    if are_too_many_open(error) {
        return CliError::too_many_open(&format!("{path} cannot be read"));
    }
    CliError::new(
        format!("{path} cannot be read: {error}"),
        "Check the name of the file, and that you may read it.",
    )
}

pub fn unwritable(path: &Path, error: &io::Error) -> CliError {
    if path == Path::new("stdout") && error.kind() == io::ErrorKind::BrokenPipe {
        return CliError::nobody_reads();
    }
    let path = path_shown(path);
    if are_too_many_open(error) {
        return CliError::too_many_open(&format!("{path} cannot be written"));
    }
    CliError::new(
        format!("{path} cannot be written: {error}"),
        "Check the path and the space that is left.",
    )
    .reaching(if is_full(error) { Reach::All } else { Reach::One })
}

/// Whether nothing more can be written there, whatever it is called.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn all_of(path: &Path) -> (Option<u64>, Vec<u8>) {
        let mut file = LocalFile::open(path).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(file.read_so_far(), bytes.len() as u64);
        (file.size(), bytes)
    }

    #[test]
    fn the_content_decides_how_long_a_file_is() {
        let folder = tempfile::tempdir().unwrap();
        for (content, size) in [("", None), ("a", Some(1)), ("abc", Some(3))] {
            let path = folder.path().join("file");
            fs::write(&path, content).unwrap();
            assert_eq!(all_of(&path), (size, content.into()));
        }
        let made_up = Path::new("/proc/self/mounts");
        if let Ok(bytes) = fs::read(made_up) {
            assert!(!bytes.is_empty() && all_of(made_up) == (None, bytes));
        }
    }

    #[test]
    fn what_is_added_while_a_file_is_read_is_not_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "first").unwrap();
        let mut file = LocalFile::open(&path).unwrap();
        let mut log = fs::OpenOptions::new().append(true).open(&path).unwrap();
        log.write_all(b" second").unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first");
        let mut file = LocalFile::open(&path).unwrap();
        log.set_len(3).unwrap();
        assert!(file.read_to_string(&mut text).is_err() && file.has_failed());
    }
}
