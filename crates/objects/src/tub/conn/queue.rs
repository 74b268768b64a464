//! What waits to leave on a link.
//!
//! Two lanes. Calls and releases wait for the peer's credits. Replies, pings and goodbyes leave at once:
//! were they to wait for credits too, two peers that are full towards each other would never move again.
//! However many pings and pongs there is reason to send, one of each waits.
//!
//! On each lane what is small goes before what is not, so that a question does not wait behind a
//! transfer: up to half of what leaves at a time. The calls of one object keep their order, and what says
//! something of a call or an object stays behind it.

use crate::base::limits::CALLS_WAITING_BYTES_MAX;
use crate::base::lock::locked;
use crate::tub::error::RemoteError;
use crate::tub::frame::{Head, OutFrame, Target};
use crate::tub::traffic::{Counts, Pace};
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use tokio::sync::Notify;

/// Frames of at most so many bytes are small.
const SMALL_MAX: usize = 16 << 10;

/// What of the second lane is not small, or has to stay behind it.
enum Waiting {
    Call(Target),
    Release,
    /// Says something of a call.
    Note,
}

impl Waiting {
    const fn is_call(&self) -> bool {
        matches!(self, Self::Call(_))
    }
}

/// What stands in [`Lanes::calls`], as far as small calls must not overtake it.
#[derive(Default)]
struct Standing {
    /// Calls of each object that goes by a number.
    exports: HashMap<u32, usize>,
    /// Calls by name, which may be of an object that has a number too.
    names: usize,
    notes: usize,
}

impl Standing {
    fn add(&mut self, what: &Waiting) {
        match what {
            Waiting::Call(Target::Export(export)) => *self.exports.entry(*export).or_default() += 1,
            Waiting::Call(Target::Swissnum(_)) => self.names += 1,
            Waiting::Note => self.notes += 1,
            Waiting::Call(Target::Answer(_)) | Waiting::Release => {}
        }
    }

    fn remove(&mut self, what: &Waiting) {
        match what {
            Waiting::Call(Target::Export(export)) => {
                if let Some(calls) = self.exports.get_mut(export) {
                    *calls -= 1;
                    if *calls == 0 {
                        self.exports.remove(export);
                    }
                }
            }
            Waiting::Call(Target::Swissnum(_)) => self.names -= 1,
            Waiting::Note => self.notes -= 1,
            Waiting::Call(Target::Answer(_)) | Waiting::Release => {}
        }
    }

    /// Whether a call may leave before all of it.
    fn may_be_overtaken(&self, target: &Target) -> bool {
        let behind_none = self.names == 0 && self.notes == 0;
        match target {
            Target::Export(export) => behind_none && !self.exports.contains_key(export),
            Target::Swissnum(_) => behind_none,
            // Behind the call that will be answered.
            Target::Answer(_) => false,
        }
    }
}

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

#[derive(Default)]
struct Lanes {
    /// What is to be said before anything else.
    ping: bool,
    pong: bool,
    small_replies: VecDeque<OutFrame>,
    /// Other replies, and what comes behind them all.
    urgent: VecDeque<OutFrame>,
    small_calls: VecDeque<OutFrame>,
    /// Other calls, which cost credit, and what does not but belongs between them.
    calls: VecDeque<(OutFrame, Waiting)>,
    standing: Standing,
    calls_left: u32,
    bytes_left: usize,
    /// Calls that have left, and credits that came: what does not change has come to a halt.
    moves: u64,
    /// Calls that were ever queued, and those of them that have left: small ones, others.
    queued: Counts,
    taken: Counts,
    /// Memory of what waits on either lane.
    reply_bytes: usize,
    call_bytes: usize,
    /// The writer will look again soon: what is in no hurry need not wake it.
    attended: bool,
    finished: bool,
}

