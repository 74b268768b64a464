//! What waits to leave on a link.
//!
//! Two lanes. Calls and releases leave in order and wait for the peer's credits. Replies, pings and
//! goodbyes leave at once: were they to wait for credits too, two peers that are full towards each
//! other would never move again. However many pings and pongs there is reason to send, one of each
//! waits.

use crate::base::limits::CALLS_WAITING_BYTES_MAX;
use crate::base::lock::locked;
use crate::tub::error::RemoteError;
use crate::tub::frame::{Head, OutFrame};
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

/// Says that this side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Pong,
}

impl Beat {
    fn frame(self) -> Option<OutFrame> {
        let head = match self {
            Self::Ping => Head::Ping,
            Self::Pong => Head::Pong,
        };
        OutFrame::bare(&head).ok()
    }
}

struct Lanes {
    /// What is to be said before anything else.
    ping: bool,
    pong: bool,
    urgent: VecDeque<OutFrame>,
    /// Calls with their cost, releases without.
    calls: VecDeque<(OutFrame, bool)>,
    calls_left: u32,
    bytes_left: usize,
    /// Calls that have left, and credits that came: what does not change has come to a halt.
    moves: u64,
    /// Calls that were ever queued, and those of them that have left.
    queued: u64,
    taken: u64,
    /// Memory of what waits in `urgent` and in `calls`.
    reply_bytes: usize,
    call_bytes: usize,
    /// The writer will look again soon: what is in no hurry need not wake it.
    attended: bool,
    finished: bool,
}

impl Lanes {
    fn may_leave(&self) -> bool {
        let first = self.calls.front();
        let unblocked = |(frame, is_call): &(OutFrame, bool)| !is_call || self.has_credit(frame);
        self.ping || self.pong || !self.urgent.is_empty() || first.is_some_and(unblocked)
    }

    /// Adds to the second lane, if there is room.
    fn add_call(&mut self, frame: OutFrame, is_call: bool) -> Result<(), RemoteError> {
        let bytes = self.call_bytes + frame.memory();
        if bytes > CALLS_WAITING_BYTES_MAX {
            return Err(RemoteError::Busy);
        }
        self.call_bytes = bytes;
        self.calls.push_back((frame, is_call));
        Ok(())
    }

    /// The ping and the pong that wait.
    fn beats(&mut self) -> impl Iterator<Item = OutFrame> + use<> {
        let ping = std::mem::take(&mut self.ping).then_some(Beat::Ping);
        let pong = std::mem::take(&mut self.pong).then_some(Beat::Pong);
        ping.into_iter().chain(pong).filter_map(Beat::frame)
    }

    fn has_credit(&self, call: &OutFrame) -> bool {
        self.calls_left > 0 && self.bytes_left >= call.length
    }
}

pub(super) struct Queue {
    lanes: Mutex<Lanes>,
    /// The peer's whole byte credit: a larger call would wait for ever.
    byte_credit: usize,
    wake: Notify,
}

impl Queue {
    pub(super) fn new(calls: u32, bytes: u32) -> Self {
        let byte_credit = bytes as usize;
        let lanes = Lanes {
            ping: false,
            pong: false,
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            calls_left: calls,
            bytes_left: byte_credit,
            moves: 0,
            queued: 0,
            taken: 0,
            reply_bytes: 0,
            call_bytes: 0,
            attended: false,
            finished: false,
        };
        Self { lanes: Mutex::new(lanes), byte_credit, wake: Notify::new() }
    }

    /// Answers how many calls leave before this one.
    pub(super) fn push_call(&self, frame: OutFrame) -> Result<u64, RemoteError> {
        if frame.length > self.byte_credit {
            return Err(RemoteError::TooBig);
        }
        self.push(|lanes| {
            lanes.add_call(frame, true)?;
            lanes.queued += 1;
            Ok(lanes.queued - 1)
        })?
    }

    /// Nobody waits for a release: while the writer is about to look anyway, it is not woken. One
    /// for which there is no room is lost; the peer holds the object until the link ends.
    pub(super) fn push_release(&self, frame: OutFrame) {
        let added = self.add(|lanes| {
            let _ = lanes.add_call(frame, false);
            lanes.attended
        });
        if added == Ok(false) {
            self.wake.notify_one();
        }
    }

    /// Queues what needs no credit and belongs between calls.
    pub(super) fn push_note(&self, frame: OutFrame) -> Result<(), RemoteError> {
        self.push(|lanes| lanes.add_call(frame, false))?
    }

    pub(super) fn push_urgent(&self, frame: OutFrame) {
        let _ = self.push(|lanes| {
            lanes.reply_bytes += frame.memory();
            lanes.urgent.push_back(frame);
        });
    }

    pub(super) fn push_beat(&self, beat: Beat) {
        let _ = self.push(|lanes| match beat {
            Beat::Ping => lanes.ping = true,
            Beat::Pong => lanes.pong = true,
        });
    }

