//! The tasks of one link: a reader that never waits for an actor or for the writer, a writer that
//! gathers, and what ends a link in time. They share one arbiter.

use super::Conn;
use super::dispatch::Dispatcher;
use super::ends::{leave, probation, tick};
use super::gate::{LinkGate, Question, Questions};
use super::intake::{INTAKE_FIRST, Intake, QUIET_TIME, read};
use super::queue::Beat;
use crate::base::limits::{
    BULK_OWN_RECORD, FRAME_HURRY, RECORD_PLAIN_MAX, TIGHT_TIME, WRITE_STALL_TIME,
};
use crate::link::record::{BadRecord, Opened, plain_len, sealed_len};
use crate::link::{Records, Sealed};
use crate::tub::budget::{Budget, Held};
use crate::tub::frame::{Head, InFrame, OutFrame, Reason, Violation};
use crate::tub::parser::Parser;
use bytes::Bytes;
use futures_util::future::FutureExt;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// Bulk of which so much is missing is read into its place.
const DIRECT_MIN: usize = 32 << 10;
/// Read at once after such a bulk: the head of the next, and little of what is better read elsewhere.
const READ_AFTER_BULK: usize = 4 << 10;
/// Ciphertext gathered for one write; the last record may go beyond.
const WRITE_BUFFER: usize = 256 << 10;
/// As little of it is gathered for a line that takes longer than this for what it was given: what is sealed
/// stands before what is in more of a hurry.
const WRITE_TIME: Duration = Duration::from_millis(10);
const WRITE_BUFFER_MIN: usize = 8 << 10;

/// A release waits so long for something to leave with: by itself it costs both ends as much as a
/// call, and most are followed by one.
const RELEASE_TIME: Duration = Duration::from_millis(20);

/// The two halves of a stream, and the cipher that both directions share.
pub(crate) struct Wires {
    pub reader: Box<dyn AsyncRead + Unpin>,
    pub writer: Box<dyn AsyncWrite + Unpin>,
    pub records: Records,
}

type SharedRecords = Rc<RefCell<Records>>;

/// Runs the link until it ends, for whatever reason, and tears the connection down.
pub(crate) async fn drive(conn: Arc<Conn>, wires: Wires) {
    let Some(tub) = conn.tub.upgrade() else { return };
    let limits = &tub.options.limits;
    let dispatcher = Dispatcher::new(conn.clone(), limits.calls, limits.call_bytes as usize);
    let records = Rc::new(RefCell::new(wires.records));
    let (pool, budget) = (tub.pool.clone(), tub.budget.clone());
    // Who lets nobody call cannot ask a peer to name an object.
    let on_probation = conn.is_strange() && limits.calls > 0;
    drop(tub);
    let questions = Questions::default();
    let gate = LinkGate::new(conn.clone(), questions.clone());
    let reader = Reader {
        conn: conn.clone(),
        records: records.clone(),
        parser: Parser::new(pool.clone(), budget.clone(), Box::new(gate)),
        budget,
        dispatcher: dispatcher.clone(),
        questions: questions.clone(),
    };
    let writer = Writer { conn: conn.clone(), records, dispatcher: dispatcher.clone(), questions };
    let reason = tokio::select! {
        biased;
        // Before what the peer keeps busy: the runtime lets a task do so much at once.
        () = leave(&conn) => Reason::Shutdown,
        () = probation(&conn), if on_probation => Reason::Idle,
        reason = tick(&conn, pool) => reason,
        reason = in_turns(reader.run(wires.reader), writer.run(wires.writer)) => reason,
    };
    dispatcher.end();
    conn.tear_down(reason);
}

/// How much to give a line at once that took so long for the `given` bytes.
fn next_at_once(at_once: usize, given: usize, took: Duration) -> usize {
    let next = match took.as_micros() > WRITE_TIME.as_micros() {
        true => given as u128 * WRITE_TIME.as_micros() / took.as_micros(),
        false if given >= at_once => at_once as u128 * 2,
        false => at_once as u128,
    };
    usize::try_from(next).unwrap_or(WRITE_BUFFER).clamp(WRITE_BUFFER_MIN, WRITE_BUFFER)
}

