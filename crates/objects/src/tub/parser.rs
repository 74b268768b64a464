//! Cuts a stream of plaintext into frames, within what its link allows.

use super::budget::{Budget, Held};
use super::codec;
use super::frame::{Head, InFrame, PREFIX, Violation};
use crate::base::limits::{ARGUMENT_FACTOR, BODY_MAX, BULK_MAX, CALL_BYTES_STEP, FRAME_OVERHEAD};
use crate::link::record::sealed_len;
use crate::link::{Buffer, Pool};
use bytes::Bytes;
use std::sync::Arc;

/// What a link lets a frame be: asked when its lengths have come, and when its head has, before any
/// of it takes memory.
pub(super) trait Gate {
    fn body_max(&self) -> usize;
    /// Whether a frame with this head may bring `bulk` bytes.
    fn admit(&mut self, head: &Head, bulk: usize) -> Result<(), Violation>;
}

/// Lets every frame in that can be one.
pub(super) struct Open;

impl Gate for Open {
    fn body_max(&self) -> usize {
        BODY_MAX
    }

    fn admit(&mut self, _: &Head, _: usize) -> Result<(), Violation> {
        Ok(())
    }
}

enum State {
    Prefix { bytes: [u8; PREFIX], have: usize },
    Body { bytes: Vec<u8>, length: usize, bulk: usize },
    Bulk { frame: InFrame, buffer: Buffer, have: usize, length: usize },
    Skip { frame: InFrame, left: usize },
}

/// The frame that is under way on one link.
pub(super) struct Parser {
    state: State,
    pool: Pool,
    budget: Arc<Budget>,
    gate: Box<dyn Gate>,
    /// Bytes of answers so far, those of the frame under way among them.
    answers: u64,
}

impl Parser {
    pub(super) fn new(pool: Pool, budget: Arc<Budget>, gate: Box<dyn Gate>) -> Self {
        Self { state: Self::start(), pool, budget, gate, answers: 0 }
    }

    /// Bytes of answers that have come so far; the first ones of a frame count from when its body is
    /// whole.
    pub(super) const fn answer_bytes(&self) -> u64 {
        self.answers
    }

    const fn start() -> State {
        State::Prefix { bytes: [0; PREFIX], have: 0 }
    }

