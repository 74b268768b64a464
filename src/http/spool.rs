//! Request bodies on their way in: short ones in memory, long ones in an unlinked file.
//!
//! ```text
//! arriving ──▶ memory (≤ 1 MiB each, ≤ 16 MiB all together) ──▶ upload
//!                 └─ more ──▶ unlinked 0600 file in NODE/tmp ──▶ upload
//! ```
//! All spooled bytes count against one limit; a body that does not fit is refused with 507. The
//! file has no name, so it is gone with the process whatever happens; the last one is kept on a
//! [`SpareFile`] for some seconds.

use super::drain::{Drain, Sink, Waiting};
use super::spare_file::SpareFile;
use crate::base::limits::{
    BODIES_IN_MEMORY_MAX, BODY_IN_MEMORY_MAX, FILE_MAX, SEGMENT_MAX, WEB_BODIES_MAX,
    WEB_BODY_RATE_MIN, WEB_BODY_STALL_TIME, WEB_OWNER_STALL_TIME,
};
use crate::base::tally::{Counted, Tally};
use crate::disk::jobs::blocking;
use crate::grid::Source;
use crate::grid::upload::{BodyHasher, Digest};
use actix_web::http::header::{self, HeaderMap};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Where request bodies wait. Clones share it.
#[derive(Clone)]
pub struct Spool {
    folder: PathBuf,
    memory: Tally,
    disk: Tally,
    places: Arc<Semaphore>,
    pub(super) spare: SpareFile,
    /// The bodies are the owner's: they may come as slowly as they are made.
    of_owner: bool,
}

/// A whole request body. Its share of memory or disk is given back when it is dropped.
pub struct Body {
    pub content: Content,
    pub(super) spare: SpareFile,
    pub(super) held: Vec<Counted>,
    /// Given back with the body.
    pub(super) seat: Option<OwnedSemaphorePermit>,
}

/// Why a body was not taken in. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Others have the memory or the places that it would take.
    #[error("This gateway has as much to do as it can. Try again later")]
    Busy,
    #[error("At most {0} bytes are taken here")]
    TooLarge(u64),
    #[error("The body came too slowly. Nothing was stored")]
    TooSlow,
    #[error("The Content-Length is not a number")]
    BadLength,
    #[error("The body was cut off")]
    CutOff,
    #[error("The gateway has no space left in its folder tmp. Try again later")]
    NoSpace,
    #[error("The gateway could not write to its folder tmp. Its log says why")]
    Disk,
}

/// How long a body is said to be.
pub fn announced(headers: &HeaderMap) -> Result<Option<u64>, BodyError> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or(BodyError::BadLength)
}

/// Where the bytes are.
pub enum Content {
    Memory(Bytes),
    /// The digest is there when the body is long enough to have been hashed on its way in.
    File {
        file: Arc<File>,
        size: u64,
        digest: Option<Digest>,
    },
}

impl Content {
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// What an upload reads, with what was hashed on its way in.
    pub fn source(&self) -> (Source, Option<Digest>) {
        match self {
            Self::Memory(bytes) => (Source::bytes(bytes.clone()), None),
            Self::File { file, size, digest } => {
                (Source::spool(Arc::clone(file), *size), digest.clone())
            }
        }
    }

    /// All bytes from the first on, as they are read from the disk.
    pub fn pieces(&self) -> impl Stream<Item = io::Result<Bytes>> + Unpin + use<> {
        let (memory, file) = match self {
            Self::Memory(bytes) => (bytes.clone(), None),
            Self::File { file, size, .. } => (Bytes::new(), Some((Arc::clone(file), *size))),
        };
        let memory = stream::iter((!memory.is_empty()).then_some(Ok(memory)));
        let read = stream::unfold((file, 0), |(file, at)| async move {
            let (file, size) = file?;
            let length = size.saturating_sub(at).min(READ_SIZE as u64);
            let read = blocking(move || {
                let mut piece = vec![0; length as usize];
                file.read_exact_at(&mut piece, at).map(|()| (Bytes::from(piece), file))
            });
            match (length, read.await) {
                (0, _) => None,
                (_, Ok((piece, file))) => Some((Ok(piece), (Some((file, size)), at + length))),
                (_, Err(error)) => Some((Err(error), (None, at))),
            }
        });
        memory.chain(Box::pin(read))
    }

