//! The operating system's file system.
//!
//! Only `rename` without replacing, uncached writes and folder locks need the system's
//! own calls; each has a fallback for systems or file systems that lack it.

use super::direct;
use super::{Backend, Cache, DiskSize, Entry, Mode, RawFile};
use std::any::Any;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

pub(super) struct Real;

struct RealFile {
    file: fs::File,
    direct: direct::Direct,
}

impl Backend for Real {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn RawFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            Mode::Read => {}
            Mode::Change => {
                options.write(true);
            }
            Mode::New => {
                options.write(true).create_new(true);
            }
            Mode::ChangeOrNew => {
                options.write(true).create(true).truncate(false);
            }
        }
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Box::new(RealFile { file: options.open(path)?, direct: direct::Direct::default() }))
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                done => return Ok(done?),
            }
        }
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }

    fn rename_over(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if cfg!(windows) {
            return Ok(());
        }
        fs::File::open(path)?.sync_all()
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn mkdir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rmdir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        listed(path)
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        Ok(disk_size(path)?.map_or(u64::MAX, |size| size.available))
    }

    fn block(&self, path: &Path) -> io::Result<u64> {
        #[cfg(unix)]
        {
            Ok(rustix::fs::statvfs(path)?.f_frsize)
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            Ok(4096)
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        #[cfg(unix)]
        {
            use rustix::fs::{FlockOperation, flock};
            let folder = fs::File::open(path)?;
            flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
            Ok(Box::new(folder))
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            Ok(Box::new(()))
        }
    }
}

impl RawFile for RealFile {
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize> {
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(&self.file, to, offset);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(&self.file, to, offset);
    }

    fn write_at(&self, bytes: &[u8], offset: u64, cache: Cache) -> io::Result<()> {
        let (mut bytes, mut offset) = (bytes, offset);
        if cache == Cache::Drop {
            let done = match self.direct.write_at(&self.file, bytes, offset)? {
                0 => uncached(&self.file, bytes, offset)?,
                done => done,
            };
            bytes = bytes.get(done..).unwrap_or_default();
            offset += done as u64;
        }
        write_all_at(&self.file, bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn will_read(&self, offset: u64, len: u64) {
        use rustix::fs::{Advice, fadvise};
        let _ = fadvise(&self.file, offset, std::num::NonZeroU64::new(len), Advice::WillNeed);
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

/// Without the 32 KiB that the C library takes for each folder: most hold one share, and a buffer of
/// that size makes the allocator tidy up.
#[cfg(target_os = "linux")]
fn listed(path: &Path) -> io::Result<Vec<Entry>> {
    use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};
    use std::mem::MaybeUninit;
    const BUFFER: usize = 4 << 10;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(CWD, path, flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); BUFFER];
    let mut listing = RawDir::new(&folder, &mut buffer);
    let mut entries = Vec::new();
    while let Some(entry) = listing.next().transpose()? {
        let Ok(name) = entry.file_name().to_str() else { continue };
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let found = statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(found.st_mode)
            }
            kind => kind,
        };
        if !matches!(name, "." | "..") {
            entries.push(Entry { name: name.to_owned(), is_dir: kind == FileType::Directory });
        }
    }
    Ok(entries)
}

#[cfg(not(target_os = "linux"))]
fn listed(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            entries.push(Entry { name, is_dir: entry.file_type()?.is_dir() });
        }
    }
    Ok(entries)
}

#[cfg(unix)]
fn write_all_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_all_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let (mut bytes, mut offset) = (bytes, offset);
    while !bytes.is_empty() {
        let done = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = bytes.get(done..).unwrap_or_default();
        offset += done as u64;
    }
    Ok(())
}

/// Writes what the kernel takes with `RWF_DONTCACHE` (Linux 6.14 and later): pages leave memory as
/// soon as they are on disk. Says how many bytes went; 0 where the flag is unknown.
#[cfg(target_os = "linux")]
fn uncached(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{Errno, ReadWriteFlags, pwritev2};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    const RWF_DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
    static UNKNOWN: AtomicBool = AtomicBool::new(false);
    if UNKNOWN.load(Relaxed) {
        return Ok(0);
    }
    match pwritev2(file, &[io::IoSlice::new(bytes)], offset, RWF_DONTCACHE) {
        Ok(done) => Ok(done),
        Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
            UNKNOWN.store(true, Relaxed);
            Ok(0)
        }
        Err(Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn uncached(_: &fs::File, _: &[u8], _: u64) -> io::Result<usize> {
    Ok(0)
}

/// The size of a file system and what is free of it; none where the system does not tell.
pub fn disk_size(path: &Path) -> io::Result<Option<DiskSize>> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Some(DiskSize {
            total: bytes(stat.f_blocks),
            free: bytes(stat.f_bfree),
            available: bytes(stat.f_bavail),
        }))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}
