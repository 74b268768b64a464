//! Where a file of this machine goes that somebody asked for by its name.
//!
//! A regular file is written beside its place and renamed, so that nobody sees half of it; it keeps
//! the mode and, where that is allowed, the owner of the one whose place it takes. A link is followed
//! and stays. A device, a pipe or a descriptor of a process (`/dev/null`, `/dev/stdout`, a FIFO) is
//! never replaced: it is written into.

use crate::disk::temporary;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What the umask leaves of these is the mode of a new file.
const NEW_MODE: u32 = 0o666;
/// Links that are followed one after the other, as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// What stands at a path, and so how it is written.
pub enum Destination {
    /// Written into.
    Into(PathBuf),
    /// Replaced as a whole; what stands there now, if anything.
    Whole(PathBuf, Option<Metadata>),
}

/// A destination that is being written.
pub enum Writing {
    Into(File),
    Whole { file: NamedTempFile, path: PathBuf, before: Box<Option<Metadata>> },
}

impl Destination {
    /// Looks at what is there; nothing is opened or made.
    pub fn find(path: &Path) -> io::Result<Self> {
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match there {
            Some(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
            Some(there) if !there.is_file() => Ok(Self::Into(path.to_owned())),
            there => Self::behind_links(path.to_owned(), there),
        }
    }

    fn behind_links(mut path: PathBuf, there: Option<Metadata>) -> io::Result<Self> {
        for _ in 0..LINKS_MAX {
            // Whoever holds the descriptor goes on with the file that it is open on.
            if path.starts_with("/proc") || path.starts_with("/dev/fd") {
                return Ok(Self::Into(path));
            }
            let Ok(next) = fs::read_link(&path) else { return Ok(Self::Whole(path, there)) };
            path = path.parent().unwrap_or(Path::new("/")).join(next);
        }
        Err(rustix::io::Errno::LOOP.into())
    }

    /// Begins. This waits for whoever reads, if it is a FIFO.
    pub fn open(self) -> io::Result<Writing> {
        match self {
            Self::Into(path) => {
                // A node leads a session: a terminal must not become its own.
                let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
                let file = OpenOptions::new().append(true).custom_flags(flags).open(path)?;
                Ok(Writing::Into(file))
            }
            Self::Whole(path, before) => {
                let mode = before.as_ref().map_or(NEW_MODE, |before| before.mode() & 0o777);
                let folder = path.parent().unwrap_or(Path::new(""));
                let file = temporary(folder, ".tahoe-get-", mode)?;
                Ok(Writing::Whole { file, path, before: Box::new(before) })
            }
        }
    }
}

impl Writing {
    /// The file that is to be removed if the process ends before [`Writing::keep`].
    pub fn unfinished(&self) -> Option<&Path> {
        match self {
            Self::Into(_) => None,
            Self::Whole { file, .. } => Some(file.path()),
        }
    }

    /// All of it is written: from now on it stands under its own name.
    pub fn keep(self) -> io::Result<()> {
        let Self::Whole { file, path, before } = self else { return Ok(()) };
        if let Some(before) = *before {
            let now = file.as_file().metadata()?;
            if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
                // Whoever may not give it away keeps it.
                let _ = fchown(file.as_file(), Some(before.uid()), Some(before.gid()));
            }
            file.as_file().set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
        }
        file.persist(path).map(drop).map_err(|error| error.error)
    }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Into(file) => file.write(bytes),
            Self::Whole { file, .. } => file.as_file_mut().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_that_is_missing_is_no_matter_of_a_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::find(&folder.path().join("missing/file")).unwrap();
        let error = destination.open().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains("tahoe-get"), "{error}");
    }

    fn write(path: &Path, bytes: &[u8]) {
        let mut writing = Destination::find(path).unwrap().open().unwrap();
        writing.write_all(bytes).unwrap();
        writing.keep().unwrap();
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut writing = Destination::find(&path).unwrap().open().unwrap();
        writing.write_all(b"half").unwrap();
        assert!(!path.exists() && writing.unfinished().is_some());
        drop(writing);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        write(&path, b"whole");
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_replaced_leaves_its_mode_and_new_files_have_that_of_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        for (name, given) in [("secret", 0o600), ("script", 0o755), ("read-only", 0o444)] {
            let path = folder.path().join(name);
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(given)).unwrap();
            write(&path, b"new");
            assert_eq!((mode(&path), fs::read(&path).unwrap()), (given, b"new".to_vec()));
        }
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write(&ours, b"");
        fs::write(&plain, "").unwrap();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn links_are_followed_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("far")).unwrap();
        let file = folder.path().join("far/file");
        symlink("far/second", folder.path().join("first")).unwrap();
        symlink("file", folder.path().join("far/second")).unwrap();
        for content in [b"made", b"once"] {
            write(&folder.path().join("first"), content);
            assert_eq!(fs::read(&file).unwrap(), content);
            assert!(folder.path().join("first").is_symlink() && !file.is_symlink());
        }
        symlink("round", folder.path().join("round")).unwrap();
        assert!(Destination::find(&folder.path().join("round")).is_err());
        assert!(Destination::find(folder.path()).is_err());
    }

    #[test]
    fn devices_pipes_and_descriptors_are_written_into() {
        let folder = tempfile::tempdir().unwrap();
        write(Path::new("/dev/null"), b"nothing");
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(
            Destination::find(Path::new("/dev/full")).unwrap().open().unwrap().write(b"x").is_err()
        );
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write(&pipe, b"through");
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
        let open = File::create(folder.path().join("open")).unwrap();
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        write(Path::new(&name), b"one ");
        write(Path::new(&name), b"two");
        assert_eq!(fs::read(folder.path().join("open")).unwrap(), b"one two");
    }
}