    /// All bytes from the first on, a few at a time.
    pub fn reader(&self) -> impl Read {
        BufReader::with_capacity(READ_SIZE, Reader { content: self, at: 0 })
    }
}

/// Bytes that are read of a file at once.
const READ_SIZE: usize = 64 << 10;

struct Reader<'a> {
    content: &'a Content,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match self.content {
            Content::Memory(bytes) => {
                let rest = usize::try_from(self.at).ok().and_then(|at| bytes.get(at..));
                rest.unwrap_or_default().read(out)?
            }
            // A file that was used before goes on behind what is in it now.
            Content::File { file, size, .. } => {
                let left = usize::try_from(size.saturating_sub(self.at)).unwrap_or(usize::MAX);
                let wanted = left.min(out.len());
                file.read_at(out.get_mut(..wanted).unwrap_or_default(), self.at)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Body {
    /// Its share of memory or disk without it; the file is kept by whoever has it.
    pub(super) fn take_apart(mut self) -> (Vec<Counted>, Option<OwnedSemaphorePermit>) {
        self.content = Content::Memory(Bytes::new());
        (std::mem::take(&mut self.held), self.seat.take())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let content = std::mem::replace(&mut self.content, Content::Memory(Bytes::new()));
        if let Content::File { file, size, .. } = content
            && let Some(file) = Arc::into_inner(file)
        {
            self.spare.give(file, size);
        }
    }
}

impl Spool {
    /// Spools into `folder`, at most `limit` bytes at once.
    pub fn new(folder: PathBuf, limit: u64) -> Self {
        Self {
            folder,
            memory: Tally::new(BODIES_IN_MEMORY_MAX as u64),
            disk: Tally::new(limit),
            places: Arc::new(Semaphore::new(WEB_BODIES_MAX)),
            spare: SpareFile::default(),
            of_owner: false,
        }
    }

    /// The same, for bodies of the owner or of others.
    #[must_use]
    pub fn bodies_of(&self, of_owner: bool) -> Self {
        Self { of_owner, ..self.clone() }
    }

    /// Bytes spooled right now.
    pub fn used(&self) -> u64 {
        self.disk.in_use()
    }

    /// Room for so many more bytes on the disk, if there is.
    pub fn hold(&self, bytes: usize) -> Option<Counted> {
        self.disk.take(bytes as u64)
    }

    /// Memory for so many more bytes of bodies, if there is.
    pub fn hold_memory(&self, bytes: usize) -> Option<Counted> {
        self.memory.take(bytes as u64)
    }

    /// A new file without a name.
    pub fn file(&self) -> io::Result<File> {
        tempfile::tempfile_in(&self.folder)
    }

    /// Takes in a body of `announced` bytes, or of any length if none is announced. What goes to
    /// a file is hashed on its way by what `hasher` makes.
    pub async fn receive<E>(
        &self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        announced: Option<u64>,
        hasher: &Hasher<'_>,
    ) -> Result<Body, BodyError> {
        if announced.is_some_and(|size| size > FILE_MAX) {
            return Err(BodyError::TooLarge(FILE_MAX));
        }
        let mut taking = self.begin(hasher)?;
        let mut arriving = self.arriving(&mut body);
        while let Some(chunk) = arriving.next().await? {
            taking.take(chunk).await?;
        }
        if announced.is_some_and(|size| size != taking.size) {
            return Err(BodyError::CutOff);
        }
        taking.finish().await
    }

    /// A body whose bytes are handed over as they come, if there is a place for one more.
    pub fn begin<H: Fn() -> Option<BodyHasher>>(&self, hasher: H) -> Result<Taking<H>, BodyError> {
        let (seat, spool) = (self.seat()?, self.clone());
        let place = Place::Memory(Waiting::default());
        Ok(Taking { spool, size: 0, place, held: Vec::new(), hasher, seat })
    }

    /// The right to be one of the bodies that there may be.
    pub(super) fn seat(&self) -> Result<OwnedSemaphorePermit, BodyError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| BodyError::Busy)
    }

    /// A body as it comes, as slowly as it may.
    pub fn arriving<S>(&self, body: S) -> Arriving<S> {
        let stall = if self.of_owner { WEB_OWNER_STALL_TIME } else { WEB_BODY_STALL_TIME };
        Arriving { body, stall, size: 0, waited: Duration::ZERO, of_owner: self.of_owner }
    }

    /// A body of at most `max` bytes, which must all come within a time, and the memory for it.
    pub async fn short<E>(
        &self,
        mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        max: usize,
    ) -> Result<(Vec<u8>, Vec<Counted>), BodyError> {
        let (mut bytes, mut held) = (Vec::new(), Vec::new());
        let taking = async {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|_| BodyError::CutOff)?;
                if bytes.len() + chunk.len() > max {
                    return Err(BodyError::TooLarge(max as u64));
                }
                let more = self.hold_memory(chunk.len()).ok_or(BodyError::Busy)?;
                Counted::join(&mut held, more);
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        };
        let taken = tokio::time::timeout(WEB_BODY_STALL_TIME, taking).await;
        taken.map_err(|_| BodyError::TooSlow)??;
        Ok((bytes, held))
    }
}

