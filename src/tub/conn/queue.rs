//! What waits to leave on a link.
//!
//! Two lanes. Calls and releases leave in order and wait for the peer's credits. Replies, pings and
//! goodbyes leave at once: were they to wait for credits too, two peers that are full towards each
//! other would never move again.

use super::lock;
use crate::tub::error::RemoteError;
use crate::tub::frame::OutFrame;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::Notify;

struct Lanes {
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
    /// Bytes of replies that wait in `urgent`.
    reply_bytes: usize,
    /// The writer will look again soon: what is in no hurry need not wake it.
    attended: bool,
    finished: bool,
}

impl Lanes {
    fn may_leave(&self) -> bool {
        let first = self.calls.front();
        let unblocked = |(frame, is_call): &(OutFrame, bool)| !is_call || self.has_credit(frame);
        !self.urgent.is_empty() || first.is_some_and(unblocked)
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
    pub fn new(calls: u32, bytes: u32) -> Self {
        let byte_credit = bytes as usize;
        let lanes = Lanes {
            urgent: VecDeque::new(),
            calls: VecDeque::new(),
            calls_left: calls,
            bytes_left: byte_credit,
            moves: 0,
            queued: 0,
            taken: 0,
            reply_bytes: 0,
            attended: false,
            finished: false,
        };
        Self { lanes: Mutex::new(lanes), byte_credit, wake: Notify::new() }
    }

    /// Answers how many calls leave before this one.
    pub fn push_call(&self, frame: OutFrame) -> Result<u64, RemoteError> {
        if frame.length > self.byte_credit {
            return Err(RemoteError::TooBig);
        }
        self.push(|lanes| {
            lanes.calls.push_back((frame, true));
            lanes.queued += 1;
            lanes.queued - 1
        })
    }

    /// Nobody waits for a release: while the writer is about to look anyway, it is not woken.
    pub fn push_release(&self, frame: OutFrame) {
        let added = self.add(|lanes| {
            lanes.calls.push_back((frame, false));
            lanes.attended
        });
        if added == Ok(false) {
            self.wake.notify_one();
        }
    }

    pub fn push_urgent(&self, frame: OutFrame) {
        let _ = self.push(|lanes| {
            lanes.reply_bytes += frame.length;
            lanes.urgent.push_back(frame);
        });
    }

    fn push<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let added = self.add(add)?;
        self.wake.notify_one();
        Ok(added)
    }

    fn add<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let mut lanes = lock(&self.lanes);
        if lanes.finished {
            return Err(RemoteError::Disconnected);
        }
        Ok(add(&mut lanes))
    }

    /// The writer will look again soon, even if nothing wakes it, and say so with
    /// [`Self::unattended`].
    pub fn attended(&self) {
        lock(&self.lanes).attended = true;
    }

    /// From now on everything wakes the writer. Answers whether something may leave already.
    pub fn unattended(&self) -> bool {
        let mut lanes = lock(&self.lanes);
        lanes.attended = false;
        lanes.may_leave()
    }

    /// The peer has answered a call of `bytes`.
    pub fn credit(&self, bytes: usize) {
        let mut lanes = lock(&self.lanes);
        lanes.calls_left += 1;
        lanes.bytes_left += bytes;
        lanes.moves += 1;
        let waiting = !lanes.calls.is_empty();
        drop(lanes);
        if waiting {
            self.wake.notify_one();
        }
    }

    /// Bytes of replies that the peer has not taken yet.
    pub fn reply_bytes(&self) -> usize {
        lock(&self.lanes).reply_bytes
    }

    /// While a call waits for credit: a number that changes when a call leaves or credit comes.
    pub fn waiting(&self) -> Option<u64> {
        let lanes = lock(&self.lanes);
        let (frame, is_call) = lanes.calls.front()?;
        (*is_call && !lanes.has_credit(frame)).then_some(lanes.moves)
    }

    /// Calls that [`Self::take`] has given out.
    pub fn taken(&self) -> u64 {
        lock(&self.lanes).taken
    }

    /// Takes no more; answers the numbers of the calls that never left.
    pub fn give_up(&self) -> Vec<u32> {
        let mut lanes = lock(&self.lanes);
        lanes.finished = true;
        let calls = std::mem::take(&mut lanes.calls);
        drop(lanes);
        calls.into_iter().filter_map(|(frame, _)| frame.call).collect()
    }

    /// Takes no more; what waits still leaves if the link holds.
    pub fn finish(&self) {
        lock(&self.lanes).finished = true;
        self.wake.notify_one();
    }

    /// Takes no more, and drops what waits.
    pub fn end(&self) {
        let dropped = {
            let mut lanes = lock(&self.lanes);
            lanes.finished = true;
            lanes.reply_bytes = 0;
            (std::mem::take(&mut lanes.urgent), std::mem::take(&mut lanes.calls))
        };
        drop(dropped);
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`. Answers false when the queue
    /// has been finished and is empty.
    pub fn take(&self, out: &mut Vec<OutFrame>, bytes_max: usize) -> bool {
        let mut guard = lock(&self.lanes);
        let lanes = &mut *guard;
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = lanes.urgent.pop_front()
        {
            lanes.reply_bytes = lanes.reply_bytes.saturating_sub(frame.length);
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
            out.extend(lanes.calls.pop_front().map(|(frame, _)| frame));
        }
        !(lanes.finished && out.is_empty())
    }

    pub async fn wait(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tub::frame::Head;
    use crate::tub::payload::Payload;
    use futures_util::FutureExt;

    fn release() -> OutFrame {
        OutFrame::new(&Head::Release { export: 1, count: 1 }, Payload::default()).unwrap()
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
        queue.push_urgent(OutFrame::new(&Head::Ping, Payload::default()).unwrap());
        assert!(is_woken(&queue));
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 2);
    }
}