    fn push<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let added = self.add(add)?;
        self.wake.notify_one();
        Ok(added)
    }

    fn add<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let mut lanes = locked(&self.lanes);
        if lanes.finished {
            return Err(RemoteError::Disconnected);
        }
        Ok(add(&mut lanes))
    }

    /// The writer will look again soon, even if nothing wakes it, and say so with
    /// [`Self::unattended`].
    pub(super) fn attended(&self) {
        locked(&self.lanes).attended = true;
    }

    /// From now on everything wakes the writer. Answers whether something may leave already.
    pub(super) fn unattended(&self) -> bool {
        let mut lanes = locked(&self.lanes);
        lanes.attended = false;
        lanes.may_leave()
    }

    /// The peer has answered a call of `bytes`.
    pub(super) fn credit(&self, bytes: usize) {
        let mut lanes = locked(&self.lanes);
        lanes.calls_left += 1;
        lanes.bytes_left += bytes;
        lanes.moves += 1;
        let waiting = !lanes.calls.is_empty();
        drop(lanes);
        if waiting {
            self.wake.notify_one();
        }
    }

    /// Memory of replies that the peer has not taken yet.
    pub(super) fn reply_bytes(&self) -> usize {
        locked(&self.lanes).reply_bytes
    }

    /// While a call waits for credit: a number that changes when a call leaves or credit comes.
    pub(super) fn waiting(&self) -> Option<u64> {
        let lanes = locked(&self.lanes);
        let (frame, is_call) = lanes.calls.front()?;
        (*is_call && !lanes.has_credit(frame)).then_some(lanes.moves)
    }

    /// Calls that [`Self::take`] has given out.
    pub(super) fn taken(&self) -> u64 {
        locked(&self.lanes).taken
    }

    /// Takes no more; answers the numbers of the calls that never left.
    pub(super) fn give_up(&self) -> Vec<u32> {
        let mut lanes = locked(&self.lanes);
        lanes.finished = true;
        let calls = std::mem::take(&mut lanes.calls);
        lanes.call_bytes = 0;
        drop(lanes);
        calls.into_iter().filter_map(|(frame, _)| frame.call).map(|(id, _)| id).collect()
    }

    /// Takes no more; what waits still leaves if the link holds.
    pub(super) fn finish(&self) {
        locked(&self.lanes).finished = true;
        self.wake.notify_one();
    }

    /// Takes no more, and drops what waits.
    pub(super) fn end(&self) {
        let dropped = {
            let mut lanes = locked(&self.lanes);
            lanes.finished = true;
            (lanes.reply_bytes, lanes.call_bytes) = (0, 0);
            (lanes.ping, lanes.pong) = (false, false);
            (std::mem::take(&mut lanes.urgent), std::mem::take(&mut lanes.calls))
        };
        drop(dropped);
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`. Answers false when the queue
    /// has been finished and is empty.
    pub(super) fn take(&self, out: &mut Vec<OutFrame>, bytes_max: usize) -> bool {
        let mut guard = locked(&self.lanes);
        let lanes = &mut *guard;
        let mut bytes = 0;
        out.extend(lanes.beats());
        while bytes < bytes_max
            && let Some(frame) = lanes.urgent.pop_front()
        {
            lanes.reply_bytes = lanes.reply_bytes.saturating_sub(frame.memory());
            bytes += frame.length;
            out.push(frame);
        }
        while bytes < bytes_max
            && let Some((frame, is_call)) = lanes.calls.front()
        {
            if *is_call && !lanes.has_credit(frame) {
                break;
            }
            if *is_call {
                lanes.calls_left -= 1;
                lanes.bytes_left -= frame.length;
                lanes.moves += 1;
                lanes.taken += 1;
            }
            bytes += frame.length;
            lanes.call_bytes = lanes.call_bytes.saturating_sub(frame.memory());
            out.extend(lanes.calls.pop_front().map(|(frame, _)| frame));
        }
        !(lanes.finished && out.is_empty())
    }

    pub(super) async fn wait(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn release() -> OutFrame {
        OutFrame::bare(&Head::Release { export: 1, count: 1 }).unwrap()
    }

    fn is_woken(queue: &Queue) -> bool {
        queue.wait().now_or_never().is_some()
    }

    #[test]
    fn a_release_wakes_a_writer_that_would_not_look_by_itself() {
        let queue = Queue::new(1, 1_000);
        queue.push_release(release());
        assert!(is_woken(&queue));
    }

    #[test]
    fn a_release_waits_for_a_writer_that_will_look_soon() {
        let queue = Queue::new(1, 1_000);
        queue.attended();
        queue.push_release(release());
        assert!(!is_woken(&queue));
        assert!(queue.unattended(), "it may leave");
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 1);
        queue.attended();
        assert!(!queue.unattended(), "nothing is left");
    }

    #[test]
    fn a_release_leaves_with_the_next_frame() {
        let queue = Queue::new(1, 1_000);
        queue.attended();
        queue.push_release(release());
        queue.push_urgent(OutFrame::bare(&Head::Ping).unwrap());
        assert!(is_woken(&queue));
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 2);
    }

    #[test]
    fn of_many_beats_one_of_each_leaves() {
        let queue = Queue::new(1, 1_000);
        for _ in 0..1_000 {
            queue.push_beat(Beat::Pong);
            queue.push_beat(Beat::Ping);
        }
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 2);
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 2);
    }

    #[test]
    fn what_waits_is_counted_by_the_memory_that_it_takes() {
        let queue = Queue::new(0, 1_000);
        let answer = || OutFrame::bare(&Head::Return { id: 1, error: None }).unwrap();
        queue.push_urgent(answer());
        assert!(queue.reply_bytes() >= size_of::<OutFrame>() + answer().head.capacity());
        let room = CALLS_WAITING_BYTES_MAX / release().memory();
        for _ in 0..room + 10 {
            queue.push_release(release());
        }
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX));
        assert_eq!(out.len(), 1 + room, "the answer, and as many releases as there is room for");
        assert_eq!((queue.reply_bytes(), locked(&queue.lanes).call_bytes), (0, 0));
    }
}