impl Lanes {
    fn may_leave(&self) -> bool {
        let small = self.small_calls.front().is_some_and(|frame| self.has_credit(frame));
        let replies = !self.small_replies.is_empty() || !self.urgent.is_empty();
        self.ping || self.pong || replies || small || self.may_leave_bulk()
    }

    /// Whether the first of the calls that are not small may leave, or what stands in its place. A release
    /// may be of an object for which a small call waits.
    fn may_leave_bulk(&self) -> bool {
        self.calls.front().is_some_and(|(frame, what)| match what {
            Waiting::Call(_) => self.has_credit(frame),
            Waiting::Release | Waiting::Note => self.small_calls.is_empty(),
        })
    }

    /// Adds to the second lane, if there is room.
    fn add_call(&mut self, frame: OutFrame, what: Waiting) -> Result<Pace, RemoteError> {
        let bytes = self.call_bytes + frame.memory();
        if bytes > CALLS_WAITING_BYTES_MAX {
            return Err(RemoteError::Busy);
        }
        self.call_bytes = bytes;
        if let Waiting::Call(target) = &what
            && frame.length <= SMALL_MAX
            && self.standing.may_be_overtaken(target)
        {
            self.small_calls.push_back(frame);
            return Ok(Pace::Small);
        }
        self.standing.add(&what);
        self.calls.push_back((frame, what));
        Ok(Pace::Bulk)
    }

    /// Notes that a call leaves.
    fn leaves(&mut self, frame: &OutFrame, pace: Pace) {
        self.calls_left -= 1;
        self.bytes_left -= frame.length;
        self.moves += 1;
        self.taken.one_more(pace);
    }

    fn take_small(&mut self, out: &mut Vec<OutFrame>, bytes_max: usize) -> usize {
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = self.small_replies.pop_front()
        {
            self.reply_bytes = self.reply_bytes.saturating_sub(frame.memory());
            bytes += frame.length;
            out.push(frame);
        }
        while bytes < bytes_max
            && self.small_calls.front().is_some_and(|frame| self.has_credit(frame))
            && let Some(frame) = self.small_calls.pop_front()
        {
            self.leaves(&frame, Pace::Small);
            self.call_bytes = self.call_bytes.saturating_sub(frame.memory());
            bytes += frame.length;
            out.push(frame);
        }
        bytes
    }

    fn take_bulk(&mut self, out: &mut Vec<OutFrame>, mut bytes: usize, bytes_max: usize) {
        while bytes < bytes_max
            && let Some(frame) = self.urgent.pop_front()
        {
            self.reply_bytes = self.reply_bytes.saturating_sub(frame.memory());
            bytes += frame.length;
            out.push(frame);
        }
        while bytes < bytes_max
            && self.may_leave_bulk()
            && let Some((frame, what)) = self.calls.pop_front()
        {
            self.standing.remove(&what);
            if what.is_call() {
                self.leaves(&frame, Pace::Bulk);
            }
            self.call_bytes = self.call_bytes.saturating_sub(frame.memory());
            bytes += frame.length;
            out.push(frame);
        }
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
        let lanes = Lanes { calls_left: calls, bytes_left: byte_credit, ..Lanes::default() };
        Self { lanes: Mutex::new(lanes), byte_credit, wake: Notify::new() }
    }

    /// Answers at which pace the call leaves, and how many calls of that pace leave before it.
    pub(super) fn push_call(
        &self,
        frame: OutFrame,
        target: Target,
    ) -> Result<(Pace, u64), RemoteError> {
        if frame.length > self.byte_credit {
            return Err(RemoteError::TooBig);
        }
        self.push(|lanes| {
            let pace = lanes.add_call(frame, Waiting::Call(target))?;
            Ok((pace, lanes.queued.one_more(pace)))
        })?
    }

    /// Nobody waits for a release: while the writer is about to look anyway, it is not woken. One
    /// for which there is no room is lost; the peer holds the object until the link ends.
    pub(super) fn push_release(&self, frame: OutFrame) {
        let added = self.add(|lanes| {
            let _ = lanes.add_call(frame, Waiting::Release);
            lanes.attended
        });
        if added == Ok(false) {
            self.wake.notify_one();
        }
    }

