//! The tasks of one link: a reader that never waits for an actor or for the writer, a writer that
//! gathers, and a ticker that notices silence. They share one arbiter.

use super::dispatch::Dispatcher;
use super::{Conn, Leaving};
use crate::base::limits::{
    BULK_OWN_RECORD, CREDIT_TIME, GOODBYE_TIME, IDLE_TIME, PING_AFTER, RECORD_PLAIN_MAX,
    WRITE_STALL_TIME,
};
use crate::link::record::{PREFIX, TAG};
use crate::link::{Pool, Records, Sealed};
use crate::tub::frame::{Head, InFrame, OutFrame, Parser, Reason, Violation};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// Ciphertext read from the socket at once.
const READ_BUFFER: usize = 256 << 10;
/// Ciphertext gathered for one write; the last record may go beyond.
const WRITE_BUFFER: usize = 256 << 10;

/// After so long without anything to write, a link is quiet.
const QUIET_TIME: Duration = Duration::from_secs(1);

/// The two halves of a stream, and the cipher that both directions share.
pub struct Wires {
    pub reader: Box<dyn AsyncRead + Unpin>,
    pub writer: Box<dyn AsyncWrite + Unpin>,
    pub records: Records,
}

type SharedRecords = Rc<RefCell<Records>>;

/// Costs of calls that have left, to be credited at their answers.
type Costs = Rc<RefCell<HashMap<u32, usize>>>;

/// Runs the link until it ends, for whatever reason, and tears the connection down.
pub async fn drive(conn: Arc<Conn>, wires: Wires) {
    let Some(tub) = conn.tub.upgrade() else { return };
    let limits = &tub.options.limits;
    let dispatcher = Dispatcher::new(conn.clone(), limits.calls, limits.call_bytes as usize);
    let records = Rc::new(RefCell::new(wires.records));
    let parser = Parser::new(tub.pool.clone(), tub.budget.clone());
    let pool = tub.pool.clone();
    drop(tub);
    let costs = Costs::default();
    let reader = Reader {
        conn: conn.clone(),
        records: records.clone(),
        parser,
        dispatcher: dispatcher.clone(),
        costs: costs.clone(),
    };
    let writer = Writer { conn: conn.clone(), records, dispatcher: dispatcher.clone(), costs };
    let reason = tokio::select! {
        reason = reader.run(wires.reader) => reason,
        reason = writer.run(wires.writer) => reason,
        reason = tick(&conn, pool) => reason,
        () = leave(&conn) => Reason::Shutdown,
    };
    dispatcher.end();
    conn.tear_down(reason);
}

/// Waits until the link is told to go and has had its time to say so.
async fn leave(conn: &Conn) {
    let mut leaving = conn.leaving.subscribe();
    let _ = leaving.wait_for(|leaving| *leaving >= Leaving::Soon).await;
    let at_once = leaving.wait_for(|leaving| *leaving == Leaving::AtOnce);
    if tokio::time::timeout(GOODBYE_TIME, at_once).await.is_ok() {
        // The writer's turn: a goodbye that need not wait for the peer still leaves.
        tokio::task::yield_now().await;
    }
}

/// Pings a silent peer; gives up on a dead one, and on one that lets no call leave. Frees recycled
/// buffers when nothing moves.
async fn tick(conn: &Arc<Conn>, pool: Pool) -> Reason {
    let mut waiting = None;
    loop {
        tokio::time::sleep(PING_AFTER).await;
        waiting = match (conn.queue.waiting(), waiting) {
            (Some(moves), Some((then, since))) if moves == then => Some((then, since)),
            (Some(moves), _) => Some((moves, Instant::now())),
            (None, _) => None,
        };
        if waiting.is_some_and(|(_, since)| since.elapsed() >= CREDIT_TIME) {
            conn.give_up_waiting();
            return Reason::Idle;
        }
        let Some(tub) = conn.tub.upgrade() else { return Reason::Shutdown };
        let silence = tub.now_ms().saturating_sub(conn.heard_ms.load(Ordering::Relaxed));
        if u128::from(silence) >= IDLE_TIME.as_millis() {
            return Reason::Idle;
        }
        if u128::from(silence) >= PING_AFTER.as_millis() {
            pool.trim();
            conn.send(&Head::Ping);
        }
    }
}

struct Reader {
    conn: Arc<Conn>,
    records: SharedRecords,
    parser: Parser,
    dispatcher: Rc<Dispatcher>,
    costs: Costs,
}

impl Reader {
    async fn run(mut self, mut stream: Box<dyn AsyncRead + Unpin>) -> Reason {
        let mut buffer = vec![0; READ_BUFFER];
        let mut scratch = vec![0; RECORD_PLAIN_MAX + TAG];
        let mut have = 0;
        loop {
            let Some(room) = buffer.get_mut(have..) else { return Reason::Violation };
            match stream.read(room).await {
                Ok(0) | Err(_) => {
                    return self.ended(have == 0);
                }
                Ok(count) => have += count,
            }
            self.conn.note_life();
            let used = match self.records_in(buffer.get(..have).unwrap_or_default(), &mut scratch) {
                Ok(used) => used,
                Err(End::Bye(reason)) => return reason,
                Err(End::Violation) => return self.violated(),
            };
            buffer.copy_within(used..have, 0);
            have -= used;
        }
    }

    /// The stream is over without a goodbye: whatever was under way is cut off.
    fn ended(&self, between_records: bool) -> Reason {
        let whole = between_records && self.parser.is_between_frames();
        tracing::debug!(peer = %self.conn.peer, whole, "a link ended without a goodbye");
        Reason::Shutdown
    }

    fn violated(&self) -> Reason {
        tracing::warn!(peer = %self.conn.peer, "closing a link: the peer broke the protocol");
        Reason::Violation
    }

