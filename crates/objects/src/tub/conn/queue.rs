//! What waits to leave on a link, as all threads that call through it see it.

use super::lanes::{Callee, Item, Lanes};
use crate::base::lock::locked;
use crate::tub::error::RemoteError;
use crate::tub::frame::{Head, OutFrame};
use crate::tub::traffic::{Counts, Pace};
use std::sync::Mutex;
use tokio::sync::Notify;

/// Says that this side is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    Pong,
}

impl Beat {
    pub(super) fn frame(self) -> Option<OutFrame> {
        let head = match self {
            Self::Ping => Head::Ping,
            Self::Pong => Head::Pong,
        };
        OutFrame::bare(&head).ok()
    }
}

struct State {
    lanes: Lanes,
    /// The writer will look again soon: what is in no hurry need not wake it.
    attended: bool,
    finished: bool,
}

/// See [`Lanes`] for what leaves when.
pub(super) struct Queue {
    state: Mutex<State>,
    /// The peer's whole byte credit: a larger call would wait for ever.
    byte_credit: usize,
    wake: Notify,
}

impl Queue {
    pub(super) fn new(calls: u32, bytes: u32) -> Self {
        let byte_credit = bytes as usize;
        let lanes = Lanes::with_credit(calls, byte_credit);
        let state = Mutex::new(State { lanes, attended: false, finished: false });
        Self { state, byte_credit, wake: Notify::new() }
    }

    /// Answers at which pace the call leaves, and how many calls of that pace leave before it.
    pub(super) fn push_call(
        &self,
        frame: OutFrame,
        callee: Callee,
    ) -> Result<(Pace, u64), RemoteError> {
        if frame.length > self.byte_credit {
            return Err(RemoteError::TooBig);
        }
        self.push(|lanes| lanes.add_call(frame, Item::Call(callee)))?
    }

    /// Nobody waits for a release: while the writer is about to look anyway, it is not woken. One
    /// for which there is no room is lost; the peer holds the object until the link ends.
    pub(super) fn push_release(&self, frame: OutFrame) {
        let added = self.add(|state| {
            let _ = state.lanes.add_call(frame, Item::Release);
            state.attended
        });
        if added == Ok(false) {
            self.wake.notify_one();
        }
    }

    /// Queues what needs no credit and belongs between calls.
    pub(super) fn push_note(&self, frame: OutFrame) -> Result<(), RemoteError> {
        self.push(|lanes| lanes.add_call(frame, Item::Note).map(drop))?
    }

    pub(super) fn push_reply(&self, frame: OutFrame) {
        let _ = self.push(|lanes| lanes.add_reply(frame));
    }

    /// Queues the last frame of the link, which comes behind all replies.
    pub(super) fn push_goodbye(&self, frame: OutFrame) {
        let _ = self.push(|lanes| lanes.add_goodbye(frame));
    }

    pub(super) fn push_beat(&self, beat: Beat) {
        let _ = self.push(|lanes| lanes.add_beat(beat));
    }

    fn push<T>(&self, add: impl FnOnce(&mut Lanes) -> T) -> Result<T, RemoteError> {
        let added = self.add(|state| add(&mut state.lanes))?;
        self.wake.notify_one();
        Ok(added)
    }

    fn add<T>(&self, add: impl FnOnce(&mut State) -> T) -> Result<T, RemoteError> {
        let mut state = locked(&self.state);
        if state.finished {
            return Err(RemoteError::Disconnected);
        }
        Ok(add(&mut state))
    }

    /// The writer will look again soon, even if nothing wakes it, and say so with
    /// [`Self::unattended`].
    pub(super) fn attended(&self) {
        locked(&self.state).attended = true;
    }

    /// From now on everything wakes the writer. Answers whether something may leave already.
    pub(super) fn unattended(&self) -> bool {
        let mut state = locked(&self.state);
        state.attended = false;
        state.lanes.may_leave()
    }

    /// The peer has answered a call of `bytes`.
    pub(super) fn credit(&self, bytes: usize) {
        let mut state = locked(&self.state);
        state.lanes.add_credit(bytes);
        let waiting = state.lanes.has_calls();
        drop(state);
        if waiting {
            self.wake.notify_one();
        }
    }

    /// Memory of replies that the peer has not taken yet.
    pub(super) fn reply_bytes(&self) -> usize {
        locked(&self.state).lanes.reply_bytes()
    }

    /// While a call waits for credit: what changes when a call leaves or credit comes.
    pub(super) fn waiting(&self) -> Option<(Counts, u32)> {
        locked(&self.state).lanes.waiting()
    }

    /// Whether the writer has not come to a ping yet.
    pub(super) fn ping_waits(&self) -> bool {
        locked(&self.state).lanes.ping_waits()
    }

    /// Calls that [`Self::take`] has given out.
    pub(super) fn taken(&self) -> Counts {
        locked(&self.state).lanes.taken()
    }

    /// Takes no more; answers the numbers of the calls that never left.
    pub(super) fn give_up(&self) -> Vec<u32> {
        let mut state = locked(&self.state);
        state.finished = true;
        state.lanes.drop_calls()
    }

    /// Takes no more; what waits still leaves if the link holds.
    pub(super) fn finish(&self) {
        locked(&self.state).finished = true;
        self.wake.notify_one();
    }

    /// Takes no more, and drops what waits.
    pub(super) fn end(&self) {
        let dropped = {
            let mut state = locked(&self.state);
            state.finished = true;
            std::mem::take(&mut state.lanes)
        };
        drop(dropped);
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`. Answers false when the queue
    /// has been finished and is empty.
    pub(super) fn take(&self, out: &mut Vec<OutFrame>, bytes_max: usize) -> bool {
        let mut state = locked(&self.state);
        state.lanes.take(out, bytes_max);
        !(state.finished && out.is_empty())
    }

    pub(super) async fn wait(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::CALLS_WAITING_BYTES_MAX;
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
        queue.push_reply(OutFrame::bare(&Head::Accepted).unwrap());
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
        queue.push_reply(answer());
        assert!(queue.reply_bytes() >= size_of::<OutFrame>() + answer().head.capacity());
        let room = CALLS_WAITING_BYTES_MAX / release().memory();
        for _ in 0..room + 10 {
            queue.push_release(release());
        }
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX));
        assert_eq!(out.len(), 1 + room, "the answer, and as many releases as there is room for");
        assert_eq!(queue.reply_bytes(), 0);
        assert!(!locked(&queue.state).lanes.has_calls());
    }
}
