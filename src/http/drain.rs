//! A long body on its way into its file, hashed as it goes.
//!
//! ```text
//! chunks ──▶ line (≤ 1 MiB) ──▶ job: takes all that waits, hashes, writes, looks again
//! ```
//! The job runs on while there is something to take, since waking it costs as much as some chunks.

use crate::base::blocking;
use crate::base::lock::locked;
use crate::grid::upload::BodyHasher;
use bytes::{Bytes, BytesMut};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle};

/// Chunks below this are gathered: each piece costs some bytes beside its own.
const SMALL_CHUNK: usize = 4 << 10;
/// Bytes for which a job is started,
const START_SIZE: usize = 256 << 10;
/// for which it goes on,
const GO_ON_SIZE: usize = 64 << 10;
/// and that may wait for it.
const WAITING_MAX: usize = 1 << 20;

/// Bytes that have come, in the pieces in which they came.
#[derive(Default)]
pub struct Waiting {
    pieces: Vec<Bytes>,
    small: BytesMut,
    len: usize,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len();
        if chunk.len() >= SMALL_CHUNK {
            self.end_small();
            return self.pieces.push(chunk);
        }
        self.small.extend_from_slice(&chunk);
        if self.small.len() >= 8 * SMALL_CHUNK {
            self.end_small();
        }
    }

    fn end_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }

    /// All pieces, none of them empty.
    fn take(&mut self) -> Vec<Bytes> {
        self.end_small();
        self.len = 0;
        std::mem::take(&mut self.pieces)
    }

    /// All bytes in one piece.
    pub fn joined(mut self) -> Bytes {
        let mut pieces = self.take();
        match pieces.len() {
            1 => pieces.pop().unwrap_or_default(),
            _ => pieces.concat().into(),
        }
    }
}

/// Where the bytes end up.
pub struct Sink {
    pub file: File,
    pub hasher: Option<BodyHasher>,
}

impl Sink {
    fn take(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        if let Some(hasher) = &mut self.hasher {
            pieces.iter().for_each(|piece| hasher.update(piece));
        }
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match self.file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// See the module.
pub struct Drain {
    line: Arc<Line>,
    state: State,
}

enum State {
    Idle(Box<Sink>),
    Busy(JoinHandle<io::Result<Box<Sink>>>),
    /// The job failed.
    Broken,
}

/// What waits for the job, and word that it took all.
struct Line {
    waiting: Mutex<Waiting>,
    taken: Notify,
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        locked(&self.waiting)
    }

    /// What waits, if it is `least` bytes.
    fn take(&self, least: usize) -> Option<Vec<Bytes>> {
        let mut waiting = self.waiting();
        let pieces = (waiting.len >= least).then(|| waiting.take())?;
        self.taken.notify_one();
        Some(pieces)
    }

    /// The job.
    fn drain(&self, mut sink: Box<Sink>, least: usize) -> io::Result<Box<Sink>> {
        while let Some(pieces) = self.take(least) {
            sink.take(&pieces)?;
        }
        Ok(sink)
    }
}

impl Drain {
    /// Into `sink`, beginning with what waits already.
    pub fn new(sink: Sink, waiting: Waiting) -> Self {
        let line = Line { waiting: Mutex::new(waiting), taken: Notify::new() };
        Self { line: Arc::new(line), state: State::Idle(Box::new(sink)) }
    }

    /// Takes a chunk, and waits while too much waits. An error may be that of an earlier chunk.
    pub async fn push(&mut self, chunk: Bytes) -> io::Result<()> {
        let len = {
            let mut waiting = self.line.waiting();
            waiting.push(chunk);
            waiting.len
        };
        if len >= START_SIZE && !self.is_busy() {
            self.start(GO_ON_SIZE).await?;
        }
        while self.line.waiting().len >= WAITING_MAX {
            let State::Busy(job) = &mut self.state else {
                self.start(GO_ON_SIZE).await?;
                continue;
            };
            tokio::select! {
                biased;
                () = self.line.taken.notified() => {}
                ended = job => {
                    self.state = State::Broken;
                    self.state = State::Idle(told(ended)?);
                }
            }
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        matches!(&self.state, State::Busy(job) if !job.is_finished())
    }

    /// Starts a job once the last one is done.
    async fn start(&mut self, least: usize) -> io::Result<()> {
        let sink = self.idle().await?;
        let line = Arc::clone(&self.line);
        self.state = State::Busy(blocking::spawn(move || line.drain(sink, least)));
        Ok(())
    }

    async fn idle(&mut self) -> io::Result<Box<Sink>> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Idle(sink) => Ok(sink),
            State::Busy(job) => told(job.await),
            State::Broken => Err(io::Error::other("the writer failed before")),
        }
    }

    /// Everything is hashed and written.
    pub async fn finish(mut self) -> io::Result<Sink> {
        self.start(1).await?;
        self.idle().await.map(|sink| *sink)
    }
}

fn told<T>(ended: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    ended.unwrap_or_else(|_| Err(io::Error::other("the writer stopped")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};

    fn chunks(sizes: &[usize]) -> Vec<Bytes> {
        let make = |size: &usize| (0..*size).map(|n| (n * 7 + size) as u8).collect();
        sizes.iter().map(make).collect()
    }

    #[tokio::test]
    async fn whatever_the_chunks_the_file_has_them_in_order() {
        let sizes = [0, 1, 70_000, 4_095, 4_096, 3, 3_000_000, 300_000, 5, 2_000_000, 9];
        let chunks: Vec<Bytes> = std::iter::repeat_n(chunks(&sizes), 5).flatten().collect();
        let mut waiting = Waiting::default();
        waiting.push(Bytes::from_static(b"came before"));
        let sink = Sink { file: tempfile::tempfile().unwrap(), hasher: None };
        let mut drain = Drain::new(sink, waiting);
        for chunk in &chunks {
            drain.push(chunk.clone()).await.unwrap();
            assert!(drain.line.waiting().len < WAITING_MAX);
        }
        let mut file = drain.finish().await.unwrap().file;
        file.rewind().unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes == [b"came before", chunks.concat().as_slice()].concat());
    }

    #[tokio::test]
    async fn a_file_that_takes_nothing_fails_soon_and_for_good() {
        let named = tempfile::NamedTempFile::new().unwrap();
        let file = File::open(named.path()).unwrap();
        let mut drain = Drain::new(Sink { file, hasher: None }, Waiting::default());
        let mut failed = false;
        for chunk in chunks(&[WAITING_MAX; 3]) {
            failed |= drain.push(chunk).await.is_err();
        }
        assert!(failed);
        assert!(drain.finish().await.is_err());
    }
}