/// The first of two to end. Each is first in turn, so that neither leaves nothing for the other of what the
/// runtime lets a task do at once.
async fn in_turns<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut turn = false;
    poll_fn(move |cx| {
        turn = !turn;
        if turn && let Poll::Ready(done) = one.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if let Poll::Ready(done) = other.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if turn { Poll::Pending } else { one.as_mut().poll(cx) }
    })
    .await
}

struct Reader {
    conn: Arc<Conn>,
    records: SharedRecords,
    parser: Parser,
    budget: Arc<Budget>,
    dispatcher: Rc<Dispatcher>,
    questions: Questions,
}

impl Reader {
    async fn run(mut self, mut stream: Box<dyn AsyncRead + Unpin>) -> Reason {
        match self.read_all(&mut stream).await {
            Ok(never) => match never {},
            Err(End::Bye(reason)) => reason,
            Err(End::Over { whole }) => {
                tracing::debug!(peer = %self.conn.peer, whole, "a link ended without a goodbye");
                Reason::Shutdown
            }
            Err(End::Violation) => {
                tracing::warn!(peer = %self.conn.peer, "closing a link: the peer broke the protocol");
                Reason::Violation
            }
        }
    }

    /// Records are opened where they lie: in the buffer, from where their content is copied, or in
    /// the last place of a bulk, which most bytes are part of.
    async fn read_all(
        &mut self,
        stream: &mut Box<dyn AsyncRead + Unpin>,
    ) -> Result<Infallible, End> {
        let mut intake = Intake::default();
        let mut at_once = usize::MAX;
        loop {
            self.wait_for_memory().await;
            let charged = self.charge(intake.bytes().len());
            if !intake.read(stream, at_once).await {
                let whole = intake.bytes().is_empty() && self.parser.is_between_frames();
                return Err(End::Over { whole });
            }
            drop(charged);
            let used = self.records_in(intake.bytes())?;
            intake.drop_front(used);
            self.note_arrival(intake.bytes().len());
            at_once = usize::MAX;
            if self.parser.rest().is_some_and(|(missing, _)| missing >= DIRECT_MIN) {
                self.bulk_in(stream, &mut intake).await?;
                at_once = READ_AFTER_BULK;
            }
        }
    }

    /// Takes in no further frame while memory is short and this link has enough; meanwhile those
    /// make room that are slow to bring what they began.
    async fn wait_for_memory(&self) {
        let held = || self.dispatcher.held();
        if !self.budget.is_tight(held()) || !self.parser.is_between_frames() {
            return;
        }
        // That its frame does not come is not the peer's doing.
        self.conn.standing.frame_done();
        let began = Instant::now();
        while began.elapsed() < TIGHT_TIME && self.budget.is_tight(held()) {
            let room = tokio::time::timeout(FRAME_HURRY, self.budget.room(held));
            if room.await.is_err() {
                self.hurry();
                // Its pings are not read meanwhile.
                self.conn.queue.push_beat(Beat::Pong);
            }
        }
    }

    /// Ends the link whose frame under way comes slowest.
    fn hurry(&self) {
        if let Some(tub) = self.conn.tub.upgrade() {
            tub.peers.evict_slowest(tub.now_ms());
        }
    }

    /// Opens all whole records at the front of `bytes`; answers how many bytes they were.
    fn records_in(&mut self, bytes: &mut [u8]) -> Result<usize, End> {
        let mut used = 0;
        let mut frames = Vec::new();
        loop {
            let rest = bytes.get_mut(used..).unwrap_or_default();
            let opened = self.records.borrow_mut().open(rest, 0)?;
            let Some(Opened { plain, end }) = opened else { return Ok(used) };
            let plain = rest.get(..plain).ok_or(Violation)?;
            self.parser.feed(plain, &mut frames)?;
            for frame in frames.drain(..) {
                self.frame(frame)?;
            }
            used += end;
        }
    }

