//! What waits to leave on a link, and in which order it leaves.
//!
//! ```text
//! beats │ small replies, small calls: up to half of what leaves │ large replies, goodbye │ other calls
//! ```
//! Replies need no credit. Calls do, and what costs none but belongs between them (a release, a note)
//! stands among those that are not small; none of these leaves while a reply waits.
//!
//! A small call overtakes others, unless they may be of the same object or say something of it. Nothing
//! overtakes a small call that was there before. So the calls of one reference leave in their order.

use super::queue::Beat;
use crate::base::limits::CALLS_WAITING_BYTES_MAX;
use crate::tub::error::RemoteError;
use crate::tub::frame::{OutFrame, Target};
use crate::tub::traffic::{Counts, Pace};
use std::collections::{HashMap, VecDeque};

/// Which object a call is for, as far as one can tell calls of different ones apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    Export(u32),
    /// By name; it may have a number too.
    Named,
    /// What another call will answer, which may get a number.
    Answer,
}

impl From<&Target> for Callee {
    fn from(target: &Target) -> Self {
        match target {
            Target::Export(export) => Self::Export(*export),
            Target::Swissnum(_) => Self::Named,
            Target::Answer(_) => Self::Answer,
        }
    }
}

/// What stands on the second lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Call(Callee),
    Release,
    /// Says something of a call.
    Note,
}

struct Waiting {
    frame: OutFrame,
    item: Item,
    /// Small calls that leave before it.
    behind: u64,
}

/// What small calls must not overtake.
#[derive(Default)]
struct Ahead {
    /// Calls of each object that goes by its number.
    exports: HashMap<u32, usize>,
    /// Calls of objects that may be any, and notes.
    others: usize,
}

impl Ahead {
    fn add(&mut self, item: Item) {
        match item {
            Item::Call(Callee::Export(export)) => *self.exports.entry(export).or_default() += 1,
            Item::Call(Callee::Named | Callee::Answer) | Item::Note => self.others += 1,
            Item::Release => {}
        }
    }

    fn remove(&mut self, item: Item) {
        match item {
            Item::Call(Callee::Export(export)) => {
                if let Some(calls) = self.exports.get_mut(&export) {
                    *calls -= 1;
                    if *calls == 0 {
                        self.exports.remove(&export);
                    }
                }
            }
            Item::Call(Callee::Named | Callee::Answer) | Item::Note => self.others -= 1,
            Item::Release => {}
        }
    }

    /// Whether a call may leave before all of it. Who holds a number does not call by name any more.
    fn may_be_overtaken(&self, by: Callee) -> bool {
        self.others == 0
            && match by {
                Callee::Export(export) => !self.exports.contains_key(&export),
                Callee::Named => true,
                // Behind the call that will be answered.
                Callee::Answer => false,
            }
    }
}

#[derive(Default)]
pub(super) struct Lanes {
    /// What is to be said before anything else.
    ping: bool,
    pong: bool,
    small_replies: VecDeque<OutFrame>,
    replies: VecDeque<OutFrame>,
    /// Leaves when all has been answered.
    goodbye: Option<OutFrame>,
    small_calls: VecDeque<OutFrame>,
    calls: VecDeque<Waiting>,
    ahead: Ahead,
    calls_left: u32,
    bytes_left: usize,
    /// Whom the last credit went to.
    last: Option<Pace>,
    /// Calls that were ever queued, and those of them that have left.
    queued: Counts,
    taken: Counts,
    /// Memory of what waits on either lane.
    reply_bytes: usize,
    call_bytes: usize,
}

impl Lanes {
    pub(super) fn with_credit(calls: u32, bytes: usize) -> Self {
        Self { calls_left: calls, bytes_left: bytes, ..Self::default() }
    }

    pub(super) fn add_beat(&mut self, beat: Beat) {
        match beat {
            Beat::Ping => self.ping = true,
            Beat::Pong => self.pong = true,
        }
    }

    pub(super) const fn ping_waits(&self) -> bool {
        self.ping
    }

    pub(super) fn add_reply(&mut self, frame: OutFrame) {
        self.reply_bytes += frame.memory();
        if frame.small { &mut self.small_replies } else { &mut self.replies }.push_back(frame);
    }

    pub(super) fn add_goodbye(&mut self, frame: OutFrame) {
        self.goodbye.get_or_insert(frame);
    }