    /// True between frames: the only place where a link may end.
    pub(super) const fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Prefix { have: 0, .. })
    }

    /// Bytes of the frame under way that have come, or that are skipped; 0 between frames.
    pub(super) fn under_way(&self) -> usize {
        match &self.state {
            State::Prefix { have, .. } => *have,
            State::Body { bytes, .. } => PREFIX + bytes.len(),
            State::Bulk { frame, have, .. } => PREFIX + frame.body.len() + have,
            State::Skip { left, .. } => PREFIX + BULK_MAX.saturating_sub(*left),
        }
    }

    /// Whether that is the bulk of an answer, which has its place already.
    pub(super) const fn is_in_answer(&self) -> bool {
        matches!(&self.state, State::Bulk { frame, .. } if matches!(frame.head, Head::Return { .. }))
    }

    /// How many bytes are missing of the bulk under way, and the place for them, with room for what
    /// seals them.
    pub(super) fn rest(&mut self) -> Option<(usize, &mut [u8])> {
        match &mut self.state {
            State::Bulk { buffer, have, length, .. } => {
                Some((*length - *have, buffer.as_mut_slice().get_mut(*have..)?))
            }
            _ => None,
        }
    }

    /// Takes note of `length` bytes, no more than are missing, written at the front of that place.
    pub(super) fn advance(&mut self, length: usize) -> Option<InFrame> {
        if let State::Bulk { frame, have, length: total, .. } = &mut self.state {
            let before = std::mem::replace(have, (*have + length).min(*total));
            self.answers += frame.if_answer(*have - before);
            charge(frame, *have, *total);
        }
        self.complete()
    }

    /// Whether there is no memory for the bulk under way, of which some has come.
    pub(super) const fn is_refused(&self) -> bool {
        matches!(&self.state, State::Bulk { frame, .. } if frame.is_refused())
    }

    /// Frees the place of such a bulk; the rest of it goes nowhere.
    pub(super) fn skip_refused(&mut self) {
        if !self.is_refused() {
            return;
        }
        if let State::Bulk { frame, have, length, .. } =
            std::mem::replace(&mut self.state, Self::start())
        {
            self.state = State::Skip { frame, left: length - have };
        }
    }

    /// Takes a piece of plaintext; hands complete frames to `sink`.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut Vec<InFrame>,
    ) -> Result<(), Violation> {
        while !bytes.is_empty() {
            let used = self.take(bytes)?;
            bytes = bytes.get(used..).ok_or(Violation)?;
            sink.extend(self.complete());
        }
        Ok(())
    }

    fn take(&mut self, input: &[u8]) -> Result<usize, Violation> {
        match &mut self.state {
            State::Prefix { bytes, have } => {
                let used = copy(bytes.get_mut(*have..).ok_or(Violation)?, input);
                *have += used;
                if *have == PREFIX {
                    self.state = body(*bytes, self.gate.body_max())?;
                }
                Ok(used)
            }
            State::Body { bytes, length, bulk } => {
                let used = input.len().min(*length - bytes.len());
                bytes.extend_from_slice(input.get(..used).ok_or(Violation)?);
                if bytes.len() == *length {
                    let (body, bulk) = (std::mem::take(bytes), *bulk);
                    self.state = self.bulk(body, bulk)?;
                }
                Ok(used)
            }
            State::Bulk { buffer, have, length, .. } => {
                let room = buffer.as_mut_slice().get_mut(*have..*length).ok_or(Violation)?;
                let used = copy(room, input);
                self.note(used);
                Ok(used)
            }
            State::Skip { left, .. } => {
                let used = input.len().min(*left);
                *left -= used;
                Ok(used)
            }
        }
    }

    /// Takes note of bulk that was copied into its place.
    fn note(&mut self, length: usize) {
        if let State::Bulk { frame, have, length: total, .. } = &mut self.state {
            *have += length;
            self.answers += frame.if_answer(length);
            charge(frame, *have, *total);
        }
        self.skip_refused();
    }

    fn bulk(&mut self, body: Vec<u8>, bulk: usize) -> Result<State, Violation> {
        let (head, rest) = codec::decode_prefix::<Head>(&body).map_err(|_| Violation)?;
        let arguments_at = body.len() - rest.len();
        let (is_call, is_return) =
            (matches!(head, Head::Call { .. }), matches!(head, Head::Return { .. }));
        if bulk > 0 && !is_call && !is_return {
            return Err(Violation);
        }
        self.gate.admit(&head, bulk)?;
        let memory = memory(body.len()) + bulk.min(CALL_BYTES_STEP);
        let held = if is_call { self.budget.take(memory) } else { None };
        let frame = InFrame { head, body, arguments_at, bulk: Bytes::new(), held };
        self.answers += frame.if_answer(frame.length());
        if frame.is_refused() || bulk == 0 {
            return Ok(State::Skip { frame, left: bulk });
        }
        let buffer = self.pool.take(sealed_len(bulk));
        Ok(State::Bulk { frame, buffer, have: 0, length: bulk })
    }

    /// The frame, if its last byte has come.
    fn complete(&mut self) -> Option<InFrame> {
        let done = match &self.state {
            State::Bulk { have, length, .. } => have == length,
            State::Skip { left, .. } => *left == 0,
            _ => false,
        };
        if !done {
            return None;
        }
        match std::mem::replace(&mut self.state, Self::start()) {
            State::Bulk { mut frame, buffer, length, .. } => {
                if length > 0 && !frame.is_refused() {
                    frame.bulk = buffer.freeze(length);
                }
                Some(frame)
            }
            State::Skip { frame, .. } => Some(frame),
            _ => None,
        }
    }
}

/// The place for a body of the length that a prefix tells.
fn body(prefix: [u8; PREFIX], body_max: usize) -> Result<State, Violation> {
    let lengths = u64::from_le_bytes(prefix);
    let length = (lengths & u64::from(u32::MAX)) as usize;
    let bulk = (lengths >> 32) as usize;
    if length == 0 || length > body_max || bulk > BULK_MAX {
        return Err(Violation);
    }
    Ok(State::Body { bytes: Vec::with_capacity(length.min(1024)), length, bulk })
}

/// What a call's body takes, decoded or not.
const fn memory(body: usize) -> usize {
    FRAME_OVERHEAD + ARGUMENT_FACTOR * body
}

/// Charges a call for `have` of `whole` bytes of bulk; refuses it if there is no room.
fn charge(frame: &mut InFrame, have: usize, whole: usize) {
    let body = memory(frame.body.len());
    let fits = |held: &mut Held| held.reach(body + have, body + whole);
    if !frame.held.as_mut().is_none_or(fits) {
        frame.held = None;
    }
}

/// Copies what fits; answers how much.
fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    for (to, from) in to.chunks_mut(length.max(1)).zip(from.chunks(length.max(1))).take(1) {
        to.copy_from_slice(from);
    }
    length
}