    /// Reads the bulk under way to its end, or up to a record that says more than the bulk. What
    /// `intake` holds is the beginning of its next record; afterwards, that of such a record.
    ///
    /// ```text
    /// opened so far │ seals of records just opened │ records read, not all whole │ room
    /// ```
    /// No more is read than the missing bytes take in the longest records, so what follows the bulk
    /// stays in the stream.
    async fn bulk_in(
        &mut self,
        stream: &mut Box<dyn AsyncRead + Unpin>,
        intake: &mut Intake,
    ) -> Result<(), End> {
        let (_, place) = self.parser.rest().ok_or(Violation)?;
        let begun = intake.bytes();
        place.get_mut(..begun.len()).ok_or(Violation)?.copy_from_slice(begun);
        let mut sealed = 0..begun.len();
        intake.drop_front(sealed.end);
        loop {
            while let Some((missing, place)) = self.parser.rest() {
                let read = place.get_mut(..sealed.end).ok_or(Violation)?;
                let waiting = read.get(sealed.clone()).ok_or(Violation)?;
                if plain_len(waiting)?.is_some_and(|plain| plain > missing) {
                    return Ok(intake.put(waiting)?);
                }
                let opened = self.records.borrow_mut().open(read, sealed.start)?;
                let Some(Opened { plain, end }) = opened else { break };
                sealed = end - plain..sealed.end - plain;
                if let Some(frame) = self.parser.advance(plain) {
                    return self.frame(frame);
                }
                if self.parser.is_refused() {
                    return self.rest_refused(intake, sealed);
                }
            }
            let charged = match self.parser.is_in_answer() {
                true => None,
                false => self.charge(sealed.len()),
            };
            let (missing, place) = self.parser.rest().ok_or(Violation)?;
            place.copy_within(sealed.clone(), 0);
            sealed = 0..sealed.len();
            let room = place.get_mut(sealed.end..sealed_len(missing)).ok_or(Violation)?;
            let Some(count) = read(stream, room).await else {
                return Err(End::Over { whole: false });
            };
            drop(charged);
            sealed.end += count;
            self.note_arrival(sealed.len());
        }
    }

    /// Goes on behind a bulk for which there is no memory: the records that were read into its place
    /// are opened elsewhere.
    fn rest_refused(&mut self, intake: &mut Intake, sealed: Range<usize>) -> Result<(), End> {
        let (_, place) = self.parser.rest().ok_or(Violation)?;
        let mut records =
            place.get(..sealed.end).and_then(|read| read.get(sealed)).map(<[u8]>::to_vec);
        let records = records.as_mut().ok_or(Violation)?;
        self.parser.skip_refused();
        let used = self.records_in(records)?;
        Ok(intake.put(records.get(used..).ok_or(Violation)?)?)
    }

    /// Notes what has come. `begun` bytes of a record that is not whole are progress too: on a slow
    /// link it takes its time.
    fn note_arrival(&self, begun: usize) {
        let now_ms = self.conn.note_heard();
        let (bytes, charged) = (self.parser.under_way() + begun, !self.parser.is_in_answer());
        self.conn.standing.frame_under_way(now_ms, bytes, charged);
        self.conn.traffic.answers_arrived(self.parser.answer_bytes() + begun as u64);
    }

    /// Charges for what is there of a record while the rest is waited for, but for what every link
    /// may have. If there is no memory, whoever is slowest makes room.
    fn charge(&self, begun: usize) -> Option<Held> {
        if begun <= INTAKE_FIRST {
            return None;
        }
        let held = self.budget.take(begun);
        if held.is_none() {
            self.hurry();
        }
        held
    }

    fn frame(&mut self, frame: InFrame) -> Result<(), End> {
        self.conn.standing.frame_done();
        match &frame.head {
            Head::Bye(reason) => return Err(End::Bye(*reason)),
            Head::Return { id, .. } => {
                let asked = self.questions.borrow_mut().remove(id).ok_or(End::Violation)?;
                self.conn.queue.credit(asked.cost);
            }
            Head::Call { .. } if frame.is_refused() => self.hurry(),
            _ => {}
        }
        Ok(self.dispatcher.frame(frame)?)
    }
}

/// Why the reader stops.
enum End {
    Bye(Reason),
    /// The stream is over without a goodbye; what was under way, if it was not whole, is cut off.
    Over {
        whole: bool,
    },
    Violation,
}

impl From<BadRecord> for End {
    fn from(_: BadRecord) -> Self {
        Self::Violation
    }
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
    questions: Questions,
}

