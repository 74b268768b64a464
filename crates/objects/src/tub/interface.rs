//! What an object answers to: interfaces and their messages.

use super::error::RemoteError;
use super::object::{AnyMessage, BoxFuture, Delivery, Object};
use super::payload::{Payload, WireCall};
use super::refs::Ref;
use super::wire::Wire;
use actix::Message;
use std::sync::Arc;

/// One method, for the schema to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its number in calls, [`Call::METHOD`].
    pub ordinal: u16,
    /// Its message's name.
    pub name: &'static str,
    /// Name and Rust type of each argument.
    pub arguments: &'static [(&'static str, &'static str)],
    /// Rust type of the reply.
    pub reply: &'static str,
}

/// A remote interface, declared by [`remote_interface!`](crate::remote_interface).
pub trait Interface: Sized + Send + Sync + 'static {
    /// Name with version, as `example.adder.v1`.
    const NAME: &'static str;
    /// All its methods, as declared.
    const METHODS: &'static [MethodInfo];
    /// Objects of this interface that one link may hold; for one more, the answer that brings it
    /// is `Busy`. So a peer that takes too many keeps none from others.
    const HELD_MAX: usize = crate::base::limits::EXPORTS_MAX;

    /// The first four bytes of SHA-256 of [`Self::NAME`]; stands in every call head.
    fn id() -> u32;

    /// Bytes that a reply of `method` takes at most.
    #[doc(hidden)]
    fn reply_max(method: u16) -> usize;

    /// Decodes a call from the wire, queues it on `object`, and encodes its reply.
    #[doc(hidden)]
    fn invoke(
        object: &Arc<dyn Object>,
        method: u16,
        call: WireCall<'_>,
    ) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError>;

    /// Passes a boxed message on to another reference.
    #[doc(hidden)]
    fn forward(to: &Ref<Self>, method: u16, message: AnyMessage) -> Delivery;
}

/// A message of interface `I`.
pub trait Call<I: Interface>: Wire + Message<Result = Result<Self::Reply, RemoteError>> {
    /// What the method answers.
    type Reply: Wire;
    /// Its number; `u16::MAX` is every object's own, which answers a reference to it.
    const METHOD: u16;
    /// It carries a part of more that comes: calls that stand for themselves may go before it, however
    /// short it is.
    const IN_BULK: bool = false;
}
