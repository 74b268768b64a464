//! Writes past the page cache.
//!
//! A page that passes through the cache is allocated, filled, mapped to the disk and freed again;
//! sent from the writer's memory it costs the kernel a tenth of that. It needs aligned memory and a
//! file opened for it, and not every file system has it: then the answer is that nothing was
//! written, and the caller takes another way.

use std::fs::File;
use std::io;

/// A second handle of one file, opened when it is first of use.
#[derive(Default)]
pub(super) struct Direct {
    #[cfg(target_os = "linux")]
    handle: std::sync::OnceLock<Option<File>>,
    #[cfg(target_os = "linux")]
    refused: std::sync::atomic::AtomicBool,
}

#[cfg(target_os = "linux")]
impl Direct {
    /// Writes from the front of `bytes`; says how many went, 0 where this is not the way.
    pub fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        use std::sync::atomic::Ordering::Relaxed;
        if !super::aligned::is_aligned(bytes, offset) || self.refused.load(Relaxed) {
            return Ok(0);
        }
        let Some(handle) = self.handle.get_or_init(|| reopened(file)) else { return Ok(0) };
        match handle.write_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.refused.store(true, Relaxed);
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            written => written,
        }
    }
}

/// The same file again, whatever its name is by now.
#[cfg(target_os = "linux")]
fn reopened(file: &File) -> Option<File> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::DIRECT | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
impl Direct {
    /// No system but Linux is known to need this.
    pub fn write_at(&self, _: &File, _: &[u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }
}