impl Writer {
    async fn run(self, mut stream: Box<dyn AsyncWrite + Unpin>) -> Reason {
        let mut sealed = Sealed::default();
        let mut frames = Vec::new();
        let mut at_once = WRITE_BUFFER_MIN;
        loop {
            if !self.conn.queue.take(&mut frames, at_once) {
                let _ = stream.shutdown().await;
                return Reason::Shutdown;
            }
            if frames.is_empty() {
                self.wait(&mut sealed).await;
                continue;
            }
            self.conn.traffic.calls_leave(self.conn.queue.taken());
            let (began, given) = (Instant::now(), frames.iter().map(|frame| frame.length).sum());
            if let Err(reason) = self.send(&mut frames, &mut stream, &mut sealed).await {
                return reason;
            }
            at_once = next_at_once(at_once, given, began.elapsed());
            self.conn.traffic.calls_left();
            self.dispatcher.pump();
        }
    }

    /// Until something may leave. A link that stays quiet keeps no buffer.
    async fn wait(&self, sealed: &mut Sealed) {
        let queue = &self.conn.queue;
        queue.attended();
        let woken = tokio::time::timeout(RELEASE_TIME, queue.wait()).await.is_ok();
        if queue.unattended() || woken {
            return;
        }
        if tokio::time::timeout(QUIET_TIME, queue.wait()).await.is_err() {
            *sealed = Sealed::default();
            queue.wait().await;
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
            let count = match stream.write(bytes).now_or_never() {
                Some(written) => written,
                None => self.write_blocked(stream, bytes).await?,
            };
            let Ok(count @ 1..) = count else { return Err(Reason::Shutdown) };
            self.conn.traffic.piece_left(count);
            bytes = bytes.get(count..).unwrap_or_default();
        }
        sealed.clear();
        Ok(())
    }

    /// The same where the line takes nothing more for the moment.
    async fn write_blocked(
        &self,
        stream: &mut Box<dyn AsyncWrite + Unpin>,
        bytes: &[u8],
    ) -> Result<io::Result<usize>, Reason> {
        self.conn.blocked.store(true, Ordering::Relaxed);
        let written = tokio::time::timeout(WRITE_STALL_TIME, stream.write(bytes)).await;
        self.conn.blocked.store(false, Ordering::Relaxed);
        let written = written.map_err(|_| Reason::Idle)?;
        // The way was full and is no longer, so the peer lives; its answers come after these.
        self.conn.note_life();
        Ok(written)
    }

    /// What the frames become records of: small parts gathered, large bulk by itself.
    fn parts(&self, frames: &mut Vec<OutFrame>) -> Vec<Bytes> {
        let mut parts = Vec::new();
        let mut small = Vec::new();
        for frame in frames.drain(..) {
            self.note_question(&frame);
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

    /// Remembers a call until its answer.
    fn note_question(&self, frame: &OutFrame) {
        if let Some((id, bulk_max)) = frame.call {
            let question = Question { cost: frame.length, bulk_max };
            self.questions.borrow_mut().insert(id, question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::coop::consume_budget;

    /// Goes on for so many steps, each as a read of a socket that is always full.
    async fn steps(count: usize, name: &'static str) -> &'static str {
        for _ in 0..count {
            consume_budget().await;
        }
        name
    }

    #[test]
    fn a_slow_line_is_given_little_at_once_and_a_quick_one_soon_much() {
        let ms = Duration::from_millis;
        let (least, most) = (WRITE_BUFFER_MIN, WRITE_BUFFER);
        assert_eq!(next_at_once(most, most, ms(1_000)), least, "at once");
        assert_eq!(next_at_once(most, most, ms(20)), most / 2);
        assert_eq!(next_at_once(least, least, ms(5)), least * 2);
        assert_eq!(next_at_once(least, 100, ms(0)), least, "a question shows nothing");
        assert_eq!(next_at_once(most, most, ms(0)), most);
    }

    #[tokio::test]
    async fn what_always_has_something_to_do_leaves_something_for_the_other() {
        const LONG: usize = 1_000_000;
        assert_eq!(in_turns(steps(LONG, "busy"), steps(1_000, "short")).await, "short");
        assert_eq!(in_turns(steps(1_000, "short"), steps(LONG, "busy")).await, "short");
    }
}
