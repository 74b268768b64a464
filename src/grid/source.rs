//! What an upload reads: bytes in memory, or a file that is read twice.
//!
//! Reads name their offset, so the same source
//! serves the pass that makes the key and the pass that encodes.

use crate::disk::true_size;
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of known length at known places. Reads block.
pub trait ReadAt: Send + Sync {
    /// Fills all of `buffer` with what stands at `offset`; `UnexpectedEof` if the end comes first.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for Bytes {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = start.checked_add(buffer.len()).and_then(|end| self.get(start..end));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// What to upload, and whether it can change between the two passes.
#[derive(Clone)]
pub struct Source {
    pub(super) reader: Arc<dyn ReadAt>,
    pub(super) size: u64,
    /// Somebody else can write to it: the second pass checks what the first one saw.
    pub(super) shared: bool,
    /// Reading never waits for a disk.
    pub(super) in_memory: bool,
}

impl Source {
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { size: bytes.len() as u64, reader: Arc::new(bytes), shared: false, in_memory: true }
    }

    /// A file that others may write to; its present length is what is uploaded. What is made up as it
    /// is read has none beforehand, and need not be the same twice: a copy of it is uploaded.
    pub fn file(mut file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        if let Some(size) = true_size(&file, &metadata) {
            return Ok(Self { reader: Arc::new(file), size, shared: true, in_memory: false });
        }
        let mut copy = tempfile::tempfile()?;
        let size = io::copy(&mut file, &mut copy)?;
        Ok(Self::spool(Arc::new(copy), size))
    }

    /// `size` bytes of a file that only this process can reach, such as an unlinked spool file.
    pub fn spool(file: Arc<File>, size: u64) -> Self {
        Self::owned(Arc::new(Spool(file)), size)
    }

    /// Anything else that only this process can change, and does not.
    pub fn owned(reader: Arc<dyn ReadAt>, size: u64) -> Self {
        Self { reader, size, shared: false, in_memory: false }
    }

    /// Anything else that can be read twice; checked for changes.
    pub fn reader(reader: Arc<dyn ReadAt>, size: u64) -> Self {
        Self { reader, size, shared: true, in_memory: false }
    }

    /// What is in memory and is always the same.
    pub fn fixed(reader: Arc<dyn ReadAt>, size: u64) -> Self {
        Self { reader, size, shared: false, in_memory: true }
    }

    /// Plaintext bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

struct Spool(Arc<File>);

impl ReadAt for Spool {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        ReadAt::read_exact_at(&*self.0, buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_as_it_is_read_is_taken_to_its_end() {
        let Ok(file) = File::open("/proc/self/mounts") else { return };
        let said = std::fs::read("/proc/self/mounts").unwrap();
        let source = Source::file(file).unwrap();
        let mut bytes = vec![0; said.len()];
        source.reader.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!said.is_empty() && source.size() == said.len() as u64 && bytes == said);
    }

    #[test]
    fn a_device_is_no_file() {
        assert!(Source::file(File::open("/dev/null").unwrap()).is_err());
    }
}
