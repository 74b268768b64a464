//! What interfaces are made of once the macro has declared them. Not for anybody else: it changes as
//! the macro does.

use super::error::RemoteError;
use super::interface::{Call, Interface};
use super::object::{AnyMessage, BoxFuture, Delivery, Object, failed};
use super::refs::Ref;
use super::wire::{self, Wire};
use crate::base::limits::{BODY_MAX, REPLY_MAX};
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler};
use std::marker::PhantomData;
use std::sync::Arc;

pub use super::payload::{Payload, WireCall};

/// An interface's id, from its name.
pub fn interface_id(name: &str) -> u32 {
    let [a, b, c, d, ..] = crate::base::hash::sha256(name.as_bytes());
    u32::from_be_bytes([a, b, c, d])
}

/// What a word behind `in` says of a method: there is one such word.
pub const fn in_bulk(word: &str) -> bool {
    assert!(matches!(word.as_bytes(), b"bulk"), "what may stand there is `in bulk`");
    true
}

/// Bytes that a reply of type `T` takes at most.
pub const fn reply_max<T: Wire>() -> usize {
    if T::HAS_BULK { REPLY_MAX } else { BODY_MAX }
}

/// Queues one typed message on an actor.
pub fn send_to_actor<I, M, A>(addr: &Addr<A>, message: AnyMessage) -> Delivery
where
    I: Interface,
    M: Call<I>,
    A: Actor<Context = Context<A>> + Handler<M>,
    A::Context: ToEnvelope<A, M>,
{
    let Ok(message) = message.downcast::<M>() else { return failed(RemoteError::BadArguments) };
    let request = addr.send(*message);
    Box::pin(async move {
        match request.await {
            Ok(Ok(reply)) => Ok(Box::new(reply) as AnyMessage),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(RemoteError::Stopped),
        }
    })
}

/// Passes one typed message on to a reference.
pub fn send_to_ref<I: Interface, M: Call<I>>(to: &Ref<I>, message: AnyMessage) -> Delivery {
    let Ok(message) = message.downcast::<M>() else { return failed(RemoteError::BadArguments) };
    let reply = to.call(*message);
    Box::pin(async move { reply.await.map(|reply| Box::new(reply) as AnyMessage) })
}

/// Decodes one typed message, queues it, and encodes the reply when it comes.
pub fn invoke_typed<I: Interface, M: Call<I>>(
    object: &Arc<dyn Object>,
    call: WireCall<'_>,
) -> Result<BoxFuture<Result<Payload, RemoteError>>, RemoteError> {
    let carrier = call.carrier.clone();
    let message: M = wire::decode(call)?;
    let delivery = object.deliver(M::METHOD, Box::new(message));
    let keep_alive = object.clone();
    Ok(Box::pin(async move {
        let reply = delivery.await?;
        drop(keep_alive);
        let reply = reply.downcast::<M::Reply>().map_err(|_| RemoteError::Stopped)?;
        let object = reply.object();
        Ok(Payload { object, ..wire::encode(*reply, &carrier)? })
    }))
}

/// Queues a boxed message on an actor, by method number.
pub type Table<A> = fn(&Addr<A>, u16, AnyMessage) -> Delivery;

/// An actor as an [`Object`]. When the last reference is dropped the actor stops.
pub struct ActorObject<I, A: Actor> {
    addr: Addr<A>,
    table: Table<A>,
    interface: PhantomData<fn() -> I>,
}

impl<I: Interface, A: Actor> ActorObject<I, A> {
    pub fn new(addr: Addr<A>, table: Table<A>) -> Self {
        Self { addr, table, interface: PhantomData }
    }
}

impl<I: Interface, A: Actor> Object for ActorObject<I, A>
where
    Addr<A>: Send + Sync,
{
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery {
        (self.table)(&self.addr, method, message)
    }
}
