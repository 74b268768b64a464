//! What answers messages, whatever their interface: an object, and the actor that is one.

use super::error::RemoteError;
use super::progress::Progress;
use actix::{Actor, Addr, Context};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A future that any thread may poll.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A message or a reply whose type its method number tells.
pub type AnyMessage = Box<dyn Any + Send>;
/// What a delivered message comes to.
pub type Delivery = BoxFuture<Result<AnyMessage, RemoteError>>;

/// Something that answers the messages of one interface.
pub trait Object: Send + Sync + 'static {
    /// Queues `message`, a boxed message of method `method`, before it returns; so messages keep
    /// their order. The future waits for the answer, a boxed reply of that method.
    fn deliver(&self, method: u16, message: AnyMessage) -> Delivery;

    /// The same, with what tells how far the call has come, where that takes a time that is worth
    /// telling: of an object that stands for another one beyond some network.
    fn deliver_followed(
        &self,
        method: u16,
        message: AnyMessage,
    ) -> (Delivery, Option<Arc<dyn Progress>>) {
        (self.deliver(method, message), None)
    }
}

/// A delivery that has failed already.
pub fn failed(error: RemoteError) -> Delivery {
    Box::pin(std::future::ready(Err(error)))
}

/// Starts an actor whose mailbox takes every message at once, in order.
///
/// A bounded mailbox of actix is no back-pressure (a sender that finds it full queues all the same,
/// out of order); links bound what is in flight by credits.
pub fn start<A: Actor<Context = Context<A>>>(actor: A) -> Addr<A> {
    A::create(|context| {
        context.set_mailbox_capacity(0);
        actor
    })
}
