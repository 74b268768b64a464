//! What an upload reads: bytes in memory, or a file that is read twice.
//!
//! Reads name their offset, so the same source
//! serves the pass that makes the key and the pass that encodes.

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

    /// A file that others may write to; its present length is what is uploaded.
    pub fn file(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { reader: Arc::new(file), size, shared: true, in_memory: false })
    }

    /// `size` bytes of a file that only this process can reach, such as an unlinked spool file.
    pub fn spool(file: Arc<File>, size: u64) -> Self {
        Self { reader: Arc::new(Spool(file)), size, shared: false, in_memory: false }
    }

    /// Anything else that can be read twice; checked for changes.
    pub fn reader(reader: Arc<dyn ReadAt>, size: u64) -> Self {
        Self { reader, size, shared: true, in_memory: false }
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
