//! Answers that the peer calls before it has them, as [`frame`](crate::tub::frame) draws it.

use super::dispatch::Incoming;
use crate::base::limits::ANSWERS_KEPT_MAX;
use crate::tub::error::RemoteError;
use crate::tub::frame::Violation;
use std::collections::{HashMap, VecDeque};

/// The number under which the link holds the object that was answered, once more for being kept; or why
/// there is none.
pub(super) type Outcome = Result<u32, RemoteError>;

#[derive(Default)]
struct Kept {
    /// The call has come.
    called: bool,
    /// What it was answered, once it was.
    outcome: Option<Outcome>,
    /// Calls for what it will be answered, in order.
    waiting: VecDeque<Incoming>,
    /// Only those that wait are still for it.
    forgotten: bool,
}

/// What one link keeps, by the numbers of the calls. Those that are forgotten and still here are calls
/// that the peer has credits for.
#[derive(Default)]
pub(super) struct Answers(HashMap<u32, Kept>);

impl Answers {
    /// What the call `id` is answered will be called.
    pub(super) fn keep(&mut self, id: u32) -> Result<(), Violation> {
        let kept = self.0.values().filter(|kept| !kept.forgotten).count();
        if kept >= ANSWERS_KEPT_MAX || self.0.contains_key(&id) {
            return Err(Violation);
        }
        self.0.insert(id, Kept::default());
        Ok(())
    }

    /// The call `id` has come.
    pub(super) fn called(&mut self, id: u32) {
        if let Some(kept) = self.0.get_mut(&id) {
            kept.called = true;
        }
    }

    /// Takes in a call for what the call `id` is answered, which must have come: nothing waits for what
    /// may never be. It waits here, or is given back with what that was.
    pub(super) fn route(
        &mut self,
        id: u32,
        call: Incoming,
    ) -> Result<Option<(Outcome, Incoming)>, Violation> {
        let kept = self.0.get_mut(&id).filter(|kept| kept.called && !kept.forgotten);
        let kept = kept.ok_or(Violation)?;
        if let Some(outcome) = &kept.outcome {
            return Ok(Some((outcome.clone(), call)));
        }
        kept.waiting.push_back(call);
        Ok(None)
    }

    /// Whether the answer of the call `id` is to be kept.
    pub(super) fn are_waiting_for(&self, id: u32) -> bool {
        self.0.get(&id).is_some_and(|kept| kept.outcome.is_none())
    }

    /// Notes what that is; gives out who waited for it, and the outcome again if it is not kept after
    /// all.
    pub(super) fn settle(
        &mut self,
        id: u32,
        outcome: Outcome,
    ) -> (VecDeque<Incoming>, Option<Outcome>) {
        let Some(kept) = self.0.get_mut(&id) else { return (VecDeque::new(), Some(outcome)) };
        let waiting = std::mem::take(&mut kept.waiting);
        if kept.forgotten {
            self.0.remove(&id);
            return (waiting, Some(outcome));
        }
        kept.outcome = Some(outcome);
        (waiting, None)
    }

    /// Nothing more will be called for it. Gives out what is to be dropped.
    pub(super) fn forget(&mut self, id: u32) -> Result<Option<Outcome>, Violation> {
        let kept = self.0.get_mut(&id).filter(|kept| !kept.forgotten).ok_or(Violation)?;
        kept.forgotten = true;
        let is_over = kept.outcome.is_some() || !kept.called;
        Ok(if is_over { self.0.remove(&id).and_then(|kept| kept.outcome) } else { None })
    }
}