    /// Queues what needs no credit and belongs between calls.
    pub(super) fn push_note(&self, frame: OutFrame) -> Result<(), RemoteError> {
        self.push(|lanes| lanes.add_call(frame, Waiting::Note).map(drop))?
    }

    /// Queues a reply.
    pub(super) fn push_reply(&self, frame: OutFrame) {
        let _ = self.push(|lanes| {
            lanes.reply_bytes += frame.memory();
            let small = frame.length <= SMALL_MAX;
            if small { &mut lanes.small_replies } else { &mut lanes.urgent }.push_back(frame);
        });
    }

    /// Queues what needs no credit and comes behind all replies.
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
        let waiting = !lanes.calls.is_empty() || !lanes.small_calls.is_empty();
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
        let call = lanes.calls.front().filter(|(_, what)| what.is_call()).map(|(frame, _)| frame);
        let frame = lanes.small_calls.front().or(call)?;
        (!lanes.has_credit(frame)).then_some(lanes.moves)
    }

    /// Calls that [`Self::take`] has given out.
    pub(super) fn taken(&self) -> Counts {
        locked(&self.lanes).taken
    }

    /// Takes no more; answers the numbers of the calls that never left.
    pub(super) fn give_up(&self) -> Vec<u32> {
        let mut lanes = locked(&self.lanes);
        lanes.finished = true;
        let small = std::mem::take(&mut lanes.small_calls);
        let calls = std::mem::take(&mut lanes.calls);
        lanes.call_bytes = 0;
        drop(lanes);
        let frames = small.into_iter().chain(calls.into_iter().map(|(frame, _)| frame));
        frames.filter_map(|frame| frame.call).map(|(id, _)| id).collect()
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
            let small = std::mem::take(&mut lanes.small_calls);
            let replies = std::mem::take(&mut lanes.small_replies);
            (std::mem::take(&mut lanes.urgent), std::mem::take(&mut lanes.calls), small, replies)
        };
        drop(dropped);
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`. Answers false when the queue
    /// has been finished and is empty.
    pub(super) fn take(&self, out: &mut Vec<OutFrame>, bytes_max: usize) -> bool {
        let mut lanes = locked(&self.lanes);
        out.extend(lanes.beats());
        let bytes = lanes.take_small(out, bytes_max.div_ceil(2));
        lanes.take_bulk(out, bytes, bytes_max);
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

    fn call(id: u32, target: Target, bytes: usize) -> (OutFrame, Target) {
        let head = Head::Call { id, target: target.clone(), interface: 1, method: 1 };
        (OutFrame::new(&head, &[], vec![vec![0; bytes].into()]).unwrap(), target)
    }

    /// The numbers of the calls that leave, in order, a piece of so many bytes at a time.
    fn leaving(queue: &Queue, bytes: usize) -> Vec<u32> {
        let mut out = Vec::new();
        loop {
            let before = out.len();
            assert!(queue.take(&mut out, bytes));
            if out.len() == before {
                return out.iter().filter_map(|frame| frame.call).map(|(id, _)| id).collect();
            }
        }
    }

    fn push(queue: &Queue, id: u32, target: Target, bytes: usize) -> (Pace, u64) {
        let (frame, target) = call(id, target, bytes);
        queue.push_call(frame, target).unwrap()
    }

    const BULK: usize = 64 << 10;

    #[test]
    fn a_question_leaves_before_a_transfer_of_another_object() {
        let queue = Queue::new(100, 8 << 20);
        for id in 0..8 {
            assert_eq!(push(&queue, id, Target::Export(1), BULK), (Pace::Bulk, id.into()));
        }
        assert_eq!(push(&queue, 8, Target::Export(2), 10), (Pace::Small, 0));
        assert_eq!(push(&queue, 9, Target::Export(2), 10), (Pace::Small, 1));
        assert_eq!(leaving(&queue, 1), [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(queue.taken(), Counts { small: 2, bulk: 8 });
    }

    #[test]
    fn calls_of_one_object_keep_their_order() {
        let queue = Queue::new(100, 8 << 20);
        push(&queue, 0, Target::Export(1), BULK);
        assert_eq!(push(&queue, 1, Target::Export(1), 10), (Pace::Bulk, 1));
        push(&queue, 2, Target::Export(2), 10);
        assert_eq!(leaving(&queue, 1), [2, 0, 1]);
        push(&queue, 3, Target::Export(1), 10);
        assert_eq!(leaving(&queue, 1), [3], "nothing of it waits any more");
    }

    #[test]
    fn what_is_called_by_name_may_have_a_number_too() {
        let queue = Queue::new(100, 8 << 20);
        push(&queue, 0, Target::Swissnum(crate::tub::Swissnum::new([7; 32])), BULK);
        push(&queue, 1, Target::Export(1), 10);
        assert_eq!(leaving(&queue, 1), [0, 1]);
    }

    #[test]
    fn nothing_overtakes_a_note_or_the_call_that_it_is_for() {
        let queue = Queue::new(100, 8 << 20);
        push(&queue, 0, Target::Export(1), BULK);
        queue.push_note(OutFrame::bare(&Head::Keep { id: 1 }).unwrap()).unwrap();
        push(&queue, 1, Target::Export(2), 10);
        push(&queue, 2, Target::Answer(1), 10);
        assert_eq!(leaving(&queue, 1), [0, 1, 2]);
    }

    #[test]
    fn a_release_stays_behind_calls_of_what_it_may_release() {
        let queue = Queue::new(1, 1_000_000);
        push(&queue, 0, Target::Export(2), 10);
        push(&queue, 1, Target::Export(1), 10);
        queue.push_release(release());
        assert_eq!(leaving(&queue, usize::MAX), [0]);
        assert!(queue.waiting().is_some() && locked(&queue.lanes).calls.len() == 1);
        queue.credit(10 + 100);
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX) && out.len() == 2);
        assert_eq!(out[0].call.map(|(id, _)| id), Some(1));
    }

    #[test]
    fn small_calls_leave_something_for_the_others() {
        let queue = Queue::new(1_000, 8 << 20);
        push(&queue, 0, Target::Export(1), BULK);
        for id in 1..100 {
            push(&queue, id, Target::Export(2), 1_000);
        }
        let mut out = Vec::new();
        assert!(queue.take(&mut out, 20_000));
        let bulk = out.iter().position(|frame| frame.call == Some((0, 0)));
        assert!(bulk.is_some_and(|at| (5..50).contains(&at)), "{bulk:?}");
    }

    #[test]
    fn a_small_answer_leaves_before_large_ones_and_a_goodbye_behind_all() {
        let queue = Queue::new(1, 1_000);
        let answer = |id: u32, bytes: usize| {
            let head = Head::Return { id, error: None };
            OutFrame::new(&head, &[], vec![vec![0; bytes].into()]).unwrap()
        };
        queue.push_reply(answer(1, BULK));
        queue.push_reply(answer(2, 10));
        let bye = OutFrame::bare(&Head::Bye(crate::tub::frame::Reason::Shutdown)).unwrap();
        let (bye_length, small) = (bye.length, answer(2, 10).length);
        queue.push_urgent(bye);
        let mut out = Vec::new();
        assert!(queue.take(&mut out, usize::MAX));
        let lengths: Vec<usize> = out.iter().map(|frame| frame.length).collect();
        assert_eq!(lengths, [small, answer(1, BULK).length, bye_length]);
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
        assert_eq!((queue.reply_bytes(), locked(&queue.lanes).call_bytes), (0, 0));
    }
}
