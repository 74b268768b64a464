//! Frames: what an established link carries, drawn here once.
//!
//! ```text
//! frame = body length u32 LE ‖ bulk length u32 LE ‖ body ‖ bulk
//! body  = bincode(Head) ‖ bincode(arguments or reply)
//! ```
//! The frame stream runs over records without regard to their borders, but a writer gives large bulk
//! records of its own, so that a reader decrypts it straight into its last place.

use super::codec;
use super::error::RemoteError;
use super::furl::{FurlError, Swissnum};
use super::payload::Payload;
use crate::base::limits::{BODY_MAX, BULK_MAX};
use crate::link::record::sealed_len;
use crate::link::{Buffer, Pool};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the two lengths.
pub const PREFIX: usize = 8;

/// Which object a call is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Target {
    /// An object that this connection has handed out.
    Export(u32),
    /// A sturdy object, by its secret name; saves the look-up round trip.
    Swissnum(Swissnum),
}

/// Why a link ends on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// The tub is going away.
    Shutdown,
    /// The other of two crossing connections stays; nothing sent on this one was run.
    Duplicate,
    /// The peer broke a limit or the framing.
    Violation,
    /// Nothing was heard for too long.
    Idle,
}

/// What a frame says.
#[derive(Debug, Serialize, Deserialize)]
pub enum Head {
    Call {
        id: u32,
        target: Target,
        interface: u32,
        method: u16,
    },
    Return {
        id: u32,
        error: Option<RemoteError>,
    },
    /// The sender has dropped `count` of the references it got to `export`.
    Release {
        export: u32,
        count: u32,
    },
    /// The responder keeps this connection.
    Accepted,
    Ping,
    Pong,
    Bye(Reason),
}

/// A reference on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub enum CapDesc {
    /// An object of the sender's.
    SenderHosted { export: u32, interface: u32 },
    /// An object of the receiver's, coming home.
    ReceiverHosted { export: u32 },
    /// An object of somebody else's, by its furl: a gift.
    ThirdParty { furl: String },
}

/// What both sides tell in the handshake: the limits that the other must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub version: u16,
    /// Tells one run of a tub from the next.
    pub incarnation: u64,
    pub calls: u32,
    pub call_bytes: u32,
    pub features: u32,
}

/// A peer that does not keep to the protocol. The link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer broke the protocol")]
pub struct Violation;

impl From<FurlError> for Violation {
    fn from(_: FurlError) -> Self {
        Self
    }
}

/// A frame ready to be sealed: prefix and body together, and bulk as it came.
#[derive(Debug)]
pub struct OutFrame {
    pub head: Vec<u8>,
    pub bulk: Vec<Bytes>,
    pub length: usize,
    /// The call's number, if it is one.
    pub call: Option<u32>,
}

impl OutFrame {
    pub fn new(head: &Head, payload: Payload) -> Result<Self, RemoteError> {
        let mut bytes = vec![0; PREFIX];
        codec::encode(head, &mut bytes)?;
        bytes.extend_from_slice(&payload.body);
        let body = bytes.len() - PREFIX;
        let bulk: usize = payload.bulk.iter().map(Bytes::len).sum();
        if body > BODY_MAX || bulk > BULK_MAX {
            return Err(RemoteError::TooBig);
        }
        let lengths = (body as u64) | ((bulk as u64) << 32);
        for (to, from) in bytes.iter_mut().zip(lengths.to_le_bytes()) {
            *to = from;
        }
        let call = if let Head::Call { id, .. } = head { Some(*id) } else { None };
        Ok(Self { head: bytes, bulk: payload.bulk, length: PREFIX + body + bulk, call })
    }
}

/// Bytes that all links of a process may hold for their peers.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    max: usize,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub struct Held(Arc<Budget>, usize);

impl Budget {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), max })
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let held = Held(self.clone(), bytes);
        (used + bytes <= self.max).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.used.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// A frame that came in.
pub struct InFrame {
    pub head: Head,
    /// Head and arguments; the arguments start at `arguments_at`.
    pub body: Vec<u8>,
    pub arguments_at: usize,
    pub bulk: Bytes,
    /// The place of a call in the process-wide budget; `None` if it was refused one and its bulk
    /// was skipped, or if it is no call.
    pub held: Option<Held>,
}