/// Makes what hashes a file on its way in.
pub type Hasher<'a> = dyn Fn() -> Option<BodyHasher> + 'a;

/// A body on its way, piece by piece.
pub struct Arriving<S> {
    body: S,
    stall: Duration,
    size: u64,
    /// How long it was waited for.
    waited: Duration,
    of_owner: bool,
}

impl<S: Stream<Item = Result<Bytes, E>> + Unpin, E> Arriving<S> {
    /// The next piece; none at the end. Who stops waiting for one misses nothing.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let started = Instant::now();
        let next = tokio::time::timeout(self.stall, self.body.next()).await;
        self.waited += started.elapsed();
        let Some(piece) = next.map_err(|_| BodyError::TooSlow)? else { return Ok(None) };
        let piece = piece.map_err(|_| BodyError::CutOff)?;
        self.size += piece.len() as u64;
        let seconds = self.waited.saturating_sub(self.stall).as_secs();
        match !self.of_owner && self.size < seconds.saturating_mul(WEB_BODY_RATE_MIN) {
            true => Err(BodyError::TooSlow),
            false => Ok(Some(piece)),
        }
    }
}

/// A body that is still arriving.
pub struct Taking<H> {
    pub(super) spool: Spool,
    size: u64,
    place: Place,
    held: Vec<Counted>,
    hasher: H,
    seat: OwnedSemaphorePermit,
}

/// Where it goes.
enum Place {
    Memory(Waiting),
    File(Drain),
}

impl<H: Fn() -> Option<BodyHasher>> Taking<H> {
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes. An error may be that of earlier ones; nothing can be taken after it.
    pub async fn take(&mut self, chunk: Bytes) -> Result<(), BodyError> {
        self.size += chunk.len() as u64;
        if self.size > FILE_MAX {
            return Err(BodyError::TooLarge(FILE_MAX));
        }
        if matches!(self.place, Place::Memory(_)) && !self.fits_memory(&chunk) {
            self.start_file().await?;
        }
        match &mut self.place {
            Place::Memory(waiting) => {
                waiting.push(chunk);
                Ok(())
            }
            Place::File(drain) => {
                let held = self.spool.disk.take(chunk.len() as u64).ok_or(BodyError::NoSpace)?;
                Counted::join(&mut self.held, held);
                drain.push(chunk).await.map_err(|error| disk_failure(&error))
            }
        }
    }

    fn fits_memory(&mut self, chunk: &Bytes) -> bool {
        if self.size > BODY_IN_MEMORY_MAX as u64 {
            return false;
        }
        let held = self.spool.memory.take(chunk.len() as u64);
        let fits = held.is_some();
        if let Some(held) = held {
            Counted::join(&mut self.held, held);
        }
        fits
    }

    /// Moves from memory to a file.
    async fn start_file(&mut self) -> Result<(), BodyError> {
        let Place::Memory(waiting) = &mut self.place else { return Ok(()) };
        let held = self.spool.disk.take(waiting.len() as u64).ok_or(BodyError::NoSpace)?;
        let file = match self.spool.spare.take() {
            Some(file) => file,
            None => {
                let spool = self.spool.clone();
                on_disk(move || spool.file()).await?
            }
        };
        let sink = Sink { file, hasher: (self.hasher)() };
        self.place = Place::File(Drain::new(sink, std::mem::take(waiting)));
        self.held = vec![held];
        Ok(())
    }

