//! What an object answers to: interfaces, their messages, and the macro that declares both.

use super::error::RemoteError;
use super::payload::{Payload, WireCall};
use super::progress::Progress;
use super::refs::Ref;
use super::wire::Wire;
use actix::{Actor, Addr, Context, Message};
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

/// Declares a remote interface: its messages, and how actors, links and forwarders handle them.
///
/// ```
/// use tahoe_objects::{remote_interface, tub::RemoteError};
///
/// remote_interface! {
///     /// Adds up.
///     pub interface Adder = "example.adder.v1" {
///         /// The sum so far, with `value` in it.
///         0 => Add { value: u64 } -> u64,
///     }
/// }
///
/// struct Sum(u64);
/// impl actix::Actor for Sum {
///     type Context = actix::Context<Self>;
/// }
/// impl actix::Handler<Add> for Sum {
///     type Result = Result<u64, RemoteError>;
///     fn handle(&mut self, add: Add, _: &mut Self::Context) -> Self::Result {
///         self.0 = self.0.checked_add(add.value).ok_or(RemoteError::BadArguments)?;
///         Ok(self.0)
///     }
/// }
///
/// # actix_rt::System::new().block_on(async {
/// let adder = Adder::of(tahoe_objects::tub::start(Sum(40)));
/// assert_eq!(adder.call(Add { value: 2 }).await, Ok(42));
/// # });
/// ```
/// The name may be followed by [`Interface::HELD_MAX`], the path of a constant.
///
/// Ordinals and arguments are frozen once released: add a method or a `.v2`, never a field.
#[macro_export]
macro_rules! remote_interface {
    ($(#[$meta:meta])* $vis:vis interface $iface:ident = $name:literal $(, $held_max:path)? {
        $($(#[$method_meta:meta])* $ordinal:literal => $message:ident {
            $($field:ident : $type:ty),* $(,)?
        } -> $reply:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis enum $iface {}

        $(
            $crate::wire_struct! {
                $(#[$method_meta])*
                $vis struct $message { $(pub $field: $type),* }
            }

            impl $crate::actix::Message for $message {
                type Result = Result<$reply, $crate::tub::RemoteError>;
            }

            impl $crate::tub::Call<$iface> for $message {
                type Reply = $reply;
                const METHOD: u16 = $ordinal;
            }
        )*

        impl $crate::tub::Interface for $iface {
            const NAME: &'static str = $name;
            $(const HELD_MAX: usize = $held_max;)?
            const METHODS: &'static [$crate::tub::MethodInfo] = &[$($crate::tub::MethodInfo {
                ordinal: $ordinal,
                name: stringify!($message),
                arguments: &[$((stringify!($field), stringify!($type))),*],
                reply: stringify!($reply),
            }),*];

            fn id() -> u32 {
                static ID: ::std::sync::LazyLock<u32> =
                    ::std::sync::LazyLock::new(|| $crate::tub::plumbing::interface_id($name));
                *ID
            }

            fn reply_max(method: u16) -> usize {
                match method {
                    $($ordinal => $crate::tub::plumbing::reply_max::<$reply>(),)*
                    _ => 0,
                }
            }

            fn invoke(
                object: &::std::sync::Arc<dyn $crate::tub::Object>,
                method: u16,
                call: $crate::tub::plumbing::WireCall<'_>,
            ) -> Result<
                $crate::tub::BoxFuture<Result<$crate::tub::plumbing::Payload, $crate::tub::RemoteError>>,
                $crate::tub::RemoteError,
            > {
                match method {
                    $($ordinal => $crate::tub::plumbing::invoke_typed::<Self, $message>(object, call),)*
                    _ => Err($crate::tub::RemoteError::NoSuchMethod),
                }
            }

            fn forward(
                to: &$crate::tub::Ref<Self>,
                method: u16,
                message: $crate::tub::AnyMessage,
            ) -> $crate::tub::Delivery {
                match method {
                    $($ordinal => $crate::tub::plumbing::send_to_ref::<Self, $message>(to, message),)*
                    _ => $crate::tub::failed($crate::tub::RemoteError::NoSuchMethod),
                }
            }
        }

        impl $iface {
            /// A reference to a local actor that answers this interface.
            #[allow(dead_code, reason = "who only calls has no such actor")]
            $vis fn of<A>(addr: $crate::actix::Addr<A>) -> $crate::tub::Ref<Self>
            where
                A: $crate::actix::Actor<Context = $crate::actix::Context<A>> $(+ $crate::actix::Handler<$message>)*,
            {
                fn table<A>(
                    addr: &$crate::actix::Addr<A>,
                    method: u16,
                    message: $crate::tub::AnyMessage,
                ) -> $crate::tub::Delivery
                where
                    A: $crate::actix::Actor<Context = $crate::actix::Context<A>> $(+ $crate::actix::Handler<$message>)*,
                {
                    match method {
                        $($ordinal => {
                            $crate::tub::plumbing::send_to_actor::<$iface, $message, A>(addr, message)
                        })*
                        _ => $crate::tub::failed($crate::tub::RemoteError::NoSuchMethod),
                    }
                }
                $crate::tub::Ref::local($crate::tub::plumbing::ActorObject::<Self, A>::new(addr, table::<A>))
            }
        }
    };
}
