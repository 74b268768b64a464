//! The shares that one upload is writing, each on its way to one server.
//!
//! Writes are queued without waiting for each other; a server keeps the order of calls to one
//! writer. A share whose server fails, or acknowledges nothing for too long although its link has
//! carried the bytes to it, or carries almost none, is dropped and the others go on. So is one that
//! keeps the others waiting, once they suffice, for a fifth of the time that the upload took without
//! that, in all: a server that is slow holds an upload back that far and no further. How much is on
//! its way is bounded by whoever makes the batches: each unanswered write keeps its [`Hold`], and
//! there are only so many.

use super::hold::Hold;
use super::sites::{Granted, Trouble};
use crate::base::ShareNum;
use crate::base::limits::{SHARE_RATE_MIN, WRITES_UNDER_WAY_MAX};
use crate::codec::encode::Run;
use crate::grid::timeouts::{Timeouts, within};
use crate::grid::write_piece::SharePiece;
use crate::storage::api::{Abort, BucketWriter, Close, Write, Written};
use crate::tub::{Bulk, CallFuture, Ref, RemoteError};
use bytes::{Buf, Bytes};
use futures_util::future::join_all;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// One share on its way.
struct Sink {
    site: usize,
    share: ShareNum,
    writer: Ref<BucketWriter>,
    /// Bytes from the beginning on that an earlier upload brought.
    written: u64,
    piece: SharePiece,
    /// Calls that are not answered,
    pending: VecDeque<Pending>,
    /// and those that are made when some of them are.
    planned: VecDeque<Planned>,
    /// When the oldest unanswered call last came forward: was made, was well on its way to the server,
    /// or became the oldest because the server answered the one before it.
    moved: Instant,
    /// How far that call has come.
    progress: u64,
    closing: bool,
}

/// A call that is to be made.
enum Planned {
    Write { offset: u64, data: Bytes, hold: Option<Arc<Hold>> },
    Close,
}

struct Pending {
    call: CallFuture<()>,
    bytes: usize,
    _hold: Option<Arc<Hold>>,
}

/// What became of a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable on its server.
    Closed { site: usize, share: ShareNum },
    /// Dropped.
    Lost { site: usize, share: ShareNum, trouble: Trouble },
}

/// Asks servers how much they have of the shares that an earlier upload began. Who does not say it is sent
/// everything.
pub async fn ask_written(writers: &mut [Granted], time: Duration) {
    let begun = writers.iter_mut().filter(|granted| granted.begun);
    let each = begun.map(|granted| async {
        let written = within(time, granted.writer.call(Written {})).await;
        granted.written = written.unwrap_or(0);
    });
    join_all(each).await;
}

/// All shares on their way.
pub struct Sinks {
    live: Vec<Sink>,
    /// Shares that were closed.
    closed: usize,
    began: Instant,
    /// Since when those that suffice wait for the others, having nothing unanswered.
    waiting_since: Option<Instant>,
    /// How long they have waited before.
    waited: Duration,
    timeouts: Timeouts,
}