    /// Adds to the second lane, if there is room; answers the place of a call among those of its pace.
    pub(super) fn add_call(
        &mut self,
        frame: OutFrame,
        item: Item,
    ) -> Result<(Pace, u64), RemoteError> {
        let bytes = self.call_bytes + frame.memory();
        if bytes > CALLS_WAITING_BYTES_MAX {
            return Err(RemoteError::Busy);
        }
        self.call_bytes = bytes;
        if let Item::Call(callee) = item
            && frame.small
            && self.ahead.may_be_overtaken(callee)
        {
            self.small_calls.push_back(frame);
            return Ok((Pace::Small, self.queued.one_more(Pace::Small)));
        }
        let place = match item {
            Item::Call(_) => self.queued.one_more(Pace::Bulk),
            Item::Release | Item::Note => 0,
        };
        self.ahead.add(item);
        self.calls.push_back(Waiting { frame, item, behind: self.queued.small });
        Ok((Pace::Bulk, place))
    }

    pub(super) fn add_credit(&mut self, bytes: usize) {
        self.calls_left += 1;
        self.bytes_left += bytes;
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.calls.is_empty() || !self.small_calls.is_empty()
    }

    pub(super) const fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    pub(super) const fn taken(&self) -> Counts {
        self.taken
    }

    /// While a call waits for credit: what changes when a call leaves or credit comes.
    pub(super) fn waiting(&self) -> Option<(Counts, u32)> {
        let other = self.calls.front().filter(|waiting| self.is_next(waiting));
        let other = other.map(|waiting| &waiting.frame).filter(|frame| frame.call.is_some());
        let frame = self.small_calls.front().or(other)?;
        (!self.has_credit(frame)).then_some((self.taken, self.calls_left))
    }

    pub(super) fn may_leave(&self) -> bool {
        self.ping
            || self.pong
            || self.has_replies()
            || self.goodbye.is_some()
            || self.may_leave_small()
            || self.may_leave_other()
    }

    /// Moves what may leave now into `out`, up to about `bytes_max`.
    pub(super) fn take(&mut self, out: &mut Vec<OutFrame>, bytes_max: usize) {
        out.extend(self.beats());
        let half = self.take_small(out, bytes_max.div_ceil(2));
        self.take_other(out, half, bytes_max);
    }

    /// The numbers of the calls that will not leave any more.
    pub(super) fn drop_calls(&mut self) -> Vec<u32> {
        let frames = self.small_calls.drain(..).chain(self.calls.drain(..).map(|one| one.frame));
        let ids = frames.filter_map(|frame| frame.call).map(|(id, _)| id).collect();
        (self.call_bytes, self.ahead) = (0, Ahead::default());
        ids
    }

    /// The ping and the pong that wait.
    fn beats(&mut self) -> impl Iterator<Item = OutFrame> + use<> {
        let ping = std::mem::take(&mut self.ping).then_some(Beat::Ping);
        let pong = std::mem::take(&mut self.pong).then_some(Beat::Pong);
        ping.into_iter().chain(pong).filter_map(Beat::frame)
    }

    fn take_small(&mut self, out: &mut Vec<OutFrame>, bytes_max: usize) -> usize {
        let mut bytes = 0;
        while bytes < bytes_max
            && let Some(frame) = self.small_replies.pop_front()
        {
            bytes += self.reply_leaves(out, frame);
        }
        while bytes < bytes_max
            && self.may_leave_small()
            && let Some(frame) = self.small_calls.pop_front()
        {
            bytes += self.call_leaves(out, frame, Pace::Small);
        }
        bytes
    }

    fn take_other(&mut self, out: &mut Vec<OutFrame>, mut bytes: usize, bytes_max: usize) {
        while bytes < bytes_max
            && let Some(frame) = self.replies.pop_front()
        {
            bytes += self.reply_leaves(out, frame);
        }
        if !self.has_replies() {
            out.extend(self.goodbye.take());
        }
        while bytes < bytes_max
            && self.may_leave_other()
            && let Some(Waiting { frame, item, .. }) = self.calls.pop_front()
        {
            self.ahead.remove(item);
            bytes += self.call_leaves(out, frame, Pace::Bulk);
        }
    }

    /// Gives out a reply; answers how many bytes it is.
    fn reply_leaves(&mut self, out: &mut Vec<OutFrame>, frame: OutFrame) -> usize {
        let length = frame.length;
        self.reply_bytes = self.reply_bytes.saturating_sub(frame.memory());
        out.push(frame);
        length
    }

    /// Gives out something of the second lane, likewise.
    fn call_leaves(&mut self, out: &mut Vec<OutFrame>, frame: OutFrame, pace: Pace) -> usize {
        let length = frame.length;
        self.call_bytes = self.call_bytes.saturating_sub(frame.memory());
        if frame.call.is_some() {
            self.calls_left -= 1;
            self.bytes_left -= length;
            self.last = Some(pace);
            self.taken.one_more(pace);
        }
        out.push(frame);
        length
    }

    fn has_replies(&self) -> bool {
        !self.small_replies.is_empty() || !self.replies.is_empty()
    }