impl InFrame {
    pub fn arguments(&self) -> &[u8] {
        self.body.get(self.arguments_at..).unwrap_or_default()
    }

    /// `length` of this frame's bytes, if it is an answer.
    const fn if_answer(&self, length: usize) -> u64 {
        if matches!(self.head, Head::Return { .. }) { length as u64 } else { 0 }
    }

    /// Bytes on the wire, for credits.
    pub fn length(&self) -> usize {
        PREFIX + self.body.len() + self.bulk.len()
    }
}

enum State {
    Prefix { bytes: [u8; PREFIX], have: usize },
    Body { bytes: Vec<u8>, length: usize, bulk: usize },
    Bulk { frame: InFrame, buffer: Buffer, have: usize, length: usize },
    Skip { frame: InFrame, left: usize },
}

/// Cuts a stream of plaintext into frames, within limits.
pub struct Parser {
    state: State,
    pool: Pool,
    budget: Arc<Budget>,
    /// Bytes of answers so far, those of the frame under way among them.
    answers: u64,
}

impl Parser {
    pub fn new(pool: Pool, budget: Arc<Budget>) -> Self {
        Self { state: Self::start(), pool, budget, answers: 0 }
    }

    /// Bytes of answers that have come so far; the first ones of a frame count from when its body is
    /// whole.
    pub const fn answer_bytes(&self) -> u64 {
        self.answers
    }

    const fn start() -> State {
        State::Prefix { bytes: [0; PREFIX], have: 0 }
    }

    /// True between frames: the only place where a link may end.
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Prefix { have: 0, .. })
    }

    /// How many bytes are missing of the bulk under way, and the place for them, with room for what
    /// seals them.
    pub fn rest(&mut self) -> Option<(usize, &mut [u8])> {
        match &mut self.state {
            State::Bulk { buffer, have, length, .. } => {
                Some((*length - *have, buffer.as_mut_slice().get_mut(*have..)?))
            }
            _ => None,
        }
    }

    /// Takes note of `length` bytes, no more than are missing, written at the front of that place.
    pub fn advance(&mut self, length: usize) -> Option<InFrame> {
        if let State::Bulk { frame, have, length: total, .. } = &mut self.state {
            let before = std::mem::replace(have, (*have + length).min(*total));
            self.answers += frame.if_answer(*have - before);
        }
        self.complete()
    }

    /// Takes a piece of plaintext; hands complete frames to `sink`.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut Vec<InFrame>) -> Result<(), Violation> {
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
                    self.state = Self::body(u64::from_le_bytes(*bytes))?;
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
            State::Bulk { frame, buffer, have, length } => {
                let room = buffer.as_mut_slice().get_mut(*have..*length).ok_or(Violation)?;
                let used = copy(room, input);
                *have += used;
                self.answers += frame.if_answer(used);
                Ok(used)
            }
            State::Skip { left, .. } => {
                let used = input.len().min(*left);
                *left -= used;
                Ok(used)
            }
        }
    }

    fn body(lengths: u64) -> Result<State, Violation> {
        let length = (lengths & u64::from(u32::MAX)) as usize;
        let bulk = (lengths >> 32) as usize;
        if length == 0 || length > BODY_MAX || bulk > BULK_MAX {
            return Err(Violation);
        }
        Ok(State::Body { bytes: Vec::with_capacity(length.min(1024)), length, bulk })
    }

    fn bulk(&mut self, body: Vec<u8>, bulk: usize) -> Result<State, Violation> {
        let (head, rest) = codec::decode_prefix::<Head>(&body).map_err(|_| Violation)?;
        let arguments_at = body.len() - rest.len();
        let (is_call, is_return) =
            (matches!(head, Head::Call { .. }), matches!(head, Head::Return { .. }));
        if bulk > 0 && !is_call && !is_return {
            return Err(Violation);
        }
        let held = if is_call { self.budget.take(body.len() + bulk) } else { None };
        let refused = is_call && held.is_none();
        let frame = InFrame { head, body, arguments_at, bulk: Bytes::new(), held };
        self.answers += frame.if_answer(frame.length());
        if refused || bulk == 0 {
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
                if length > 0 {
                    frame.bulk = buffer.freeze(length);
                }
                Some(frame)
            }
            State::Skip { frame, .. } => Some(frame),
            _ => None,
        }
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
