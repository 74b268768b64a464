//! Objects over links.
//!
//! A [`Tub`] holds objects; a [`Furl`] names one and is the permission to use it; a [`Ref`] is a
//! live reference, the same type whether its object is an actor in this process or in another one.
//! [`remote_interface!`](crate::remote_interface) declares what an object answers to.
//!
//! Promises: whoever lacks the swissnum of an object, or a reference that somebody handed over,
//! cannot tell that it exists; calls to one object keep their order; what a peer makes this process
//! hold is bounded by credits that are checked on arrival, and a peer that breaks them is cut off;
//! dropping the last reference, or losing the link that held it, stops the object.
//!
//! Knows nothing of what the objects do.

mod accept;
mod budget;
pub mod codec;
mod conn;
mod dial;
mod error;
mod forward;
pub mod frame;
pub mod furl;
#[doc(hidden)]
pub mod fuzz;
pub mod identity;
mod interface;
mod lazy;
mod loopback;
mod network;
mod parser;
mod payload;
mod peers;
#[doc(hidden)]
pub mod plumbing;
mod progress;
mod promise;
mod prompt;
mod reconnect;
mod refs;
mod sturdy;
#[allow(clippy::module_inception, reason = "the tub is what the module is about")]
mod tub;
mod wire;

pub use error::RemoteError;
pub use forward::{Forward, Revoker};
pub use furl::{Furl, FurlError, Hint, Swissnum, SwissnumDigest, TubId};
pub use identity::Identity;
pub use interface::{
    AnyMessage, BoxFuture, Call, Delivery, Interface, MethodInfo, Object, failed, start,
};
pub use loopback::{Arrival, Faults, LoopbackNet};
pub use network::{BoxStream, Connecting, Listener, Network, Stream, Tcp};
pub use progress::Progress;
pub use promise::Promise;
pub use reconnect::Reconnector;
pub use refs::{CallFuture, Disconnected, Ref, Watch};
pub use sturdy::{Export, Restorer};
pub use tub::{Limits, Tub, TubOptions};
pub use wire::{Bulk, Incoming, Outgoing, Wire};
