//! Frames: what an established link carries, drawn here once.
//!
//! ```text
//! frame = body length u32 LE ‖ bulk length u32 LE ‖ body ‖ bulk
//! body  = bincode(Head) ‖ bincode(arguments or reply)
//! ```
//! A call may be for what an earlier one will answer, and follow it at once. The earlier one is announced:
//!
//! ```text
//! Keep 7 · Call 7 export 3 · Call 8 answer 7 · Call 9 answer 7 · Forget 7
//! ```
//! What is called so runs when the answer is there, in order, before whatever of the same link comes
//! later for that object; if there is an error instead, that is its answer too. Only peers that say so in
//! their hello ([`KEEPS_ANSWERS`]) are told such things.
//!
//! The frame stream runs over records without regard to their borders, but a writer gives large bulk
//! records of its own, so that a reader decrypts it straight into its last place.

use super::budget::Held;
use super::codec;
use super::error::RemoteError;
use super::furl::{FurlError, Swissnum};
use crate::base::limits::{BODY_MAX, BULK_MAX, FRAME_OVERHEAD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes of the two lengths.
pub const PREFIX: usize = 8;

/// A bit of [`Hello::features`]: the sender understands [`Head::Keep`], [`Head::Forget`] and
/// [`Target::Answer`].
pub const KEEPS_ANSWERS: u32 = 1;

/// Another: of a responder, that it understands [`BRAIDED`] and [`STRAND`].
pub const BRAIDS: u32 = 2;
/// Said by an initiator to one that understands it: the link is a [`Braid`](crate::link::Braid).
pub const BRAIDED: u32 = 4;
/// The same: this is no link but another strand of the initiator's braided link whose
/// [number](crate::link::Established::number) stands where the incarnation would. A responder that takes
/// it says so by one byte, [`JOINED`], which the initiator repeats; then the stream carries runs.
pub const STRAND: u32 = 8;
/// See [`STRAND`].
pub const JOINED: u8 = 1;

/// The method that every object has: answers a live reference to itself.
pub(crate) const RESOLVE: u16 = u16::MAX;

/// Which object a call is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Target {
    /// An object that this connection has handed out.
    Export(u32),
    /// A sturdy object, by its secret name; saves the look-up round trip.
    Swissnum(Swissnum),
    /// What a kept call of this number answers, or will. One that is not kept is a violation.
    Answer(u32),
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
    /// Asks for one method; arguments follow, and bulk if the method takes some.
    Call {
        /// Chosen by the caller; no other unanswered call of this link has it.
        id: u32,
        /// The object that is called.
        target: Target,
        /// [`Interface::id`](super::Interface::id) of what the caller takes the object for.
        interface: u32,
        /// [`Call::METHOD`](super::Call::METHOD).
        method: u16,
    },
    /// Answers a call; the reply follows unless there is an error.
    Return {
        /// That of the call.
        id: u32,
        /// Why there is no reply.
        error: Option<RemoteError>,
    },
    /// The sender has dropped `count` of the references it got to `export`.
    Release {
        /// The number under which they came.
        export: u32,
        /// How many.
        count: u32,
    },
    /// The responder keeps this connection.
    Accepted,
    /// Asks for a [`Head::Pong`].
    Ping,
    /// The sender is there.
    Pong,
    /// The last frame of a link that ends on purpose.
    Bye(Reason),
    /// The call of this number, which follows, will be called for its answer.
    Keep {
        /// That of the call.
        id: u32,
    },
    /// It will not be any more. What was called so far runs all the same.
    Forget {
        /// That of the call.
        id: u32,
    },
}

/// A reference on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub enum CapDesc {
    /// An object of the sender's.
    SenderHosted {
        /// The sender's number for it on this link.
        export: u32,
        /// The id of its interface.
        interface: u32,
    },
    /// An object of the receiver's, coming home.
    ReceiverHosted {
        /// The receiver's number for it on this link.
        export: u32,
    },
    /// An object of somebody else's, by its furl: a gift.
    ThirdParty {
        /// In full, swissnum included.
        furl: String,
    },
}