    /// Opens all whole records at the front of `bytes`; answers how many bytes they were.
    fn records_in(&mut self, bytes: &[u8], scratch: &mut [u8]) -> Result<usize, End> {
        let mut used = 0;
        let mut frames = Vec::new();
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else { break };
            let length = usize::from(u16::from_be_bytes(*prefix));
            let Some(record) = rest.get(..length) else { break };
            self.open(record, scratch, &mut frames)?;
            used += PREFIX + length;
            for frame in frames.drain(..) {
                self.frame(frame)?;
            }
        }
        Ok(used)
    }

    fn open(
        &mut self,
        record: &[u8],
        scratch: &mut [u8],
        frames: &mut Vec<InFrame>,
    ) -> Result<(), End> {
        let plain = record.len().checked_sub(TAG).ok_or(End::Violation)?;
        let mut records = self.records.borrow_mut();
        if plain >= BULK_OWN_RECORD
            && let Some(place) = self.parser.direct(plain)
        {
            let length = records.open(record, place).map_err(|_| End::Violation)?;
            frames.extend(self.parser.advance(length));
            return Ok(());
        }
        let length = records.open(record, scratch).map_err(|_| End::Violation)?;
        let plain = scratch.get(..length).ok_or(End::Violation)?;
        Ok(self.parser.feed(plain, frames)?)
    }

    fn frame(&mut self, frame: InFrame) -> Result<(), End> {
        match &frame.head {
            Head::Bye(reason) => return Err(End::Bye(*reason)),
            Head::Return { id, .. } => {
                let cost = self.costs.borrow_mut().remove(id).ok_or(End::Violation)?;
                self.conn.queue.credit(cost);
            }
            _ => {}
        }
        Ok(self.dispatcher.frame(frame)?)
    }
}

/// Why the reader stops.
enum End {
    Bye(Reason),
    Violation,
}

impl From<Violation> for End {
    fn from(_: Violation) -> Self {
        Self::Violation
    }
}

struct Writer {
    conn: Arc<Conn>,
    records: SharedRecords,
    dispatcher: Rc<Dispatcher>,
    costs: Costs,
}

impl Writer {
    async fn run(self, mut stream: Box<dyn AsyncWrite + Unpin>) -> Reason {
        let mut sealed = Sealed::default();
        let mut frames = Vec::new();
        loop {
            if !self.conn.queue.take(&mut frames, WRITE_BUFFER) {
                let _ = stream.shutdown().await;
                return Reason::Shutdown;
            }
            if frames.is_empty() {
                self.wait(&mut sealed).await;
                continue;
            }
            self.conn.motion.calls_leave(self.conn.queue.taken());
            if let Err(reason) = self.send(&mut frames, &mut stream, &mut sealed).await {
                return reason;
            }
            self.conn.motion.calls_left();
            self.dispatcher.pump();
        }
    }

    /// Until something may leave. A link that stays quiet keeps no buffer.
    async fn wait(&self, sealed: &mut Sealed) {
        if tokio::time::timeout(QUIET_TIME, self.conn.queue.wait()).await.is_err() {
            *sealed = Sealed::default();
            self.conn.queue.wait().await;
        }
    }

    /// Seals and writes all frames.
    async fn send(
        &self,
        frames: &mut Vec<OutFrame>,
        stream: &mut Box<dyn AsyncWrite + Unpin>,
        sealed: &mut Sealed,
    ) -> Result<(), Reason> {
        for part in self.parts(frames) {
            for plain in part.chunks(RECORD_PLAIN_MAX) {
                let done = self.records.borrow_mut().seal(plain, sealed);
                done.map_err(|_| Reason::Violation)?;
                // What was just sealed is still in the processor's cache when it is sent.
                if sealed.as_slice().len() >= WRITE_BUFFER {
                    self.write(stream, sealed).await?;
                }
            }
        }
        self.write(stream, sealed).await
    }

    /// Writes what is sealed. A peer may take it as slowly as it must, but not stop.
    async fn write(
        &self,
        stream: &mut Box<dyn AsyncWrite + Unpin>,
        sealed: &mut Sealed,
    ) -> Result<(), Reason> {
        let mut bytes = sealed.as_slice();
        while !bytes.is_empty() {
            let write = tokio::time::timeout(WRITE_STALL_TIME, stream.write(bytes));
            let count = match write.await {
                Ok(Ok(count @ 1..)) => count,
                Ok(_) => return Err(Reason::Shutdown),
                Err(_) => return Err(Reason::Idle),
            };
            self.conn.motion.piece_left();
            bytes = bytes.get(count..).unwrap_or_default();
            if !bytes.is_empty() {
                // The way was full and is no longer, so the peer lives; its answers come after these.
                self.conn.note_life();
            }
        }
        sealed.clear();
        Ok(())
    }

    /// What the frames become records of: small parts gathered, large bulk by itself.
    fn parts(&self, frames: &mut Vec<OutFrame>) -> Vec<Bytes> {
        let mut parts = Vec::new();
        let mut small = Vec::new();
        for frame in frames.drain(..) {
            self.note_cost(&frame);
            small.extend_from_slice(&frame.head);
            for bulk in frame.bulk {
                if bulk.len() < BULK_OWN_RECORD {
                    small.extend_from_slice(&bulk);
                } else {
                    parts.push(std::mem::take(&mut small).into());
                    parts.push(bulk);
                }
            }
        }
        parts.push(small.into());
        parts
    }

    /// Remembers what a call costs until its answer.
    fn note_cost(&self, frame: &OutFrame) {
        if let Some(id) = frame.call {
            self.costs.borrow_mut().insert(id, frame.length);
        }
    }
}
