//! Where a file of this machine goes that somebody asked for by its name.
//!
//! A regular file is written beside its place and renamed, so that nobody sees half of it; it keeps
//! the mode and, where that is allowed, the owner of the one whose place it takes, unless another mode is
//! given; long runs of zeros become holes. A link is followed and stays. A device, a pipe or a descriptor of a process (`/dev/null`, `/dev/stdout`, a FIFO) is
//! never replaced: it is written into.

use crate::disk::temporary;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// What the umask leaves of these is the mode of a new file.
const NEW_MODE: u32 = 0o666;
/// What file systems can leave out of a file.
const BLOCK: u64 = 4096;
/// Links that are followed one after the other, as many as the kernel follows.
const LINKS_MAX: usize = 40;

/// What stands at a path, and so how it is written.
pub enum Destination {
    /// Written into.
    Into(PathBuf),
    /// Replaced as a whole; what stands there now, if anything.
    Whole(PathBuf, Option<Metadata>),
}

/// What a new file is to be beside its content.
#[derive(Debug, Default, Clone, Copy)]
pub struct Given {
    pub mode: Option<u32>,
    pub modified: Option<SystemTime>,
}

/// A destination that is being written.
pub enum Writing {
    Into(File),
    Whole(Box<Whole>),
}

/// A file beside its place.
pub struct Whole {
    file: NamedTempFile,
    path: PathBuf,
    before: Option<Metadata>,
    given: Given,
    /// Bytes so far.
    len: u64,
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
        self.open_as(Given::default())
    }

    /// The same, where more is known of what a whole file is to be.
    pub fn open_as(self, given: Given) -> io::Result<Writing> {
        match self {
            Self::Into(path) => {
                // A node leads a session: a terminal must not become its own.
                let flags = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
                let file = OpenOptions::new().append(true).custom_flags(flags).open(path)?;
                Ok(Writing::Into(file))
            }
            Self::Whole(path, before) => {
                let before_it = before.as_ref().map(|before| before.mode() & 0o777);
                let mode = given.mode.or(before_it).unwrap_or(NEW_MODE);
                let folder = path.parent().unwrap_or(Path::new(""));
                let file = temporary(folder, ".tahoe-get-", mode)?;
                Ok(Writing::Whole(Box::new(Whole { file, path, before, given, len: 0 })))
            }
        }
    }
}

impl Writing {
    /// The file that is to be removed if the process ends before [`Writing::keep`].
    pub fn unfinished(&self) -> Option<&Path> {
        match self {
            Self::Into(_) => None,
            Self::Whole(whole) => Some(whole.file.path()),
        }
    }

    /// All of it is written: from now on it stands under its own name.
    pub fn keep(self) -> io::Result<()> {
        match self {
            Self::Into(_) => Ok(()),
            Self::Whole(whole) => whole.keep(),
        }
    }
}

impl Whole {
    fn keep(self) -> io::Result<()> {
        let file = self.file.as_file();
        // A hole at the end is there only so.
        file.set_len(self.len)?;
        if let Some(before) = &self.before {
            let now = file.metadata()?;
            if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
                // Whoever may not give it away keeps it.
                let _ = fchown(file, Some(before.uid()), Some(before.gid()));
            }
            if self.given.mode.is_none() {
                file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
            }
        }
        // A file system that has no such thing keeps its own.
        if let Some(mode) = self.given.mode {
            let _ = file.set_permissions(Permissions::from_mode(mode));
        }
        if let Some(modified) = self.given.modified {
            let _ = file.set_modified(modified);
        }
        self.file.persist(self.path).map(drop).map_err(|error| error.error)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (len, is_hole) = run(self.len, bytes);
        let bytes = bytes.get(..len).unwrap_or_default();
        if !is_hole {
            self.file.as_file().write_all_at(bytes, self.len)?;
        }
        self.len += len as u64;
        Ok(len)
    }
}

/// How many of the bytes, of which the first goes to this place, are written or left out together; and
/// whether they are left out, being blocks full of zeros.
fn run(place: u64, bytes: &[u8]) -> (usize, bool) {
    let block = BLOCK as usize;
    let head = ((BLOCK - place % BLOCK) % BLOCK) as usize;
    let blocks = bytes.get(head..).unwrap_or_default().chunks_exact(block);
    let is_hole = |bytes: &&[u8]| bytes.iter().all(|byte| *byte == 0);
    let holes = if head == 0 { blocks.clone().take_while(is_hole).count() } else { 0 };
    if holes > 0 {
        return (holes * block, true);
    }
    let written = blocks.take_while(|bytes| !is_hole(bytes)).count();
    let next = head + written * block;
    // Up to a block of zeros, or all of it.
    if next + block <= bytes.len() { (next, false) } else { (bytes.len(), false) }
}

impl Write for Writing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Into(file) => file.write(bytes),
            Self::Whole(whole) => whole.write(bytes),
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

    #[test]
    fn blocks_of_zeros_are_holes_wherever_the_pieces_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut content = vec![0; 300_000];
        for place in [5_000, 100_000, 100_001, 200_000] {
            content[place] = 1;
        }
        for (name, step) in [("one", 300_000), ("blocks", 4_096), ("odd", 7_777)] {
            let path = folder.path().join(name);
            let mut writing = Destination::find(&path).unwrap().open().unwrap();
            content.chunks(step).for_each(|piece| writing.write_all(piece).unwrap());
            writing.keep().unwrap();
            assert!(fs::read(&path).unwrap() == content, "{name}");
        }
        let blocks = fs::metadata(folder.path().join("one")).unwrap().blocks();
        assert!(blocks * 512 <= 4 * BLOCK, "{blocks}");
        for content in [&[][..], &[0; 5_000], &[0; 4_096], &[1; 4_097]] {
            write(&folder.path().join("few"), content);
            assert_eq!(fs::read(folder.path().join("few")).unwrap(), content);
        }
    }

    #[test]
    fn what_is_given_is_what_the_file_is_from_its_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (mode, seconds) in [(0o600, 5), (0o755, 7), (0o444, 9)] {
            let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            let given = Given { mode: Some(mode), modified: Some(modified) };
            let writing = Destination::find(&path).unwrap().open_as(given).unwrap();
            let early = fs::metadata(writing.unfinished().unwrap()).unwrap().mode() & 0o777;
            assert_eq!(early & !mode, 0, "{early:o}");
            writing.keep().unwrap();
            let now = fs::metadata(&path).unwrap();
            assert_eq!((now.mode() & 0o7777, now.modified().unwrap()), (mode, modified));
        }
    }
}
