//! What can go wrong with a call, as it travels on the wire: one word, never a path or backtrace.

use crate::base::limits::ERROR_TEXT_MAX;
use serde::{Deserialize, Serialize};

/// The outcome of a call that did not return a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum RemoteError {
    /// Nobody answers to that swissnum: unknown, wrong and revoked are one.
    #[error("no such object")]
    NoSuchObject,
    /// The object's interface has no such method: the peer is older or newer.
    #[error("no such method")]
    NoSuchMethod,
    /// The object is there and speaks another interface.
    #[error("the object has another interface")]
    WrongInterface,
    /// The arguments do not decode, or say something that cannot be.
    #[error("bad arguments")]
    BadArguments,
    /// The call or its answer is larger than a frame may be.
    #[error("the message is too big")]
    TooBig,
    /// The peer holds as many bytes as it can; later is better.
    #[error("the peer is busy")]
    Busy,
    /// The object stopped while the call was on its way.
    #[error("the object has stopped")]
    Stopped,
    /// The link is gone. The call may or may not have run.
    #[error("the connection is lost")]
    Disconnected,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The object's own error; the code's meaning belongs to the interface.
    #[error("{msg}")]
    App {
        /// What went wrong, for programs.
        code: u16,
        /// The same for people, at most [`ERROR_TEXT_MAX`] bytes.
        msg: String,
    },
}

impl RemoteError {
    /// An error of the interface itself, its text cut to what an answer may carry.
    pub fn app(code: u16, msg: impl Into<String>) -> Self {
        let mut msg = msg.into();
        let mut end = msg.len().min(ERROR_TEXT_MAX);
        while !msg.is_char_boundary(end) {
            end -= 1;
        }
        msg.truncate(end);
        Self::App { code, msg }
    }

    /// The interface's own code, if it is the interface's own error.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::App { code, .. } => Some(*code),
            _ => None,
        }
    }
}