/// What both sides tell in the handshake: the limits that the other must keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Of the frames: 1.
    pub version: u16,
    /// Tells one run of a tub from the next.
    pub incarnation: u64,
    /// Unanswered calls that the other may have.
    pub calls: u32,
    /// Bytes of frames that those may take together.
    pub call_bytes: u32,
    /// A bit for each addition to the protocol that the sender understands, such as
    /// [`KEEPS_ANSWERS`]; unknown ones are passed over.
    pub features: u32,
}

impl Hello {
    /// As it travels: a few integers, which always fit.
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = codec::encode(self, &mut bytes);
        bytes
    }
}

/// A peer that does not keep to the protocol. The link is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer broke the protocol")]
pub(crate) struct Violation;

impl From<FurlError> for Violation {
    fn from(_: FurlError) -> Self {
        Self
    }
}

/// Frames with bulk are small up to so many bytes; those without all are, so that protocols find their
/// answers and calls in order.
const SMALL_MAX: usize = 16 << 10;

/// A frame ready to be sealed: prefix and body together, and bulk as it came.
#[derive(Debug)]
pub(crate) struct OutFrame {
    pub head: Vec<u8>,
    pub bulk: Vec<Bytes>,
    /// Bytes on the wire, for credits.
    pub length: usize,
    /// If it is a call, its number and the bulk that its answer may bring.
    pub call: Option<(u32, usize)>,
    /// It leaves before what is not small.
    pub small: bool,
}

impl OutFrame {
    /// With nothing behind its head.
    pub(crate) fn bare(head: &Head) -> Result<Self, RemoteError> {
        Self::new(head, &[], Vec::new())
    }

    /// With an encoded value, and the bulk that travels beside it.
    pub(crate) fn new(head: &Head, value: &[u8], bulk: Vec<Bytes>) -> Result<Self, RemoteError> {
        let mut bytes = vec![0; PREFIX];
        codec::encode(head, &mut bytes)?;
        bytes.extend_from_slice(value);
        let (body, beside) = (bytes.len() - PREFIX, bulk.iter().map(Bytes::len).sum::<usize>());
        if body > BODY_MAX || beside > BULK_MAX {
            return Err(RemoteError::TooBig);
        }
        let lengths = (body as u64) | ((beside as u64) << 32);
        for (to, from) in bytes.iter_mut().zip(lengths.to_le_bytes()) {
            *to = from;
        }
        let call = if let Head::Call { id, .. } = head { Some((*id, 0)) } else { None };
        let length = PREFIX + body + beside;
        let small = bulk.is_empty() || length <= SMALL_MAX;
        Ok(Self { head: bytes, bulk, length, call, small })
    }

    /// The same for a call whose answer may bring bulk of up to `bulk_max` bytes.
    #[must_use]
    pub(crate) fn answered_with(self, bulk_max: usize) -> Self {
        Self { call: self.call.map(|(id, _)| (id, bulk_max)), ..self }
    }

    /// The same, which carries a part of more if `yes`: that is not small, however short it is.
    #[must_use]
    pub(crate) fn in_bulk(self, yes: bool) -> Self {
        Self { small: self.small && !yes, ..self }
    }

    /// Memory that it takes while it waits; bulk may be part of something larger that waits as well.
    pub(crate) fn memory(&self) -> usize {
        FRAME_OVERHEAD + self.length
    }
}

/// A frame that came in.
pub(crate) struct InFrame {
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
    /// Whether it is a call for which there was no memory.
    pub(crate) const fn is_refused(&self) -> bool {
        matches!(self.head, Head::Call { .. }) && self.held.is_none()
    }

    pub(crate) fn arguments(&self) -> &[u8] {
        self.body.get(self.arguments_at..).unwrap_or_default()
    }

    /// `length` of this frame's bytes, if it is an answer.
    pub(super) const fn if_answer(&self, length: usize) -> u64 {
        if matches!(self.head, Head::Return { .. }) { length as u64 } else { 0 }
    }

    /// Bytes on the wire, for credits.
    pub(crate) fn length(&self) -> usize {
        PREFIX + self.body.len() + self.bulk.len()
    }
}
