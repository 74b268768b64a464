//! A file without a name that is written in any order and read meanwhile, until it is a body.
//!
//! What nobody wrote is zeros, as in any file. It counts as long as it ever was.

use super::spool::{Body, BodyError, Content, Spool, Taking, disk_failure, on_disk};
use crate::base::limits::FILE_MAX;
use crate::base::tally::Counted;
use crate::disk::jobs::blocking;
use crate::grid::upload::BodyHasher;
use bytes::Bytes;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;

/// See the module.
pub struct Scratch {
    spool: Spool,
    file: Arc<File>,
    size: u64,
    /// Bytes that count,
    counted: u64,
    /// and the right to them.
    held: Vec<Counted>,
    seat: Option<OwnedSemaphorePermit>,
}

impl Scratch {
    /// An empty one.
    pub async fn new(spool: &Spool) -> Result<Self, BodyError> {
        Self::on(spool, Some(spool.seat()?)).await
    }

    async fn on(spool: &Spool, seat: Option<OwnedSemaphorePermit>) -> Result<Self, BodyError> {
        let maker = spool.clone();
        let file = Arc::new(on_disk(move || maker.file()).await?);
        Ok(Self { spool: spool.clone(), file, size: 0, counted: 0, held: Vec::new(), seat })
    }

    /// With what has arrived of a body.
    pub async fn of<H>(taking: Taking<H>) -> Result<Self, BodyError>
    where
        H: Fn() -> Option<BodyHasher>,
    {
        let spool = taking.spool.clone();
        let body = taking.finish().await?;
        if let Content::File { file, size, .. } = &body.content {
            let (file, size) = (Arc::clone(file), *size);
            // A file that was used before has the bytes of others behind its own.
            let of = Arc::clone(&file);
            blocking(move || of.set_len(size)).await.map_err(|error| disk_failure(&error))?;
            let (held, seat) = body.take_apart();
            return Ok(Self { spool, file, size, counted: size, held, seat });
        }
        let Content::Memory(bytes) = &body.content else { return Err(BodyError::Disk) };
        let bytes = bytes.clone();
        let (_, seat) = body.take_apart();
        let mut this = Self::on(&spool, seat).await?;
        this.write(0, bytes).await?;
        Ok(this)
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Writes there, whatever was there.
    pub async fn write(&mut self, at: u64, bytes: Bytes) -> Result<(), BodyError> {
        let end = at.checked_add(bytes.len() as u64).ok_or(BodyError::TooLarge(FILE_MAX))?;
        self.grow(end)?;
        let file = Arc::clone(&self.file);
        blocking(move || file.write_all_at(&bytes, at)).await.map_err(|e| disk_failure(&e))?;
        self.size = self.size.max(end);
        Ok(())
    }

    /// What is there; less than asked for at the end.
    pub async fn read(&self, part: Range<u64>) -> Result<Bytes, BodyError> {
        let (start, end) = (part.start.min(self.size), part.end.min(self.size));
        let length = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length.min(COPIED)];
        let file = Arc::clone(&self.file);
        let read = move || file.read_exact_at(&mut bytes, start).map(|()| Bytes::from(bytes));
        blocking(read).await.map_err(|error| disk_failure(&error))
    }

    /// Cuts it off, or adds zeros.
    pub async fn resize(&mut self, size: u64) -> Result<(), BodyError> {
        self.grow(size)?;
        let file = Arc::clone(&self.file);
        blocking(move || file.set_len(size)).await.map_err(|error| disk_failure(&error))?;
        self.size = size;
        Ok(())
    }

    fn grow(&mut self, size: u64) -> Result<(), BodyError> {
        if size > FILE_MAX {
            return Err(BodyError::TooLarge(FILE_MAX));
        }
        let more = size.saturating_sub(self.counted);
        if more > 0 {
            let more = usize::try_from(more).map_err(|_| BodyError::NoSpace)?;
            let held = self.spool.hold(more).ok_or(BodyError::NoSpace)?;
            Counted::join(&mut self.held, held);
            self.counted = size;
        }
        Ok(())
    }

    /// All of it, as a body.
    pub fn finish(self) -> Body {
        let Self { spool, file, size, held, seat, .. } = self;
        let content = Content::File { file, size, digest: None };
        Body { content, spare: spool.spare, held, seat }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(limit: u64) -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), limit);
        (dir, spool)
    }

    fn all(body: &Body) -> Vec<u8> {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut body.content.reader(), &mut bytes).unwrap();
        bytes
    }

    #[actix_rt::test]
    async fn what_nobody_wrote_is_zeros_and_what_was_cut_off_is_gone() {
        let (_dir, spool) = spool(100);
        let mut scratch = Scratch::new(&spool).await.unwrap();
        scratch.write(5, Bytes::from_static(b"later")).await.unwrap();
        scratch.write(0, Bytes::from_static(b"abc")).await.unwrap();
        assert_eq!(scratch.read(1..7).await.unwrap(), &b"bc\0\0la"[..]);
        assert_eq!(scratch.read(9..99).await.unwrap(), &b"r"[..]);
        assert_eq!(scratch.read(99..100).await.unwrap(), &b""[..]);
        scratch.resize(2).await.unwrap();
        scratch.resize(4).await.unwrap();
        assert_eq!(scratch.write(99, Bytes::from_static(b"xy")).await, Err(BodyError::NoSpace));
        assert!(scratch.write(u64::MAX, Bytes::from_static(b"x")).await.is_err());
        assert!(scratch.resize(FILE_MAX + 1).await.is_err());
        let body = scratch.finish();
        assert_eq!(all(&body), b"ab\0\0");
        assert_eq!(spool.used(), 10);
        drop(body);
        assert_eq!(spool.used(), 0);
    }

    #[actix_rt::test]
    async fn a_body_goes_on_in_any_order() {
        let (_dir, spool) = spool(100 << 20);
        // The file of the first is used again, and its bytes are nobody's.
        for (fill, size) in [(b'x', 3 << 20), (b'y', 2 << 20), (b'z', 10)] {
            let mut taking = spool.begin(|| None).unwrap();
            taking.take(vec![fill; size].into()).await.unwrap();
            let mut scratch = Scratch::of(taking).await.unwrap();
            scratch.write(size as u64 + 2, Bytes::from_static(b"!")).await.unwrap();
            let bytes = all(&scratch.finish());
            assert_eq!((bytes.len(), &bytes[size..]), (size + 3, &b"\0\0!"[..]));
            assert!(bytes[..size].iter().all(|byte| *byte == fill));
        }
    }
}
