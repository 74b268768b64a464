//! Frames: what an established link carries, drawn here once.
//!
//! ```text
//! frame = body length u32 LE ‖ bulk length u32 LE ‖ body ‖ bulk
//! body  = bincode(Head) ‖ bincode(arguments or reply)
//! ```
//! The frame stream runs over records without regard to their borders, but a writer gives large bulk
//! records of its own, so that a reader decrypts it straight into its last place.

use super::budget::Held;
use super::codec;
use super::error::RemoteError;
use super::furl::{FurlError, Swissnum};
use super::payload::Payload;
use crate::base::limits::{BODY_MAX, BULK_MAX, FRAME_OVERHEAD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

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
    /// Bytes on the wire, for credits.
    pub length: usize,
    /// If it is a call, its number and the bulk that its answer may bring.
    pub call: Option<(u32, usize)>,
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
        let call = if let Head::Call { id, .. } = head { Some((*id, 0)) } else { None };
        Ok(Self { head: bytes, bulk: payload.bulk, length: PREFIX + body + bulk, call })
    }

    /// The same for a call whose answer may bring bulk of up to `bulk_max` bytes.
    #[must_use]
    pub fn answered_with(self, bulk_max: usize) -> Self {
        Self { call: self.call.map(|(id, _)| (id, bulk_max)), ..self }
    }

    /// Memory that it takes while it waits; bulk may be part of something larger that waits as well.
    pub fn memory(&self) -> usize {
        FRAME_OVERHEAD + self.length
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
    /// Whether it is a call for which there was no memory.
    pub const fn is_refused(&self) -> bool {
        matches!(self.head, Head::Call { .. }) && self.held.is_none()
    }

    pub fn arguments(&self) -> &[u8] {
        self.body.get(self.arguments_at..).unwrap_or_default()
    }

    /// `length` of this frame's bytes, if it is an answer.
    pub(super) const fn if_answer(&self, length: usize) -> u64 {
        if matches!(self.head, Head::Return { .. }) { length as u64 } else { 0 }
    }

    /// Bytes on the wire, for credits.
    pub fn length(&self) -> usize {
        PREFIX + self.body.len() + self.bulk.len()
    }
}
