//! What a link lets in, judged before it takes memory: answers to what was asked, and from a peer on
//! probation little.

use super::Conn;
use crate::base::limits::{
    BODY_MAX, PING_EVERY, PINGS_MAX, PROBATION_BODY_MAX, PROBATION_CALLS_MAX,
};
use crate::tub::frame::{Head, Target, Violation};
use crate::tub::parser::Gate;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A call that has left and is not answered yet.
pub(super) struct Question {
    /// Bytes that are credited when it is answered.
    pub cost: usize,
    /// Bulk that its answer may bring.
    pub bulk_max: usize,
}

/// All of them by number, whether or not somebody still waits for the answer.
pub(super) type Questions = Rc<RefCell<HashMap<u32, Question>>>;

/// The gate of one link.
pub(super) struct LinkGate {
    conn: Arc<Conn>,
    questions: Questions,
    /// Calls that the peer has made while on probation.
    calls: u32,
}

impl LinkGate {
    pub(super) const fn new(conn: Arc<Conn>, questions: Questions) -> Self {
        Self { conn, questions, calls: 0 }
    }

    fn call(&mut self, target: &Target, bulk: usize) -> Result<(), Violation> {
        if self.conn.is_known() {
            return Ok(());
        }
        if self.conn.has(target) {
            self.conn.make_known();
            return Ok(());
        }
        self.calls += 1;
        if bulk > 0 || self.calls > PROBATION_CALLS_MAX { Err(Violation) } else { Ok(()) }
    }
}

impl Gate for LinkGate {
    fn body_max(&self) -> usize {
        // What was asked may be answered at length, by whomever.
        let answers = !self.questions.borrow().is_empty();
        if answers || self.conn.is_known() { BODY_MAX } else { PROBATION_BODY_MAX }
    }

    fn admit(&mut self, head: &Head, bulk: usize) -> Result<(), Violation> {
        match head {
            Head::Call { target, .. } => self.call(target, bulk),
            Head::Return { id, .. } => {
                let questions = self.questions.borrow();
                let asked = questions.get(id).is_some_and(|asked| bulk <= asked.bulk_max);
                if asked { Ok(()) } else { Err(Violation) }
            }
            _ => Ok(()),
        }
    }
}

/// How many pings a peer may still send.
pub(super) struct Pings {
    left: u32,
    /// The tub's milliseconds up to which they were given.
    since_ms: u64,
}

impl Pings {
    pub(super) const fn new(now_ms: u64) -> Self {
        Self { left: PINGS_MAX, since_ms: now_ms }
    }

    pub(super) fn take(&mut self, now_ms: u64) -> Result<(), Violation> {
        let every = PING_EVERY.as_millis() as u64;
        let more = now_ms.saturating_sub(self.since_ms) / every;
        self.since_ms += more * every;
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(more).min(PINGS_MAX);
        self.left = self.left.checked_sub(1).ok_or(Violation)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pings_as_a_link_needs_and_no_more() {
        let every = PING_EVERY.as_millis() as u64;
        let mut pings = Pings::new(7);
        let mut at = |now_ms| pings.take(now_ms).is_ok();
        assert!((0..PINGS_MAX).all(|_| at(7)));
        assert!(!at(7 + every - 1), "one more than at once");
        assert!(at(7 + every) && !at(7 + every), "one more in that time");
        assert!((2..1_000).all(|turn| at(7 + turn * every)), "one each time");
        let later = 7 + 1_000_000 * every;
        assert!((0..PINGS_MAX).all(|_| at(later)) && !at(later), "silence saves up no more");
    }
}