    /// Whether the first of the small calls may leave. The last credit goes to either in turn.
    fn may_leave_small(&self) -> bool {
        let turn = self.calls_left > 1 || self.last != Some(Pace::Small);
        let other_waits = || {
            let first = self.calls.front().filter(|waiting| self.is_next(waiting));
            first
                .is_some_and(|Waiting { frame, .. }| frame.call.is_some() && self.has_credit(frame))
        };
        self.small_calls.front().is_some_and(|frame| self.has_credit(frame))
            && (turn || !other_waits())
    }

    /// Whether the first of what is not small may leave.
    fn may_leave_other(&self) -> bool {
        !self.has_replies()
            && self.calls.front().is_some_and(|waiting| {
                let free = waiting.frame.call.is_none();
                self.is_next(waiting) && (free || self.has_credit(&waiting.frame))
            })
    }

    /// Whether all small calls have left that were there before.
    const fn is_next(&self, waiting: &Waiting) -> bool {
        self.taken.small >= waiting.behind
    }

    const fn has_credit(&self, call: &OutFrame) -> bool {
        self.calls_left > 0 && self.bytes_left >= call.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::seeded::Rng;
    use crate::tub::frame::{Head, Reason};

    const BULK: usize = 64 << 10;

    fn export(number: u32) -> Callee {
        Callee::Export(number)
    }

    fn lanes() -> Lanes {
        Lanes::with_credit(1_000, 64 << 20)
    }

    /// A call with so many bytes of bulk.
    fn call(id: u32, bytes: usize) -> OutFrame {
        let head = Head::Call { id, target: Target::Export(1), interface: 1, method: 1 };
        OutFrame::new(&head, &[], vec![vec![0; bytes].into()]).unwrap()
    }

    fn answer(id: u32, bytes: usize) -> OutFrame {
        let head = Head::Return { id, error: None };
        OutFrame::new(&head, &[], vec![vec![0; bytes].into()]).unwrap()
    }

    fn release() -> OutFrame {
        OutFrame::bare(&Head::Release { export: 1, count: 1 }).unwrap()
    }

    fn push(lanes: &mut Lanes, id: u32, callee: Callee, bytes: usize) -> (Pace, u64) {
        lanes.add_call(call(id, bytes), Item::Call(callee)).unwrap()
    }

    /// The numbers of the calls that leave, in order, about so many bytes at a time.
    fn leaving(lanes: &mut Lanes, bytes: usize) -> Vec<u32> {
        let mut out = Vec::new();
        loop {
            let before = out.len();
            lanes.take(&mut out, bytes);
            if out.len() == before {
                return out.iter().filter_map(|frame| frame.call).map(|(id, _)| id).collect();
            }
        }
    }

    #[test]
    fn a_question_leaves_before_a_transfer_of_another_object() {
        let mut lanes = lanes();
        for id in 0..8 {
            assert_eq!(push(&mut lanes, id, export(1), BULK), (Pace::Bulk, id.into()));
        }
        assert_eq!(push(&mut lanes, 8, export(2), 10), (Pace::Small, 0));
        assert_eq!(push(&mut lanes, 9, export(2), 10), (Pace::Small, 1));
        assert_eq!(leaving(&mut lanes, 1), [8, 9, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(lanes.taken(), Counts { small: 2, bulk: 8 });
    }

    #[test]
    fn a_short_part_of_much_is_not_small() {
        let mut lanes = lanes();
        lanes.add_call(call(0, 10).in_bulk(true), Item::Call(export(1))).unwrap();
        push(&mut lanes, 1, export(2), 4_000);
        assert_eq!(leaving(&mut lanes, 1), [1, 0]);
    }

    #[test]
    fn what_is_large_does_not_overtake_what_was_there_before_it() {
        let mut lanes = lanes();
        // More small ones than leave at a time.
        for id in 0..3 {
            push(&mut lanes, id, export(7), 12_000);
        }
        push(&mut lanes, 3, export(1), 12_000);
        push(&mut lanes, 4, export(1), BULK);
        push(&mut lanes, 5, export(1), 10);
        assert_eq!(leaving(&mut lanes, 16 << 10), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_may_be_the_same_object_keeps_its_order() {
        for first in [export(1), Callee::Named, Callee::Answer] {
            let mut lanes = lanes();
            push(&mut lanes, 0, first, BULK);
            push(&mut lanes, 1, export(1), 10);
            assert_eq!(leaving(&mut lanes, 1), [0, 1], "{first:?}");
            push(&mut lanes, 2, export(1), 10);
            assert_eq!(leaving(&mut lanes, 1), [2], "nothing of it waits any more");
        }
    }

    #[test]
    fn nothing_overtakes_a_note_or_the_call_that_it_is_for() {
        let mut lanes = lanes();
        push(&mut lanes, 0, export(1), BULK);
        lanes.add_call(OutFrame::bare(&Head::Keep { id: 1 }).unwrap(), Item::Note).unwrap();
        push(&mut lanes, 1, export(2), 10);
        push(&mut lanes, 2, Callee::Answer, 10);
        assert_eq!(leaving(&mut lanes, 1), [0, 1, 2]);
    }

    /// Of calls of a few objects, of all sizes, in whatever pieces they leave and credit comes back.
    #[test]
    fn objects_keep_the_order_of_their_calls() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let mut lanes = Lanes::with_credit(8, 1 << 20);
            let (mut out, mut gone, mut callees) = (Vec::new(), Vec::new(), Vec::new());
            while gone.len() < 300 {
                if callees.len() < 300 && rng.below(3) > 0 {
                    let bytes = [10, 1_000, 15_000, 40_000][rng.below(4)];
                    let callee = export(rng.below(4) as u32);
                    push(&mut lanes, callees.len() as u32, callee, bytes);
                    callees.push(callee);
                }
                lanes.take(&mut out, 1 << rng.below(18));
                for frame in out.drain(..) {
                    gone.push(frame.call.unwrap().0);
                    lanes.add_credit(frame.length);
                }
            }
            for number in 0..4 {
                let of = |id: &&u32| callees[**id as usize] == export(number);
                let order: Vec<&u32> = gone.iter().filter(of).collect();
                assert!(order.is_sorted(), "seed {seed}, object {number}: {order:?}");
            }
        }
    }

    #[test]
    fn a_release_stays_behind_what_may_use_what_it_releases() {
        let mut lanes = Lanes::with_credit(1, 1_000_000);
        push(&mut lanes, 0, export(2), 10);
        push(&mut lanes, 1, export(1), 10);
        lanes.add_reply(answer(7, 10));
        lanes.add_call(release(), Item::Release).unwrap();
        let mut out = Vec::new();
        lanes.take(&mut out, usize::MAX);
        assert_eq!(out.len(), 2, "the answer and one call");
        assert!(lanes.waiting().is_some() && !lanes.may_leave());
        lanes.add_credit(out[1].length);
        out.clear();
        lanes.take(&mut out, usize::MAX);
        assert!(out.len() == 2 && out[0].call.is_some() && out[1].call.is_none());
    }

    #[test]
    fn neither_pace_takes_all_the_room_or_all_the_credit() {
        let mut lanes = lanes();
        push(&mut lanes, 0, export(1), BULK);
        for id in 1..100 {
            push(&mut lanes, id, export(2), 1_000);
        }
        let mut out = Vec::new();
        lanes.take(&mut out, 20_000);
        let bulk = out.iter().position(|frame| frame.call == Some((0, 0)));
        assert!(bulk.is_some_and(|at| (5..50).contains(&at)), "{bulk:?}");
        let mut scarce = Lanes::with_credit(1, 1 << 20);
        for id in 0..4 {
            push(&mut scarce, id, export(1), BULK);
            push(&mut scarce, 10 + id, export(2), 10);
        }
        let mut order = Vec::new();
        while order.len() < 8 {
            out.clear();
            scarce.take(&mut out, usize::MAX);
            order.push(out[0].call.unwrap().0);
            scarce.add_credit(out[0].length);
        }
        assert_eq!(order, [10, 0, 11, 1, 12, 2, 13, 3]);
    }

    #[test]
    fn a_small_answer_leaves_before_large_ones_and_a_goodbye_behind_all() {
        let mut lanes = lanes();
        lanes.add_reply(answer(1, BULK));
        for id in 2..6 {
            lanes.add_reply(answer(id, 9_000));
        }
        lanes.add_goodbye(OutFrame::bare(&Head::Bye(Reason::Shutdown)).unwrap());
        let mut out = Vec::new();
        for _ in 0..10 {
            lanes.take(&mut out, 16 << 10);
        }
        assert_eq!(out.len(), 6);
        assert!(out[0].small && out[5].bulk.is_empty(), "the goodbye is the last");
        assert!(!lanes.may_leave() && lanes.reply_bytes() == 0);
    }

    #[test]
    fn an_answer_without_bulk_leaves_before_a_call_that_comes_after_it() {
        let mut lanes = lanes();
        let head = Head::Return { id: 1, error: None };
        lanes.add_reply(OutFrame::new(&head, &[0; 50_000], Vec::new()).unwrap());
        push(&mut lanes, 2, export(1), 10);
        let mut out = Vec::new();
        (0..3).for_each(|_| lanes.take(&mut out, 16 << 10));
        assert!(out.len() == 2 && out[0].call.is_none());
    }
}