impl Sinks {
    pub fn new(writers: Vec<Granted>, timeouts: &Timeouts) -> Self {
        Self {
            live: writers.into_iter().map(Sink::new).collect(),
            closed: 0,
            began: Instant::now(),
            waiting_since: None,
            waited: Duration::ZERO,
            timeouts: timeouts.clone(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Queues bytes for every share: `make` gives their offset, and pieces that follow one another.
    pub fn write(
        &mut self,
        hold: Option<&Arc<Hold>>,
        make: impl Fn(ShareNum) -> Option<(u64, Run)>,
    ) {
        self.note_wait(false);
        for sink in &mut self.live {
            if let Some((mut offset, run)) = make(sink.share) {
                for piece in run {
                    let next = offset + piece.len() as u64;
                    sink.write(offset, piece, hold);
                    offset = next;
                }
            }
        }
    }

    /// Queues the close of every share. Nothing may be written afterwards.
    pub fn close(&mut self) {
        self.note_wait(false);
        for sink in &mut self.live {
            sink.planned.push_back(Planned::Close);
            sink.closing = true;
            sink.call_planned();
        }
    }

    /// Tells every server to forget its share; does not wait for answers.
    pub fn abort(&mut self) {
        for sink in self.live.drain(..) {
            sink.writer.send_only(Abort {});
        }
    }

    /// Waits for the next share that is closed or lost; never ends while nothing happens, and is
    /// safe to drop and call again. `suffice` says whether the upload can do without the shares that are
    /// neither closed nor among those that it is told.
    pub async fn next(&mut self, suffice: impl Fn(&[(usize, ShareNum)]) -> bool) -> Outcome {
        loop {
            self.note_waiting(&suffice);
            let deadline = self.deadline();
            let late = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                found = poll_fn(|cx| self.poll(cx)) => match found {
                    Some(outcome) => return outcome,
                    None => continue,
                },
                () = late => {}
            }
            if let Some(outcome) = self.drop_stalled() {
                return outcome;
            }
        }
    }

    /// Ready with an outcome, or with none when some server moved and deadlines changed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let mut moved = false;
        for index in 0..self.live.len() {
            let Some(sink) = self.live.get_mut(index) else { break };
            match sink.poll(cx) {
                Poll::Ready(Ok(Moved::Done)) => {
                    let Sink { site, share, .. } = self.live.swap_remove(index);
                    self.closed += 1;
                    return Poll::Ready(Some(Outcome::Closed { site, share }));
                }
                Poll::Ready(Ok(Moved::On)) => moved = true,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Some(self.lose(index, Trouble::Failed(error))));
                }
                Poll::Pending => {}
            }
        }
        if moved { Poll::Ready(None) } else { Poll::Pending }
    }

    fn lose(&mut self, index: usize, trouble: Trouble) -> Outcome {
        let Sink { site, share, writer, .. } = self.live.swap_remove(index);
        writer.send_only(Abort {});
        Outcome::Lost { site, share, trouble }
    }

    /// Notes whether shares that suffice wait for the others. They must not be fewer than those, or else
    /// it cannot be said what is usual.
    fn note_waiting(&mut self, suffice: impl Fn(&[(usize, ShareNum)]) -> bool) {
        let idle = self.live.iter().filter(|sink| sink.pending.is_empty());
        let idle: Vec<_> = idle.map(|sink| (sink.site, sink.share)).collect();
        let busy = self.live.len() - idle.len();
        let wait = busy > 0 && self.closed + idle.len() >= busy && suffice(&idle);
        self.note_wait(wait);
    }

    fn note_wait(&mut self, wait: bool) {
        if wait {
            self.waiting_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    /// When the first share will have waited too long.
    fn deadline(&self) -> Option<Instant> {
        self.live.iter().filter_map(|sink| self.deadline_of(sink)).min()
    }

    /// When a share will be dropped, unless its server answers or its link moves.
    fn deadline_of(&self, sink: &Sink) -> Option<Instant> {
        sink.pending.front()?;
        let Timeouts { close, stall, .. } = self.timeouts;
        let most = if sink.closing { close.max(stall) } else { stall };
        let in_company = self.waiting_since.map(|since| {
            let needed = since.saturating_duration_since(self.began).saturating_sub(self.waited);
            since + self.timeouts.for_stragglers(needed).saturating_sub(self.waited).min(most)
        });
        let alone = sink.moved + most;
        Some(in_company.map_or(alone, |deadline| deadline.min(alone)))
    }

    fn drop_stalled(&mut self) -> Option<Outcome> {
        self.live.iter_mut().for_each(Sink::note_progress);
        let now = Instant::now();
        let late = |sink: &Sink| self.deadline_of(sink).is_some_and(|deadline| deadline <= now);
        let index = self.live.iter().position(late)?;
        Some(self.lose(index, Trouble::Silent))
    }
}

enum Moved {
    On,
    Done,
}

impl Sink {
    fn new(Granted { site, share, writer, piece, written, .. }: Granted) -> Self {
        Self {
            site,
            share,
            writer,
            written,
            piece,
            pending: VecDeque::new(),
            planned: VecDeque::new(),
            moved: Instant::now(),
            progress: 0,
            closing: false,
        }
    }

    fn write(&mut self, mut offset: u64, mut bytes: Bytes, hold: Option<&Arc<Hold>>) {
        let there = self.written.saturating_sub(offset).min(bytes.len() as u64);
        bytes.advance(there as usize);
        offset += there;
        if !bytes.is_empty() {
            let hold = hold.cloned();
            self.planned.push_back(Planned::Write { offset, data: bytes, hold });
            self.call_planned();
        }
    }

    /// Makes as many of the planned calls as may be unanswered.
    fn call_planned(&mut self) {
        while self.pending.len() < WRITES_UNDER_WAY_MAX
            && let Some(planned) = self.planned.pop_front()
        {
            match planned {
                Planned::Write { offset, mut data, hold } => {
                    let piece = data.split_to(data.len().min(self.piece.bytes()));
                    let bytes = piece.len();
                    if !data.is_empty() {
                        let (offset, hold) = (offset + bytes as u64, hold.clone());
                        self.planned.push_front(Planned::Write { offset, data, hold });
                    }
                    let call = self.writer.call(Write { offset, data: Bulk(piece) });
                    self.queue(call, bytes, hold);
                }
                Planned::Close => self.queue(self.writer.call(Close {}), 0, None),
            }
        }
    }

    fn queue(&mut self, call: CallFuture<()>, bytes: usize, hold: Option<Arc<Hold>>) {
        self.pending.push_back(Pending { call, bytes, _hold: hold });
        if self.pending.len() == 1 {
            self.piece.begin();
            self.wait_anew();
        }
    }

    /// Another call is the oldest now.
    fn wait_anew(&mut self) {
        self.moved = Instant::now();
        self.progress = self.pending.front().map_or(0, |first| first.call.progress());
    }

    /// Notes whether the oldest unanswered call has come forward on its way to the server, by no less
    /// than a server must take in that time.
    fn note_progress(&mut self) {
        let Some(first) = self.pending.front() else { return };
        let forward = first.call.progress().saturating_sub(self.progress);
        let least = SHARE_RATE_MIN as f64 * self.moved.elapsed().as_secs_f64();
        if forward > 0 && forward as f64 >= least {
            self.wait_anew();
        }
    }

    /// Takes the answers that have come, oldest first.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Moved, RemoteError>> {
        let mut moved = false;
        while let Some(first) = self.pending.front_mut() {
            match Pin::new(&mut first.call).poll(cx) {
                Poll::Ready(Ok(())) => {
                    let bytes = first.bytes;
                    self.pending.pop_front();
                    self.piece.answered(bytes);
                    self.call_planned();
                    self.wait_anew();
                    moved = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        self.note_progress();
        match (self.closing && self.pending.is_empty(), moved) {
            (true, _) => Poll::Ready(Ok(Moved::Done)),
            (false, true) => Poll::Ready(Ok(Moved::On)),
            (false, false) => Poll::Pending,
        }
    }
}
