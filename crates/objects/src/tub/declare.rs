//! The macro that declares interfaces.

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
/// A method whose calls each carry a part of much data is declared as `0 in bulk => Write { … }`: see
/// [`Call::IN_BULK`](crate::tub::Call::IN_BULK).
///
/// The name may be followed by [`HELD_MAX`](crate::tub::Interface::HELD_MAX), the path of a constant.
///
/// Ordinals and arguments are frozen once released: add a method or a `.v2`, never a field.
#[macro_export]
macro_rules! remote_interface {
    ($(#[$meta:meta])* $vis:vis interface $iface:ident = $name:literal $(, $held_max:path)? {
        $($(#[$method_meta:meta])* $ordinal:literal $(in $bulk:ident)? => $message:ident {
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
                $(const IN_BULK: bool = $crate::tub::plumbing::in_bulk(stringify!($bulk));)?
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