    /// All of it.
    pub async fn finish(self) -> Result<Body, BodyError> {
        let content = match self.place {
            Place::Memory(waiting) => Content::Memory(waiting.joined()),
            Place::File(drain) => {
                let sink = drain.finish().await.map_err(|error| disk_failure(&error))?;
                let Sink { file, hasher } = sink;
                let hasher = hasher.filter(|_| self.size >= SEGMENT_MAX);
                let digest = hasher.map(BodyHasher::finish);
                Content::File { file: Arc::new(file), size: self.size, digest }
            }
        };
        let spare = self.spool.spare.clone();
        Ok(Body { content, spare, held: self.held, seat: Some(self.seat) })
    }
}

/// Runs a job on the folder.
pub async fn on_disk<T: Send + 'static>(
    job: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BodyError> {
    blocking(job).await.map_err(|error| disk_failure(&error))
}

pub(super) fn disk_failure(error: &io::Error) -> BodyError {
    tracing::error!(%error, "the folder tmp could not be written");
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BodyError::NoSpace,
        _ => BodyError::Disk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(count: usize, size: usize) -> impl Stream<Item = Result<Bytes, ()>> + Unpin {
        stream::iter((0..count).map(move |i| Ok(Bytes::from(vec![i as u8; size]))))
    }

    fn spool(limit: u64) -> (tempfile::TempDir, Spool) {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(dir.path().to_owned(), limit);
        (dir, spool)
    }

    #[actix_rt::test]
    async fn short_bodies_stay_in_memory_and_long_ones_go_to_a_nameless_file() {
        let (dir, spool) = spool(1 << 30);
        let short = spool.receive(chunks(16, 1 << 16), None, &|| None).await.unwrap();
        assert!(matches!(&short.content, Content::Memory(bytes) if bytes.len() == 1 << 20));
        assert_eq!(spool.used(), 0);
        let long = spool.receive(chunks(17, 1 << 16), Some(17 << 16), &|| None).await.unwrap();
        let Content::File { file, size, .. } = &long.content else { panic!("not spooled") };
        assert_eq!((*size, spool.used()), (17 << 16, 17 << 16));
        let mut last = [0; 1];
        file.read_exact_at(&mut last, (17 << 16) - 1).unwrap();
        assert_eq!(last, [16]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        drop(long);
        assert_eq!(spool.used(), 0);
    }

    #[actix_rt::test]
    async fn a_full_spool_refuses_and_gives_back() {
        let (_dir, spool) = spool(3 << 20);
        let refused = spool.receive(chunks(4, 1 << 20), None, &|| None).await.err().unwrap();
        assert_eq!(refused, BodyError::NoSpace);
        assert_eq!(spool.used(), 0);
        assert!(spool.receive(chunks(3, 1 << 20), None, &|| None).await.is_ok());
    }

    #[actix_rt::test]
    async fn cut_bodies_are_refused() {
        let (_dir, spool) = spool(1 << 30);
        let cut = stream::iter([Ok(Bytes::from_static(b"abc")), Err(())]);
        assert_eq!(spool.receive(cut, None, &|| None).await.err().unwrap(), BodyError::CutOff);
        assert_eq!(
            spool.receive(chunks(1, 3), Some(4), &|| None).await.err().unwrap(),
            BodyError::CutOff
        );
    }

    /// A body whose second half comes after so long.
    fn silent(pause: Duration) -> impl Stream<Item = Result<Bytes, ()>> + Unpin {
        let second = async move {
            tokio::time::sleep(pause).await;
            Ok(Bytes::from_static(b"def"))
        };
        stream::iter([Ok(Bytes::from_static(b"abc"))]).chain(stream::once(Box::pin(second)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_owners_bodies_may_be_silent() {
        let (_dir, spool) = spool(1 << 30);
        let second = Duration::from_secs(1);
        for (of_owner, stall) in [(false, WEB_BODY_STALL_TIME), (true, WEB_OWNER_STALL_TIME)] {
            let spool = spool.bodies_of(of_owner);
            for (pause, whole) in [(stall - second, true), (stall + second, false)] {
                let got = spool.receive(silent(pause), None, &|| None).await;
                assert_eq!(got.is_ok_and(|body| body.content.size() == 6), whole, "{pause:?}");
            }
        }
    }

    #[actix_rt::test]
    async fn many_bodies_in_memory_overflow_to_disk() {
        let (_dir, spool) = spool(1 << 30);
        let mut bodies = Vec::new();
        for _ in 0..17 {
            bodies.push(spool.receive(chunks(1, 1 << 20), None, &|| None).await.unwrap());
        }
        let spooled = bodies.iter().filter(|b| matches!(b.content, Content::File { .. })).count();
        assert_eq!(spooled, 1);
    }
}
